//! Addresses to a stream: both families raced (RFC 8305), each address checked and each socket set up before it
//! leaves.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::health::Health;
use super::here;
use super::parent::ParentError;
use super::resolve::ResolveError;
use super::spec::{Buffers, Egress, Guard};
use crate::base::{EgressId, Fault, Name, Reason, Side, Target, clock, option};

/// Why a target was not reached.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// No such egress: a plan and its egresses do not belong together.
    #[error("no egress is named {0}")]
    NoEgress(EgressId),
    /// The name, of the origin or of the parent, has no addresses.
    #[error("{name}: {error}")]
    Resolve {
        /// Whose name it is.
        side: Side,
        /// The name.
        name: Name,
        /// Why.
        error: ResolveError,
    },
    /// Every address is in `[guard] deny`.
    #[error("every address of {0} is denied")]
    Denied(Target),
    /// The egress has a source address for the other family only.
    #[error("no address of {0} is of a family that the egress has a source address for")]
    NoFamily(Target),
    /// The last word of the network.
    #[error("{address}: {error}")]
    Connect {
        /// Whose address it is.
        side: Side,
        /// The address that was dialled.
        address: SocketAddr,
        /// What it said.
        error: io::Error,
    },
    /// The machine, or the rights of the process, do not allow what the egress asks for.
    #[error("cannot set {what}: {error}")]
    Local {
        /// The setting, as the configuration names it.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// No address answered within the egress's `connect_timeout`.
    #[error("no address of {target} answered within {} s", .after.as_secs_f32())]
    TimedOut {
        /// Whose addresses.
        side: Side,
        /// What was dialled.
        target: Target,
        /// The limit.
        after: Duration,
    },
    /// The parent was reached and opened no tunnel.
    #[error("the parent {0}")]
    Parent(#[from] ParentError),
    /// TLS with an https origin failed.
    #[error("no TLS with {target}: {error}")]
    Tls {
        /// The origin.
        target: Target,
        /// Why.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    /// HTTP could not be begun on the new connection.
    #[error("cannot begin HTTP: {0}")]
    Http(#[from] hyper::Error),
}

impl DialError {
    /// Whose doing, and why.
    pub fn fault(&self) -> Fault {
        match self {
            DialError::NoEgress(_) | DialError::Local { .. } | DialError::Http(_) => {
                Fault::new(Side::Proxy, Reason::Internal)
            }
            DialError::Resolve { side, error: ResolveError::NotFound, .. } => Fault::new(*side, Reason::NameNotFound),
            DialError::Resolve { .. } => Fault::new(Side::Proxy, Reason::ResolverFailed),
            DialError::Denied(_) => Fault::new(Side::Policy, Reason::AddressDenied),
            // The origin has done nothing: this way out is not for its family.
            DialError::NoFamily(_) => Fault::new(Side::Proxy, Reason::Unreachable),
            DialError::Connect { side, error, .. } => blame(*side, error),
            DialError::TimedOut { side, .. } => Fault::new(*side, Reason::ConnectTimeout),
            DialError::Parent(ParentError::Slow(_)) => Fault::new(Side::Parent, Reason::AnswerTimeout),
            DialError::Parent(ParentError::Closed | ParentError::Broken(_)) => Fault::new(Side::Parent, Reason::Reset),
            DialError::Parent(_) => Fault::new(Side::Parent, Reason::ParentRefused),
            DialError::Tls { .. } => Fault::new(Side::Origin, Reason::TlsFailed),
        }
    }
}

/// What a failed connect says of whom.
fn blame(far: Side, error: &io::Error) -> Fault {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkDown, NetworkUnreachable,
        TimedOut,
    };
    match error.kind() {
        ConnectionRefused => Fault::new(far, Reason::ConnectRefused),
        ConnectionReset | ConnectionAborted => Fault::new(far, Reason::Reset),
        TimedOut => Fault::new(far, Reason::ConnectTimeout),
        HostUnreachable | NetworkUnreachable | NetworkDown => Fault::new(far, Reason::Unreachable),
        // Descriptors, memory, ports, rights, a firewall's verdict on this machine.
        _ => Fault::new(Side::Proxy, Reason::Internal),
    }
}

/// What is dialled, and on whose behalf an error is reported.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub side: Side,
    pub target: &'a Target,
    /// What the connection may hold.
    pub buffers: Buffers,
    /// `None` for a parent: the configuration names it, so the guard has no say.
    pub guard: Option<&'a Guard>,
    /// The egress's: it is told of what its sockets want for.
    pub health: &'a Health,
}

/// The most addresses tried for one target: with one attempt each 250 ms, more would not be reached in time.
const MAX_CANDIDATES: usize = 32;
/// How long an attempt has to itself before the next begins (RFC 8305 section 5, "Connection Attempt Delay").
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// A stream to the first address that answers, within the egress's `connect_timeout`.
pub(super) async fn dial(
    call: Call<'_>,
    egress: &Egress,
    addresses: &[IpAddr],
    spare: &Arc<Semaphore>,
) -> Result<Reached, DialError> {
    let candidates = candidates(call, egress, addresses)?;
    let after = egress.connect_timeout;
    match tokio::time::timeout(after, race(call, egress, &candidates, spare)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(DialError::TimedOut { side: call.side, target: call.target.clone(), after }),
    }
}

/// The addresses that may be dialled, in the order to try them: families in turn, IPv6 first (RFC 8305 section 4).
fn candidates(call: Call<'_>, egress: &Egress, addresses: &[IpAddr]) -> Result<Vec<SocketAddr>, DialError> {
    // `::ffff:127.0.0.1` in a AAAA record is dialled as what it is, and so judged as what is dialled.
    let addresses = addresses.iter().map(IpAddr::to_canonical);
    let permitted: Vec<IpAddr> =
        addresses.filter(|address| call.guard.is_none_or(|guard| guard.permits(*address))).collect();
    if permitted.is_empty() {
        return Err(DialError::Denied(call.target.clone()));
    }
    // With a source for one family only, the other would leave from an address that nobody chose.
    let only_v4 = egress.source_v4.is_some() && egress.source_v6.is_none();
    let only_v6 = egress.source_v6.is_some() && egress.source_v4.is_none();
    let usable = permitted.into_iter().filter(|address| if address.is_ipv6() { !only_v4 } else { !only_v6 });
    let (v6, v4): (Vec<IpAddr>, Vec<IpAddr>) = usable.partition(IpAddr::is_ipv6);
    let mut order = Vec::with_capacity(v6.len() + v4.len());
    let (mut v6, mut v4) = (v6.into_iter(), v4.into_iter());
    loop {
        match (v6.next(), v4.next()) {
            (None, None) => break,
            (first, second) => order.extend(first.into_iter().chain(second)),
        }
    }
    order.truncate(MAX_CANDIDATES);
    if order.is_empty() {
        return Err(DialError::NoFamily(call.target.clone()));
    }
    Ok(order.into_iter().map(|address| SocketAddr::new(address, call.target.port)).collect())
}

/// A connection that was made.
#[derive(Debug)]
pub(super) struct Reached {
    pub stream: TcpStream,
    pub address: SocketAddr,
    /// From the first packet to its answer.
    pub round_trip: Duration,
    /// The largest segment that it carries, in bytes.
    pub segment: usize,
}

type Attempt = Pin<Box<dyn Future<Output = Result<Reached, DialError>> + Send>>;

/// Begins an attempt every [`ATTEMPT_DELAY`], or at once when one fails; there is at least one candidate. The first that
/// succeeds wins, and the rest are dropped, which closes them. One attempt has the flow's own descriptor; each that runs
/// beside it has one of those to spare, or waits: many flows to a site that is silent at many addresses must not take the
/// descriptors of all others.
async fn race(
    call: Call<'_>,
    egress: &Egress,
    candidates: &[SocketAddr],
    spare: &Arc<Semaphore>,
) -> Result<Reached, DialError> {
    let mut waiting = candidates.iter();
    let mut running: Vec<Attempt> = waiting.next().map(|address| attempt(call, egress, *address)).into_iter().collect();
    let mut told: Option<DialError> = None;
    loop {
        let finished = poll_fn(|cx| first_of(&mut running, cx));
        let outcome = if waiting.as_slice().is_empty() {
            Ok(finished.await)
        } else {
            tokio::time::timeout(ATTEMPT_DELAY, finished).await
        };
        match outcome {
            Ok(Ok(reached)) => return Ok(reached),
            Ok(Err(error)) => {
                let error = more_telling(told.take(), error);
                if running.is_empty() && waiting.as_slice().is_empty() {
                    return Err(error);
                }
                told = Some(error);
            }
            Err(_) => {}
        }
        if running.is_empty() {
            running.extend(waiting.next().map(|address| attempt(call, egress, *address)));
        } else if !waiting.as_slice().is_empty()
            && let Ok(place) = Arc::clone(spare).try_acquire_owned()
        {
            running.extend(waiting.next().map(|address| beside(place, attempt(call, egress, *address))));
        }
    }
}

fn beside(place: OwnedSemaphorePermit, attempt: Attempt) -> Attempt {
    Box::pin(async move {
        let _place = place;
        attempt.await
    })
}

fn first_of(running: &mut Vec<Attempt>, cx: &mut Context<'_>) -> Poll<Result<Reached, DialError>> {
    for at in 0..running.len() {
        if let Poll::Ready(outcome) = running[at].as_mut().poll(cx) {
            drop(running.swap_remove(at));
            return Poll::Ready(outcome);
        }
    }
    Poll::Pending
}

fn attempt(call: Call<'_>, egress: &Egress, address: SocketAddr) -> Attempt {
    let Call { side, buffers, health, .. } = call;
    // The socket is made here and not inside: a setting that fails is then known without polling.
    let socket = socket(egress, address, buffers);
    health.wants.made(egress, address.is_ipv6(), &socket);
    match socket {
        Err(error) => Box::pin(std::future::ready(Err(error))),
        Ok(socket) => Box::pin(async move {
            let began = clock::now();
            match socket.connect(address).await {
                Ok(stream) => {
                    let measured = option::round_trip(&stream).ok().filter(|time| !time.is_zero());
                    let round_trip = measured.unwrap_or_else(|| clock::now().duration_since(began));
                    let segment = fit(&stream, buffers.receive);
                    Ok(Reached { stream, address, round_trip, segment })
                }
                Err(error) => Err(DialError::Connect { side, address, error }),
            }
        }),
    }
}

/// A handshake offers no more than this (RFC 7323 section 2.2), and the buffer of that moment says for good by how much
/// windows can be scaled. So only one that is to offer less has its buffer before; it can grow to this and no further.
const UNSCALED: usize = 65_535;

/// The largest segment of a connection, whose window is set where it was not before. One that may hold less than two of them would stall: a receiver offers no part of
/// a segment (RFC 9293 section 3.8.6.2.2). Those of a LAN are 9 kB, of this machine itself 64 kB.
fn fit(stream: &TcpStream, receive: Option<usize>) -> usize {
    let socket = SockRef::from(stream);
    let segment = usize::try_from(socket.tcp_mss().unwrap_or(0)).unwrap_or(0);
    let late = receive.filter(|bytes| *bytes < 2 * segment || *bytes >= UNSCALED);
    if let Some(bytes) = late
        && let Err(error) = option::hold_unread(stream, bytes.max(2 * segment))
    {
        tracing::debug!(%error, "cannot set SO_RCVBUF or TCP_WINDOW_CLAMP");
    }
    segment
}

/// Of two failures, the one that says more of the target: a refusal proves that somebody is there, while
/// "unreachable" may only mean that this machine has no IPv6.
fn more_telling(told: Option<DialError>, error: DialError) -> DialError {
    let weight = |error: &DialError| match error.fault().reason {
        Reason::ConnectRefused => 4,
        Reason::Reset => 3,
        Reason::ConnectTimeout => 2,
        Reason::Unreachable => 0,
        _ => 1,
    };
    match told {
        Some(told) if weight(&told) >= weight(&error) => told,
        _ => error,
    }
}

/// A socket that leaves as the egress says, not yet connected.
fn socket(egress: &Egress, address: SocketAddr, buffers: Buffers) -> Result<TcpSocket, DialError> {
    let local = |what: &'static str| move |error: io::Error| DialError::Local { what, error };
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))
        .map_err(local("a socket"))?;
    // Small writes of an interactive tunnel must not wait for an acknowledgement.
    socket.set_tcp_nodelay(true).map_err(local("TCP_NODELAY"))?;
    // Before it connects: the window that the handshake offers is the first that a sender fills.
    if let Some(bytes) = buffers.receive.filter(|bytes| *bytes < UNSCALED) {
        socket.set_recv_buffer_size(bytes).map_err(local("SO_RCVBUF"))?;
    }
    if let Some(bytes) = buffers.send {
        socket.set_send_buffer_size(bytes).map_err(local("SO_SNDBUF"))?;
    }
    if let Some(rate) = buffers.pace {
        option::pace(&socket, rate).map_err(local("SO_MAX_PACING_RATE"))?;
    }
    if let Some(mark) = egress.fwmark {
        socket.set_mark(mark).map_err(local(here::MARK))?;
    }
    if let Some(interface) = &egress.interface {
        socket.bind_device(Some(interface.as_bytes())).map_err(local(here::INTERFACE))?;
    }
    if let Some(dscp) = egress.dscp {
        // The upper six bits of the octet; the lower two are ECN's (RFC 3168 section 5).
        let octet = u32::from(dscp) << 2;
        let set = if address.is_ipv6() { socket.set_tclass_v6(octet) } else { socket.set_tos_v4(octet) };
        set.map_err(local("dscp"))?;
    }
    if let Some(source) = source(egress, address) {
        socket.bind(&SocketAddr::new(source, 0).into()).map_err(local(here::SOURCE))?;
    }
    Ok(TcpSocket::from_std_stream(socket.into()))
}

fn source(egress: &Egress, address: SocketAddr) -> Option<IpAddr> {
    if address.is_ipv6() { egress.source_v6.map(IpAddr::V6) } else { egress.source_v4.map(IpAddr::V4) }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::base::clock;
    use crate::egress::lab::{egress, target};

    fn guard(deny: &[&str]) -> Guard {
        Guard { deny: deny.iter().map(|net| net.parse().unwrap()).collect(), ports: vec![] }
    }

    fn order(egress: &Egress, deny: &[&str], addresses: &[&str]) -> Result<Vec<String>, Fault> {
        let (guard, target) = (guard(deny), target("origin.example:80"));
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let call = Call {
            side: Side::Origin,
            target: &target,
            buffers: Buffers::default(),
            guard: Some(&guard),
            health: &Health::default(),
        };
        match candidates(call, egress, &addresses) {
            Ok(found) => Ok(found.iter().map(|address| address.ip().to_string()).collect()),
            Err(error) => Err(error.fault()),
        }
    }

    #[test]
    fn families_take_turns_and_ipv6_begins() {
        let all = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2"];
        let turns = ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "192.0.2.3"];
        let from_v4 = Egress { source_v4: Some([192, 0, 2, 9].into()), ..egress("a") };
        let from_v6 = Egress { source_v6: Some("2001:db8::9".parse().unwrap()), ..egress("a") };
        let from_both = Egress { source_v4: from_v4.source_v4, ..from_v6.clone() };
        for (egress, expected) in
            [(&egress("a"), &turns[..]), (&from_both, &turns), (&from_v4, &all[..3]), (&from_v6, &all[3..])]
        {
            assert_eq!(order(egress, &[], &all).unwrap(), expected, "{egress:?}");
        }
        let unreachable = Fault::new(Side::Proxy, Reason::Unreachable);
        assert_eq!(order(&from_v4, &[], &all[3..]), Err(unreachable));
        let many: Vec<String> = (0..100).map(|last| format!("192.0.2.{last}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(order(&egress("a"), &[], &many).unwrap().len(), MAX_CANDIDATES);
    }

    #[test]
    fn a_denied_address_is_never_dialled_however_it_is_written() {
        let deny = ["127.0.0.0/8", "::1/128", "169.254.0.0/16", "fe80::/10"];
        let denied = Fault::new(Side::Policy, Reason::AddressDenied);
        let plain = ["127.0.0.1", "::1", "169.254.169.254", "fe80::1", "0.0.0.0", "::"];
        // An IPv4 address in an IPv6 one: mapped, by NAT64's two prefixes, by 6to4.
        let within = [
            "::ffff:127.0.0.1",
            "::ffff:0.0.0.0",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::7f00:1",
            "2002:7f00:1::",
        ];
        for address in plain.into_iter().chain(within) {
            assert_eq!(order(&egress("a"), &deny, &[address]), Err(denied), "{address}");
            assert_eq!(order(&egress("a"), &deny, &[address, "192.0.2.1"]).unwrap(), ["192.0.2.1"], "{address}");
        }
        assert_eq!(
            order(&egress("a"), &deny, &["::ffff:192.0.2.1"]).unwrap(),
            ["192.0.2.1"],
            "dialled as it was judged"
        );
    }

    async fn dialled(egress: &Egress, addresses: &[&str], port: u16) -> Result<(TcpStream, SocketAddr), DialError> {
        dialled_beside(8, egress, addresses, port).await
    }

    async fn dialled_beside(
        spare: usize,
        egress: &Egress,
        addresses: &[&str],
        port: u16,
    ) -> Result<(TcpStream, SocketAddr), DialError> {
        let target = target(&format!("origin.example:{port}"));
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let call = Call {
            side: Side::Origin,
            target: &target,
            buffers: Buffers::default(),
            guard: None,
            health: &Health::default(),
        };
        let spare = Arc::new(Semaphore::new(spare));
        dial(call, egress, &addresses, &spare).await.map(|reached| (reached.stream, reached.address))
    }

    /// An address that answers to no SYN: a listener on this port whose queue is full. Keep what comes with it.
    fn black_hole(port: u16) -> Vec<Socket> {
        let address: SocketAddr = ([127, 0, 0, 3], port).into();
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&address.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let callers = (0..8).map(|_| {
            let caller = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None).unwrap();
            let _ = caller.connect(&address.into());
            caller
        });
        callers.chain([listener]).collect()
    }

    #[tokio::test]
    async fn an_address_that_does_not_answer_delays_the_next_a_quarter_of_a_second() {
        let listener = TcpListener::bind("127.0.0.2:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let _hole = black_hole(port);
        let began = clock::now();
        let (_, peer) = dialled(&egress("a"), &["127.0.0.3", "127.0.0.2"], port).await.unwrap();
        assert_eq!(peer.ip().to_string(), "127.0.0.2");
        assert!(began.elapsed() >= ATTEMPT_DELAY, "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn without_a_place_to_spare_addresses_are_tried_one_after_another() {
        let listener = TcpListener::bind("127.0.0.2:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let _hole = black_hole(port);
        let hurried = Egress { connect_timeout: ATTEMPT_DELAY * 3, ..egress("a") };
        let silent = ["127.0.0.3", "127.0.0.2"];
        assert!(dialled_beside(1, &hurried, &silent, port).await.is_ok());
        let error = dialled_beside(0, &hurried, &silent, port).await.unwrap_err();
        assert_eq!(error.fault(), Fault::new(Side::Origin, Reason::ConnectTimeout));
        // One that refuses gives its place to the next.
        assert!(dialled_beside(0, &hurried, &["127.0.1.1", "127.0.0.2"], port).await.is_ok());
    }

    #[tokio::test]
    async fn an_address_that_refuses_delays_the_next_not_at_all() {
        let listener = TcpListener::bind("127.0.0.2:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let began = clock::now();
        let refusing = ["127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.4", "127.0.1.5", "127.0.1.6", "127.0.0.2"];
        let (_, peer) = dialled(&egress("a"), &refusing, port).await.unwrap();
        assert_eq!(peer.ip().to_string(), "127.0.0.2");
        assert!(began.elapsed() < ATTEMPT_DELAY * 6, "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn when_nobody_answers_the_time_out_of_the_egress_ends_it() {
        let hurried = Egress { connect_timeout: Duration::from_millis(100), ..egress("a") };
        let hole = black_hole(0);
        let port = hole.last().unwrap().local_addr().unwrap().as_socket().unwrap().port();
        let error = dialled(&hurried, &["127.0.0.3"], port).await.unwrap_err();
        assert_eq!(error.fault(), Fault::new(Side::Origin, Reason::ConnectTimeout));
        assert_eq!(error.to_string(), format!("no address of origin.example:{port} answered within 0.1 s"));
    }

    #[tokio::test]
    async fn each_failure_has_its_side_and_reason() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let foreign = Egress { source_v4: Some([192, 0, 2, 77].into()), ..egress("a") };
        let nowhere = Egress { interface: Some("nosuch0".into()), ..egress("a") };
        for (egress, fault) in [
            (egress("a"), Fault::new(Side::Origin, Reason::ConnectRefused)),
            (foreign, Fault::new(Side::Proxy, Reason::Internal)),
            (nowhere, Fault::new(Side::Proxy, Reason::Internal)),
        ] {
            let error = dialled(&egress, &["127.0.0.1"], closed).await.unwrap_err();
            assert_eq!(error.fault(), fault, "{error}");
        }
    }

    #[test]
    fn what_the_system_says_becomes_a_side_and_a_reason() {
        for (number, reason) in [
            (111, Some(Reason::ConnectRefused)), // ECONNREFUSED
            (104, Some(Reason::Reset)),          // ECONNRESET
            (110, Some(Reason::ConnectTimeout)), // ETIMEDOUT
            (113, Some(Reason::Unreachable)),    // EHOSTUNREACH
            (101, Some(Reason::Unreachable)),    // ENETUNREACH
            (100, Some(Reason::Unreachable)),    // ENETDOWN
            (24, None),                          // EMFILE
            (23, None),                          // ENFILE
            (99, None),                          // EADDRNOTAVAIL
            (1, None),                           // EPERM
            (12, None),                          // ENOMEM
        ] {
            for side in [Side::Origin, Side::Parent] {
                let expected =
                    reason.map_or(Fault::new(Side::Proxy, Reason::Internal), |reason| Fault::new(side, reason));
                assert_eq!(blame(side, &io::Error::from_raw_os_error(number)), expected, "{number}");
            }
        }
    }

    #[test]
    fn of_several_failures_the_one_that_says_most_of_the_target_is_told() {
        let failure = |number| {
            let error = io::Error::from_raw_os_error(number);
            DialError::Connect { side: Side::Origin, address: ([192, 0, 2, 1], 80).into(), error }
        };
        for (numbers, told) in [
            ([101, 111], Reason::ConnectRefused),
            ([111, 101], Reason::ConnectRefused),
            ([101, 110], Reason::ConnectTimeout),
            ([101, 24], Reason::Internal),
            ([101, 113], Reason::Unreachable),
        ] {
            let last = numbers.into_iter().map(failure).fold(None, |told, error| Some(more_telling(told, error)));
            assert_eq!(last.unwrap().fault().reason, told, "{numbers:?}");
        }
    }

    #[tokio::test]
    async fn a_connection_leaves_as_the_egress_says() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let marked = Egress { source_v4: Some([127, 0, 0, 2].into()), dscp: Some(1), ..egress("a") };
        let (stream, _) = dialled(&marked, &["127.0.0.1"], port).await.unwrap();
        assert_eq!(listener.accept().unwrap().1.ip().to_string(), "127.0.0.2");
        assert_eq!(SockRef::from(&stream).tos_v4().unwrap(), 1 << 2);
        assert!(stream.nodelay().unwrap());
    }

    #[test]
    fn an_ipv6_socket_carries_the_dscp_too() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let _inside = runtime.enter();
        let marked = Egress { dscp: Some(46), ..egress("a") };
        let socket = socket(&marked, "[2001:db8::1]:80".parse().unwrap(), Buffers::default()).unwrap();
        assert_eq!(SockRef::from(&socket).tclass_v6().unwrap(), 46 << 2);
    }
}
