//! Every way out by its name, and the tunnels that are dialled through them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use foldhash::HashMap;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::dial::{Call, DialError, Reached, dial};
use super::health::{Health, Healths};
use super::parent;
use super::resolve::{ResolveError, Resolver};
use super::spec::{Buffers, Egress, Guard, Parent, Spec};
use crate::base::{EgressId, Host, Name, Side, Target, clock};

/// The ways out of one configuration. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Egresses {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    egresses: HashMap<EgressId, Arc<Egress>>,
    healths: HashMap<EgressId, Arc<Health>>,
    guard: Guard,
    resolver: Arc<Resolver>,
    /// Attempts to connect that may run beside each flow's first.
    spare: Arc<Semaphore>,
}

/// A connection that was made.
#[derive(Debug)]
pub struct Dialled {
    /// The connection, to the origin or to the parent.
    pub stream: TcpStream,
    /// The address that was dialled; a parent's, where there is one.
    pub peer: SocketAddr,
    /// What the origin sent while the tunnel through a parent was opened. The client must get it first.
    pub early: Bytes,
    /// Whether a parent is in between.
    pub parent: bool,
    /// From the first packet to its answer.
    pub round_trip: Duration,
    /// The largest segment that it carries, in bytes.
    pub segment: usize,
    /// How long the name took to resolve.
    pub resolve: Duration,
    /// How long the connection took to be made, with a parent's answer.
    pub connect: Duration,
}

/// The egress that is always there: the system's route, no option set.
pub const SYSTEM: &str = "system";

/// How long a connection through the built-in egress may take: three SYNs (at 0, 1 and 3 s) and time for a slow path.
const SYSTEM_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl Egresses {
    /// The ways out that a configuration describes, and the built-in one. Attempts to connect that run beside a flow's
    /// first have a permit of `spare` each; what becomes of connections is kept in `healths`.
    pub fn new(spec: &Spec, resolver: Arc<Resolver>, spare: Arc<Semaphore>, healths: &Healths) -> Self {
        let mut egresses: HashMap<EgressId, Arc<Egress>> =
            spec.egresses.iter().map(|egress| (egress.id.clone(), Arc::new(egress.clone()))).collect();
        let system = |id: &EgressId| Arc::new(Egress::bare(id.clone(), SYSTEM_CONNECT_TIMEOUT));
        egresses.entry(EgressId::from(SYSTEM)).or_insert_with_key(system);
        let healths = egresses.keys().map(|id| (id.clone(), healths.of(id))).collect();
        Egresses { inner: Arc::new(Inner { egresses, healths, guard: spec.guard.clone(), resolver, spare }) }
    }

    /// Connects to a target through an egress: directly, or by CONNECT through its parent.
    ///
    /// # Errors
    /// When the target is denied, not found, not reached in time, or refused by the parent.
    pub async fn tunnel(&self, id: &EgressId, target: &Target, buffers: Buffers) -> Result<Dialled, DialError> {
        let egress = self.egress(id)?;
        let attempt = self.health(egress).attempt(&target.host);
        let dialled = match &egress.parent {
            None => self.direct(egress, target, buffers).await,
            Some(parent) => self.through(egress, parent, target, buffers).await,
        };
        attempt.ended(&dialled);
        dialled
    }

    /// An egress by its name.
    pub(super) fn egress(&self, id: &EgressId) -> Result<&Arc<Egress>, DialError> {
        self.inner.egresses.get(id).ok_or_else(|| DialError::NoEgress(id.clone()))
    }

    /// A connection to the parent itself, for requests in absolute form.
    pub(super) async fn to_parent(
        &self,
        egress: &Egress,
        parent: &Parent,
        target: &Target,
        buffers: Buffers,
    ) -> Result<Dialled, DialError> {
        let attempt = self.health(egress).attempt(&target.host);
        let dialled = self.parent(egress, parent, target, buffers).await;
        attempt.ended(&dialled);
        dialled
    }

    fn health(&self, egress: &Egress) -> Arc<Health> {
        // Each egress has one from the start.
        self.inner.healths.get(&egress.id).cloned().unwrap_or_default()
    }

    async fn parent(
        &self,
        egress: &Egress,
        parent: &Parent,
        target: &Target,
        buffers: Buffers,
    ) -> Result<Dialled, DialError> {
        self.permit_literal(target)?;
        let health = self.health(egress);
        let call = Call { side: Side::Parent, target: &parent.target, buffers, guard: None, health: &health };
        Ok(Dialled { parent: true, ..self.reach(call, egress).await? })
    }

    /// Whether a name has this address, or had it of late.
    ///
    /// # Errors
    /// When it has none, or nobody could be asked.
    pub async fn leads_to(&self, name: &Name, address: IpAddr) -> Result<bool, ResolveError> {
        self.inner.resolver.leads_to(name, address).await
    }

    /// Whether this address may be dialled.
    pub(super) fn permits(&self, address: IpAddr) -> bool {
        self.inner.guard.permits(address)
    }

    /// A parent resolves names, so of those we see no address; but a literal is as plain to us as to it.
    pub(super) fn permit_literal(&self, target: &Target) -> Result<(), DialError> {
        match target.host {
            Host::Addr(address) if !self.permits(address) => Err(DialError::Denied(target.clone())),
            _ => Ok(()),
        }
    }

    async fn direct(&self, egress: &Egress, target: &Target, buffers: Buffers) -> Result<Dialled, DialError> {
        let (guard, health) = (Some(&self.inner.guard), self.health(egress));
        self.reach(Call { side: Side::Origin, target, buffers, guard, health: &health }, egress).await
    }

    async fn through(
        &self,
        egress: &Egress,
        parent: &Parent,
        target: &Target,
        buffers: Buffers,
    ) -> Result<Dialled, DialError> {
        let mut dialled = self.parent(egress, parent, target, buffers).await?;
        let began = clock::now();
        let left = egress.connect_timeout.saturating_sub(dialled.connect);
        let opened = parent::open(&mut dialled.stream, parent, target, left).await;
        dialled.connect += clock::now().duration_since(began);
        dialled.early = opened?;
        Ok(dialled)
    }

    async fn reach(&self, call: Call<'_>, egress: &Egress) -> Result<Dialled, DialError> {
        let began = clock::now();
        let addresses = match &call.target.host {
            Host::Addr(address) => vec![*address],
            Host::Name(name) => self.inner.resolver.addresses(name).await.map_err(|error| DialError::Resolve {
                side: call.side,
                name: name.clone(),
                error,
            })?,
        };
        let resolved = clock::now();
        let Reached { stream, address, round_trip, segment } =
            dial(call, egress, &addresses, &self.inner.spare).await?;
        Ok(Dialled {
            stream,
            peer: address,
            round_trip,
            segment,
            early: Bytes::new(),
            parent: false,
            resolve: resolved.duration_since(began),
            connect: clock::now().duration_since(resolved),
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::base::{Fault, Reason};
    use crate::egress::lab::{Act, OK, Server, egress, egresses, target, with_parent};

    #[tokio::test]
    async fn a_tunnel_goes_straight_to_an_origin_by_name_or_address() {
        let origin = Server::start(vec![vec![], vec![]]).await;
        let ways = egresses(&[], &[]);
        for host in ["origin.example", "127.0.0.1"] {
            let target = target(&format!("{host}:{}", origin.address.port()));
            let dialled = ways.tunnel(&SYSTEM.into(), &target, Buffers::default()).await.unwrap();
            assert_eq!((dialled.peer, dialled.parent), (origin.address, false), "{host}");
        }
    }

    #[tokio::test]
    async fn a_tunnel_through_a_parent_keeps_what_the_origin_said_first() {
        let parent = Server::start(vec![vec![Act::Open("220 mail.example ESMTP\r\n")]]).await;
        let ways = egresses(&[with_parent("out", parent.address)], &["127.0.0.0/8"]);
        // A name that only the parent can resolve; and the parent's own address is not the guard's business.
        let mut dialled = ways.tunnel(&"out".into(), &target("mail.far.example:25"), Buffers::default()).await.unwrap();
        assert_eq!((dialled.peer, dialled.parent), (parent.address, true));
        assert_eq!(
            parent.heads(),
            ["CONNECT mail.far.example:25 HTTP/1.1\r\nHost: mail.far.example:25\r\n\
              Proxy-Authorization: Basic Z2F0ZXdheTpvcGVuIHNlc2FtZQ==\r\n\r\n"]
        );
        let mut said = dialled.early.to_vec();
        while said.len() < 24 {
            assert_ne!(dialled.stream.read_buf(&mut said).await.unwrap(), 0);
        }
        assert_eq!(said, b"220 mail.example ESMTP\r\n");
    }

    #[tokio::test]
    async fn each_failure_has_its_side_and_reason() {
        let login = Act::Answer("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
        let garbled = Act::Answer("SSH-2.0-OpenSSH\r\n");
        let parent = Server::start(vec![vec![login], vec![garbled], vec![Act::HangUp]]).await;
        let mut lost = with_parent("lost", parent.address);
        lost.parent.as_mut().unwrap().target = target("nowhere:3128");
        let mut dead = with_parent("dead", parent.address);
        dead.parent.as_mut().unwrap().target.port = 9;
        let ways = egresses(&[egress("direct"), with_parent("out", parent.address), lost, dead], &["127.0.0.0/8"]);
        for (id, target, side, reason) in [
            ("direct", "127.0.0.1:80", Side::Policy, Reason::AddressDenied),
            ("direct", "[::ffff:127.0.0.1]:80", Side::Policy, Reason::AddressDenied),
            ("direct", "0.0.0.0:80", Side::Policy, Reason::AddressDenied),
            ("direct", "origin.example:80", Side::Policy, Reason::AddressDenied),
            ("direct", "printer:80", Side::Origin, Reason::NameNotFound),
            ("direct", "far.example:80", Side::Proxy, Reason::ResolverFailed),
            ("out", "127.0.0.1:80", Side::Policy, Reason::AddressDenied),
            ("out", "a.example:80", Side::Parent, Reason::ParentRefused),
            ("out", "b.example:80", Side::Parent, Reason::ParentRefused),
            ("out", "c.example:80", Side::Parent, Reason::Reset),
            ("lost", "a.example:80", Side::Parent, Reason::NameNotFound),
            ("dead", "a.example:80", Side::Parent, Reason::ConnectRefused),
            ("unheard-of", "a.example:80", Side::Proxy, Reason::Internal),
        ] {
            let error =
                ways.tunnel(&id.into(), &crate::egress::lab::target(target), Buffers::default()).await.unwrap_err();
            assert_eq!(error.fault(), Fault::new(side, reason), "{id} {target}: {error}");
        }
    }

    #[tokio::test]
    async fn no_more_of_the_answer_is_read_than_its_head() {
        let parent = Server::start(vec![vec![Act::Open(""), OK]]).await;
        let ways = egresses(&[with_parent("out", parent.address)], &[]);
        let dialled = ways.tunnel(&"out".into(), &target("far.example:80"), Buffers::default()).await.unwrap();
        assert!(dialled.early.is_empty());
        assert!(dialled.connect > Duration::ZERO);
    }
}
