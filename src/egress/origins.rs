//! HTTP/1.1 towards origins and parents: connections that are kept alive and used again.

use std::error::Error;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HeaderValue;
use hyper::{Request, Response};
use rustls::RootCertStore;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::dial::DialError;
use super::egresses::Egresses;
use super::parent;
use super::pool::{MAX_IDLE, Pool};
use super::repeat::{copy_of, is_closed, may_repeat};
use super::spec::{Buffers, Egress};
use super::tls::{self, Stream, Tls};
use crate::base::{EgressId, Fault, Reason, Scheme, Side, Target, clock};

/// What a request carries towards an origin.
pub type Body = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// Lets a connection be made, when its time has come. A connection that is there already needs no leave.
pub trait Admission: Send + Sync {
    /// Whether connections are bounded in what they may hold; those that are, are not used by others.
    fn bounds(&self) -> bool;
    /// Waits for leave, and says what the connection may hold.
    fn admit<'a>(&'a self) -> Pin<Box<dyn Future<Output = Buffers> + Send + 'a>>;
}

/// Connections to origins and parents that speak HTTP/1.1. They outlive configurations; cheap to clone.
#[derive(Clone)]
pub struct Origins {
    inner: Arc<Inner>,
}

struct Inner {
    kept: Mutex<Kept>,
    tls: Tls,
    tracker: TaskTracker,
    closing: CancellationToken,
}

struct Kept {
    pool: Pool<Key, Warm>,
    /// Whether the task that closes old connections runs; there is never a second one.
    sweeping: bool,
}

/// What an idle connection can be used for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Key {
    Origin { egress: EgressId, scheme: Scheme, target: Target },
    Parent { egress: EgressId },
}

/// A connection that is open.
struct Warm {
    connection: SendRequest<Body>,
    peer: SocketAddr,
    /// Closes the connection, whatever is under way on it.
    driver: AbortHandle,
    /// How it was made: after a reload the egress of this name may be another one.
    egress: Arc<Egress>,
    /// Whether it is bounded in what it may hold.
    bounded: bool,
}

/// Where requests go, and how.
struct Route<'a> {
    egresses: &'a Egresses,
    id: &'a EgressId,
    egress: Arc<Egress>,
    scheme: Scheme,
    target: &'a Target,
    admission: &'a dyn Admission,
}

/// A connection that is ready for one request.
pub struct Sender<'a> {
    route: Route<'a>,
    lease: Lease,
    made: Option<Made>,
}

/// A connection that one exchange has for itself. Dropped before it is [`Lease::done`], the connection is closed: on it
/// is still what nobody waits for any more, a request that the origin does not take or an answer that nobody reads.
pub struct Lease {
    origins: Origins,
    key: Key,
    warm: Warm,
    cut: Cut,
}

/// Closes a connection when it is dropped, unless it was taken away before.
struct Cut(Option<AbortHandle>);

impl Cut {
    fn away(mut self) {
        self.0 = None;
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        if let Some(driver) = &self.0 {
            driver.abort();
        }
    }
}

/// How long a fresh connection took.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Made {
    /// From the first packet to its answer.
    pub round_trip: Duration,
    /// To resolve the name.
    pub resolve: Duration,
    /// To connect, with a parent's answer and TLS.
    pub connect: Duration,
}

/// The answer to a request, and the connection it comes over.
pub struct Answer {
    /// The answer. An upgrade takes the connection with it.
    pub response: Response<Incoming>,
    /// To be done with when the answer's body was read to its end.
    pub lease: Lease,
    /// How long a fresh connection took that had to take the place of a kept one.
    pub remade: Option<Made>,
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The connection used again was closed meanwhile, and a fresh one could not be made.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The connection broke, or the answer could not be read, or the request's own body failed.
    #[error("no answer from the {side}: {error}")]
    Http {
        /// Who should have answered.
        side: Side,
        /// What happened.
        error: hyper::Error,
    },
}

impl SendError {
    /// Whose doing, and why.
    pub fn fault(&self) -> Fault {
        match self {
            SendError::Dial(error) => error.fault(),
            SendError::Http { side, error } => fault_of(*side, error),
        }
    }
}

/// Whose doing an error of HTTP with `far` is, and why: of a request sent, or of an answer's body being read.
pub fn fault_of(far: Side, error: &hyper::Error) -> Fault {
    if error.is_user() {
        // The request's body comes from the client, and only it can fail.
        Fault::new(Side::Client, Reason::Reset)
    } else if error.is_parse() {
        Fault::new(far, Reason::BadAnswer)
    } else {
        Fault::new(far, Reason::Reset)
    }
}

/// The most that is read ahead of an answer, and so the largest head: four times what common servers send at most. A
/// larger one would only let bytes pass a tube before they are paid for.
const MAX_BUFFER: usize = 64 * 1024;

impl Origins {
    /// Origins whose certificates the system's roots vouch for (`SSL_CERT_FILE` names others); they are read once, here.
    /// Connections belong to `tracker`; at most `most_idle` wait for their next request.
    pub fn new(tracker: TaskTracker, most_idle: usize) -> Self {
        Self::with_tls(tracker, most_idle, Tls::of_system())
    }

    /// Origins whose certificates these roots vouch for.
    pub fn with_roots(tracker: TaskTracker, most_idle: usize, roots: RootCertStore) -> Self {
        Self::with_tls(tracker, most_idle, Tls::with_roots(roots))
    }

    fn with_tls(tracker: TaskTracker, most_idle: usize, tls: Tls) -> Self {
        let kept = Mutex::new(Kept { pool: Pool::new(most_idle), sweeping: false });
        Origins { inner: Arc::new(Inner { kept, tls, tracker, closing: CancellationToken::new() }) }
    }

    /// Others, with connections and places of their own, whose certificates are checked the same way.
    pub fn beside(&self, most_idle: usize) -> Self {
        Self::with_tls(self.inner.tracker.clone(), most_idle, self.inner.tls.clone())
    }

    /// A connection for one request to `target` through an egress: one that is there already, or a fresh one.
    ///
    /// # Errors
    /// When the target is denied, not found, not reached in time, refused by the parent, or not to be trusted.
    pub async fn sender<'a>(
        &self,
        egresses: &'a Egresses,
        id: &'a EgressId,
        scheme: Scheme,
        target: &'a Target,
        admission: &'a dyn Admission,
    ) -> Result<Sender<'a>, DialError> {
        let egress = egresses.egress(id)?.clone();
        egresses.permit_literal(target)?;
        let route = Route { egresses, id, egress, scheme, target, admission };
        let key = route.key();
        let kept = self.kept().pool.take(&key, clock::now(), |warm| warm.usable() && route.accepts(warm));
        match kept {
            Some(warm) => Ok(Sender { route, lease: Lease::of(self, key, warm), made: None }),
            // In a place of its own: few requests need one, and all would be as large as its state.
            None => Box::pin(self.fresh(route, key)).await,
        }
    }

    /// Drops every idle connection and keeps none from now on, so that the tracker can come to its end.
    pub fn close(&self) {
        self.inner.closing.cancel();
        self.kept().pool.clear();
    }

    /// How many idle connections are kept.
    pub fn idle(&self) -> usize {
        self.kept().pool.len()
    }

    async fn fresh<'a>(&self, route: Route<'a>, key: Key) -> Result<Sender<'a>, DialError> {
        let buffers = route.admission.admit().await;
        let bounded = buffers.receive.is_some();
        let (stream, peer, made) = route.connect(&self.inner.tls, buffers).await?;
        let handshake = http1::Builder::new().max_buf_size(MAX_BUFFER).handshake(stream);
        let (connection, driver) = handshake.await?;
        let driver = self.inner.tracker.spawn(drive(driver.with_upgrades())).abort_handle();
        let warm = Warm { connection, peer, driver, egress: route.egress.clone(), bounded };
        Ok(Sender { route, lease: Lease::of(self, key, warm), made: Some(made) })
    }

    /// Keeps a connection for the next request.
    fn keep(&self, key: Key, warm: Warm) {
        let sweeping = {
            let mut kept = self.kept();
            // Under the lock, so that `close` either sees this one or is seen.
            if self.inner.closing.is_cancelled() {
                return;
            }
            kept.pool.put(key, warm, clock::now());
            std::mem::replace(&mut kept.sweeping, true)
        };
        if !sweeping {
            self.inner.tracker.spawn(self.clone().sweep());
        }
    }

    /// Closes connections that waited too long, until none is left.
    async fn sweep(self) {
        loop {
            let rest = tokio::time::timeout(MAX_IDLE / 4, self.inner.closing.cancelled());
            if rest.await.is_ok() {
                return;
            }
            let mut kept = self.kept();
            kept.pool.expire(clock::now(), Warm::usable);
            if kept.pool.len() == 0 {
                kept.sweeping = false;
                return;
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.inner.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    fn of(origins: &Origins, key: Key, warm: Warm) -> Self {
        let cut = Cut(Some(warm.driver.clone()));
        Lease { origins: origins.clone(), key, warm, cut }
    }

    /// The other end; a parent, where there is one.
    pub fn peer(&self) -> SocketAddr {
        self.warm.peer
    }

    /// The answer was read to its end: the connection is kept for the next request. One whose request is still going up
    /// is kept when that is through, and closed when its client is `gone` before.
    pub fn done(self, gone: &CancellationToken) {
        let Lease { origins, key, mut warm, cut } = self;
        if warm.connection.is_ready() {
            cut.away();
            return origins.keep(key, warm);
        }
        let (tracker, gone) = (origins.inner.tracker.clone(), gone.clone());
        tracker.spawn(async move {
            tokio::select! {
                biased;
                ready = warm.connection.ready() => {
                    cut.away();
                    if ready.is_ok() {
                        origins.keep(key, warm);
                    }
                }
                () = gone.cancelled() => drop(cut),
            }
        });
    }

    /// The connection has become something else, and goes on without this.
    pub fn given_up(self) {
        self.cut.away();
    }

    /// One request, one answer. A request that never left comes back with the error.
    async fn exchange(&mut self, request: Request<Body>) -> Result<Response<Incoming>, Unanswered> {
        self.warm.connection.try_send_request(request).await.map_err(|mut failed| {
            let unsent = failed.take_message();
            Box::new((unsent, failed.into_error()))
        })
    }
}

impl Sender<'_> {
    /// Whether the request must name its target in absolute form, because it goes to a parent (RFC 9112 section 3.2.2).
    pub fn absolute_form(&self) -> bool {
        self.route.absolute_form()
    }

    /// The `Proxy-Authorization` to add, where the parent wants one.
    pub fn authorization(&self) -> Option<HeaderValue> {
        let parent = self.route.egress.parent.as_ref().filter(|_| self.absolute_form())?;
        let mut value = HeaderValue::from_str(&parent::authorization(parent)?).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Whether a parent is in between.
    pub fn through_parent(&self) -> bool {
        self.route.egress.parent.is_some()
    }

    /// Whether the connection was there already.
    pub fn reused(&self) -> bool {
        self.made.is_none()
    }

    /// The address at the other end; a parent's, where there is one.
    pub fn peer(&self) -> SocketAddr {
        self.lease.warm.peer
    }

    /// How long the connection took to be made; `None` when it was there already.
    pub fn made(&self) -> Option<Made> {
        self.made
    }

    /// Sends a request, its URI in the form that [`Sender::absolute_form`] asks for, and waits for the head of the
    /// answer. A connection used again may have been closed just now; a request that can be repeated is then sent once
    /// more, over a fresh one.
    ///
    /// # Errors
    /// When the connection breaks, the answer is not HTTP, or the request's body fails.
    pub async fn send(self, request: Request<Body>) -> Result<Answer, SendError> {
        let copy = if self.reused() { copy_of(&request) } else { None };
        let side = if self.absolute_form() { Side::Parent } else { Side::Origin };
        let Sender { route, mut lease, made } = self;
        let (unsent, error) = match lease.exchange(request).await {
            Ok(response) => return Ok(Answer { response, lease, remade: None }),
            Err(failed) => *failed,
        };
        let repeat = may_repeat(made.is_none(), unsent.is_some(), copy.is_some(), is_closed(&error));
        let Some(request) = unsent.or(copy).filter(|_| repeat) else { return Err(SendError::Http { side, error }) };
        let Sender { mut lease, made, .. } = Box::pin(lease.origins.fresh(route, lease.key.clone())).await?;
        match lease.exchange(request).await {
            Ok(response) => Ok(Answer { response, lease, remade: made }),
            Err(failed) => Err(SendError::Http { side, error: failed.1 }),
        }
    }
}

/// A request that has no answer: itself, where it never left, and why.
type Unanswered = Box<(Option<Request<Body>>, hyper::Error)>;

/// Drives a connection until it ends.
async fn drive<F>(connection: F)
where
    F: Future<Output = hyper::Result<()>>,
{
    if let Err(error) = connection.await {
        // Whoever waits for an answer learns it too; an idle connection that breaks concerns nobody.
        tracing::debug!(%error, "a connection to an origin broke");
    }
}

impl Warm {
    fn usable(&self) -> bool {
        self.connection.is_ready() && !self.connection.is_closed()
    }
}

impl Route<'_> {
    fn absolute_form(&self) -> bool {
        self.egress.parent.is_some() && self.scheme == Scheme::Http
    }

    fn key(&self) -> Key {
        if self.absolute_form() {
            Key::Parent { egress: self.id.clone() }
        } else {
            Key::Origin { egress: self.id.clone(), scheme: self.scheme, target: self.target.clone() }
        }
    }

    /// Whether an idle connection would be made alike today: a reload may have changed its egress or the guard.
    fn accepts(&self, warm: &Warm) -> bool {
        let permitted = self.egress.parent.is_some() || self.egresses.permits(warm.peer.ip());
        permitted
            && warm.bounded == self.admission.bounds()
            && (Arc::ptr_eq(&self.egress, &warm.egress) || self.egress == warm.egress)
    }

    async fn connect(&self, tls: &Tls, buffers: Buffers) -> Result<(Stream, SocketAddr, Made), DialError> {
        let dialled = match &self.egress.parent {
            Some(parent) if self.absolute_form() => {
                self.egresses.to_parent(&self.egress, parent, self.target, buffers).await?
            }
            _ => self.egresses.tunnel(self.id, self.target, buffers).await?,
        };
        let (peer, resolve, connected) = (dialled.peer, dialled.resolve, dialled.connect);
        let round_trip = dialled.round_trip;
        let began = clock::now();
        let left = self.egress.connect_timeout.saturating_sub(connected);
        let stream = tokio::time::timeout(left, tls::wrap(dialled, self.scheme, self.target, tls))
            .await
            .unwrap_or_else(|_| {
                let (target, after) = (self.target.clone(), self.egress.connect_timeout);
                Err(DialError::TimedOut { side: Side::Origin, target, after })
            })?;
        Ok((stream, peer, Made { round_trip, resolve, connect: connected + clock::now().duration_since(began) }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hyper::header::{CONNECTION, HOST, PROXY_AUTHORIZATION, UPGRADE};
    use tokio::io::AsyncReadExt;

    use super::super::repeat::empty;
    use super::*;
    use crate::egress::lab::{Act, OK, Server, egress, egresses, target, with_parent, within};
    use http_body_util::BodyExt;

    const LAST: Act = Act::Answer("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");

    /// Lets everybody connect, and hold what they like.
    struct Anybody;

    impl Admission for Anybody {
        fn bounds(&self) -> bool {
            false
        }

        fn admit<'a>(&'a self) -> Pin<Box<dyn Future<Output = Buffers> + Send + 'a>> {
            Box::pin(async { Buffers::default() })
        }
    }

    /// The name of an egress, for as long as anybody asks.
    fn id(name: &str) -> &'static EgressId {
        Box::leak(Box::new(name.into()))
    }

    fn origins() -> Origins {
        Origins::with_roots(TaskTracker::new(), 64, RootCertStore::empty())
    }

    fn request(method: &str, uri: &str, body: &'static str) -> Request<Body> {
        let body = if body.is_empty() {
            empty()
        } else {
            http_body_util::Full::from(body).map_err(|never| match never {}).boxed_unsync()
        };
        Request::builder().method(method).uri(uri).header(HOST, "origin.example").body(body).unwrap()
    }

    async fn body_of(answer: Answer) -> String {
        let body = answer.response.into_body().collect().await.unwrap().to_bytes();
        answer.lease.done(&CancellationToken::new());
        String::from_utf8(body.to_vec()).unwrap()
    }

    /// One exchange to its end: whether the connection was there already, and the body.
    async fn fetch(origins: &Origins, ways: &Egresses, egress: &str, target: &Target) -> (bool, String) {
        let sender = origins.sender(ways, id(egress), Scheme::Http, target, &Anybody).await.unwrap();
        let reused = sender.reused();
        (reused, body_of(sender.send(request("GET", "/", "")).await.unwrap()).await)
    }

    async fn kept(origins: &Origins, count: usize) {
        within(Duration::from_secs(5), async || origins.idle() == count).await;
    }

    #[tokio::test]
    async fn a_connection_is_used_again_once_its_answer_was_read() {
        let server = Server::start(vec![vec![OK, OK, LAST], vec![OK]]).await;
        let (origins, ways) = (origins(), egresses(&[], &[]));
        let target = target(&format!("origin.example:{}", server.address.port()));
        for expected in [(false, 1), (true, 1), (true, 0), (false, 1)] {
            let (reused, body) = fetch(&origins, &ways, "system", &target).await;
            assert_eq!((reused, body.as_str()), (expected.0, "ok"));
            kept(&origins, expected.1).await;
        }
        assert_eq!(server.peers().len(), 2);
        assert!(server.heads()[0].starts_with("GET / HTTP/1.1\r\nhost: origin.example\r\n"), "{:?}", server.heads());
    }

    #[tokio::test]
    async fn a_connection_is_kept_for_its_own_egress_scheme_and_target() {
        let server = Server::start(vec![vec![OK]; 4]).await;
        let (origins, ways) = (origins(), egresses(&[egress("a"), egress("b")], &[]));
        for (count, (id, host)) in
            (1..).zip([("a", "origin.example"), ("b", "origin.example"), ("a", "other.example"), ("a", "127.0.0.1")])
        {
            let target = target(&format!("{host}:{}", server.address.port()));
            assert!(!fetch(&origins, &ways, id, &target).await.0, "{id} {host}");
            kept(&origins, count).await;
        }
    }

    #[tokio::test]
    async fn after_a_reload_only_what_would_be_made_alike_is_used_again() {
        let server = Server::start(vec![vec![OK, OK], vec![OK]]).await;
        let target = target(&format!("origin.example:{}", server.address.port()));
        let origins = origins();
        let marked = Egress { dscp: Some(1), ..egress("a") };
        for (ways, reused) in [
            (egresses(&[egress("a")], &[]), false),
            (egresses(&[egress("a")], &[]), true),
            (egresses(&[marked], &[]), false),
        ] {
            assert_eq!(fetch(&origins, &ways, "a", &target).await.0, reused);
            kept(&origins, 1).await;
        }
        let guarded = egresses(&[egress("a")], &["127.0.0.0/8"]);
        let denied = origins.sender(&guarded, id("a"), Scheme::Http, &target, &Anybody).await.err().unwrap();
        assert_eq!(denied.fault(), Fault::new(Side::Policy, Reason::AddressDenied));
    }

    #[tokio::test]
    async fn a_request_that_meets_a_closed_connection_is_repeated_only_when_that_does_no_harm() {
        for (method, body, outcome) in [
            ("GET", "", Ok(())),
            ("HEAD", "", Ok(())),
            ("POST", "data", Err(Fault::new(Side::Origin, Reason::Reset))),
            ("GET", "data", Err(Fault::new(Side::Origin, Reason::Reset))),
            ("DELETE", "", Err(Fault::new(Side::Origin, Reason::Reset))),
        ] {
            // The server takes the second request of the first connection and closes it without a word.
            let server = Server::start(vec![vec![OK, Act::HangUp], vec![OK]]).await;
            let (origins, ways) = (origins(), egresses(&[], &[]));
            let target = target(&format!("origin.example:{}", server.address.port()));
            fetch(&origins, &ways, "system", &target).await;
            kept(&origins, 1).await;
            let sender = origins.sender(&ways, id("system"), Scheme::Http, &target, &Anybody).await.unwrap();
            assert!(sender.reused());
            let answer = sender.send(request(method, "/", body)).await;
            assert!(answer.as_ref().map_or(outcome.is_err(), |answer| answer.remade.is_some()), "{method} {body}");
            assert_eq!(answer.as_ref().map(|_| ()).map_err(SendError::fault), outcome, "{method} {body}");
            assert_eq!(server.peers().len(), if outcome.is_ok() { 2 } else { 1 }, "{method} {body}");
        }
    }

    #[test]
    fn what_is_repeated() {
        for (reused, unsent, harmless, closed, repeated) in [
            (true, true, false, true, true),
            (true, false, true, true, true),
            (true, false, false, true, false),
            (true, false, true, false, false),
            (false, true, true, true, false),
            (false, false, true, true, false),
        ] {
            assert_eq!(may_repeat(reused, unsent, harmless, closed), repeated, "{reused} {unsent} {harmless} {closed}");
        }
    }

    #[tokio::test]
    async fn what_is_wrong_with_an_answer_has_its_side_and_reason() {
        for (act, reason) in [
            (Act::HangUp, Reason::Reset),
            (Act::Answer("SSH-2.0-OpenSSH\r\n\r\n"), Reason::BadAnswer),
            (Act::Answer("HTTP/1.1 abc\r\n\r\n"), Reason::BadAnswer),
        ] {
            for through_parent in [false, true] {
                let server = Server::start(vec![vec![act.clone()]]).await;
                let (name, side) = if through_parent { ("out", Side::Parent) } else { ("system", Side::Origin) };
                let ways = egresses(&[with_parent("out", server.address)], &[]);
                let target = target(&format!("origin.example:{}", server.address.port()));
                let sender = origins().sender(&ways, id(name), Scheme::Http, &target, &Anybody).await.unwrap();
                let error = sender.send(request("GET", "/", "")).await.err().unwrap();
                assert_eq!(error.fault(), Fault::new(side, reason), "{error}");
            }
        }
    }

    #[tokio::test]
    async fn a_parent_gets_absolute_form_and_its_connection_serves_every_target() {
        let parent = Server::start(vec![vec![OK, OK]]).await;
        let (origins, ways) = (origins(), egresses(&[with_parent("out", parent.address)], &["10.0.0.0/8"]));
        for (host, reused) in [("far.example", false), ("further.example", true)] {
            let target = target(&format!("{host}:80"));
            let sender = origins.sender(&ways, id("out"), Scheme::Http, &target, &Anybody).await.unwrap();
            assert_eq!((sender.absolute_form(), sender.reused(), sender.peer()), (true, reused, parent.address));
            let mut request = request("GET", &format!("http://{host}/"), "");
            request.headers_mut().insert(PROXY_AUTHORIZATION, sender.authorization().unwrap());
            assert_eq!(body_of(sender.send(request).await.unwrap()).await, "ok");
            kept(&origins, 1).await;
        }
        assert!(parent.heads()[1].starts_with("GET http://further.example/ HTTP/1.1\r\n"), "{:?}", parent.heads());
        assert!(parent.heads()[1].contains("proxy-authorization: Basic Z2F0ZXdheTpvcGVuIHNlc2FtZQ==\r\n"));
        let denied =
            origins.sender(&ways, id("out"), Scheme::Http, &target("10.1.2.3:80"), &Anybody).await.err().unwrap();
        assert_eq!(denied.fault(), Fault::new(Side::Policy, Reason::AddressDenied));
    }

    /// A certificate for these names: the server's configuration, and the roots that vouch for it.
    fn certified(names: &[&str]) -> (Arc<rustls::ServerConfig>, RootCertStore) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let mut config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        (Arc::new(config), roots)
    }

    #[tokio::test]
    async fn an_https_origin_is_spoken_to_over_tls_and_must_be_who_it_says() {
        let (config, roots) = certified(&["origin.example", "127.0.0.1"]);
        let server = Server::secured(vec![vec![OK]; 4], Some(config)).await;
        let ways = egresses(&[], &[]);
        let failed = Some(Fault::new(Side::Origin, Reason::TlsFailed));
        for (host, roots, fault) in [
            ("origin.example", roots.clone(), None),
            ("127.0.0.1", roots.clone(), None),
            ("other.example", roots, failed),
            ("origin.example", RootCertStore::empty(), failed),
        ] {
            let origins = Origins::with_roots(TaskTracker::new(), 64, roots);
            let target = target(&format!("{host}:{}", server.address.port()));
            match origins.sender(&ways, id("system"), Scheme::Https, &target, &Anybody).await {
                Ok(sender) => {
                    assert!(!sender.absolute_form());
                    assert_eq!(body_of(sender.send(request("GET", "/", "")).await.unwrap()).await, "ok");
                    assert_eq!(fault, None, "{host}");
                }
                Err(error) => assert_eq!(Some(error.fault()), fault, "{host}: {error}"),
            }
        }
    }

    #[tokio::test]
    async fn a_silent_https_origin_and_a_parent_that_hangs_up_are_told_apart() {
        let server = Server::start(vec![vec![Act::HangUp]]).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent = target(&format!("127.0.0.1:{}", listener.local_addr().unwrap().port()));
        let hurried = Egress { connect_timeout: Duration::from_millis(200), ..egress("hurried") };
        let ways = egresses(&[with_parent("out", server.address), hurried], &[]);
        let error = origins().sender(&ways, id("hurried"), Scheme::Https, &silent, &Anybody).await.err().unwrap();
        assert_eq!(error.fault(), Fault::new(Side::Origin, Reason::ConnectTimeout));
        let error = origins().sender(&ways, id("out"), Scheme::Https, &silent, &Anybody).await.err().unwrap();
        assert_eq!(error.fault(), Fault::new(Side::Parent, Reason::Reset));
    }

    #[tokio::test]
    async fn an_upgrade_takes_the_connection_with_it() {
        let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nwelcome";
        let server = Server::start(vec![vec![Act::Answer(switch)]]).await;
        let (origins, ways) = (origins(), egresses(&[], &[]));
        let target = target(&format!("origin.example:{}", server.address.port()));
        let sender = origins.sender(&ways, id("system"), Scheme::Http, &target, &Anybody).await.unwrap();
        let mut request = request("GET", "/", "");
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        request.headers_mut().insert(UPGRADE, HeaderValue::from_static("echo"));
        let answer = sender.send(request).await.unwrap();
        let mut stream = hyper_util::rt::TokioIo::new(hyper::upgrade::on(answer.response).await.unwrap());
        let mut said = [0; 7];
        stream.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"welcome");
        drop(stream);
        origins.inner.tracker.close();
        origins.inner.tracker.wait().await;
        assert_eq!(origins.idle(), 0);
    }

    #[tokio::test]
    async fn a_request_whose_body_fails_is_the_clients_doing() {
        let server = Server::start(vec![vec![OK]]).await;
        let (origins, ways) = (origins(), egresses(&[], &[]));
        let target = target(&format!("origin.example:{}", server.address.port()));
        let sender = origins.sender(&ways, id("system"), Scheme::Http, &target, &Anybody).await.unwrap();
        let broken = futures_util::stream::iter([Err::<hyper::body::Frame<Bytes>, _>("gone".into())]);
        let body = http_body_util::StreamBody::new(broken).boxed_unsync();
        let request = Request::post("/").header(HOST, "origin.example").body(body).unwrap();
        assert_eq!(sender.send(request).await.err().unwrap().fault(), Fault::new(Side::Client, Reason::Reset));
    }

    #[tokio::test]
    async fn a_connection_ends_with_who_reads_its_answer_or_sends_its_request() {
        let endless = Act::Answer("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok");
        let server = Server::start(vec![vec![endless], vec![OK]]).await;
        let (origins, ways) = (origins(), egresses(&[], &[]));
        let target = target(&format!("origin.example:{}", server.address.port()));
        let ended = async || within(Duration::from_secs(5), async || origins.inner.tracker.is_empty()).await;
        let sender = origins.sender(&ways, id("system"), Scheme::Http, &target, &Anybody).await.unwrap();
        let answer = sender.send(request("GET", "/", "")).await.unwrap();
        assert_eq!(origins.inner.tracker.len(), 1);
        // More of the body is to come, but who waited for it lets go.
        drop(answer.lease);
        ended().await;
        drop(answer.response);

        // The answer comes before the request has gone up, whose body never comes.
        let sender = origins.sender(&ways, id("system"), Scheme::Http, &target, &Anybody).await.unwrap();
        let body = http_body_util::StreamBody::new(futures_util::stream::pending());
        let request = Request::post("/").header(HOST, "origin.example").body(body.boxed_unsync()).unwrap();
        let Answer { response, lease, .. } = sender.send(request).await.unwrap();
        response.into_body().collect().await.unwrap();
        let gone = CancellationToken::new();
        lease.done(&gone);
        assert_eq!((origins.idle(), origins.inner.tracker.len()), (0, 2));
        gone.cancel();
        ended().await;
        assert_eq!(origins.idle(), 0);
    }

    #[tokio::test]
    async fn however_often_it_is_used_a_connection_has_two_tasks() {
        let server = Server::start(vec![vec![OK; 30]]).await;
        let (origins, ways) = (origins(), egresses(&[], &[]));
        let target = target(&format!("origin.example:{}", server.address.port()));
        for _ in 0..30 {
            fetch(&origins, &ways, "system", &target).await;
            kept(&origins, 1).await;
        }
        // Its own, and the one that closes it when nobody comes again.
        within(Duration::from_secs(5), async || origins.inner.tracker.len() == 2).await;
    }

    #[tokio::test]
    async fn closing_leaves_no_task_behind() {
        let server = Server::start(vec![vec![OK, OK], vec![OK]]).await;
        let (origins, ways) = (origins(), egresses(&[], &[]));
        let target = target(&format!("origin.example:{}", server.address.port()));
        fetch(&origins, &ways, "system", &target).await;
        kept(&origins, 1).await;
        origins.close();
        assert_eq!(origins.idle(), 0);
        fetch(&origins, &ways, "system", &target).await;
        origins.inner.tracker.close();
        origins.inner.tracker.wait().await;
        assert_eq!(origins.idle(), 0);
    }
}
