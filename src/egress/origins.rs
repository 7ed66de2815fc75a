//! HTTP/1.1 towards origins and parents: connections that are kept alive and used again.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HeaderValue;
use hyper::{Request, Response, Uri};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service;

use super::dial::DialError;
use super::egresses::{Dialled, Egresses};
use super::parent;
use super::pool::{MAX_IDLE, Pool};
use super::repeat::{copy_of, is_closed, may_repeat};
use super::spec::{Buffers, Egress};
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
    /// The text is why no certificate can be checked.
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
    /// When this is cancelled the connection is closed, whatever is under way on it: who asked has gone.
    user: watch::Sender<CancellationToken>,
    /// How it was made: after a reload the egress of this name may be another one.
    egress: Arc<Egress>,
    /// Whether it is bounded in what it may hold.
    bounded: bool,
}

/// Where requests go, and how.
#[derive(Clone)]
struct Route {
    egresses: Egresses,
    id: EgressId,
    egress: Arc<Egress>,
    scheme: Scheme,
    target: Target,
    admission: Arc<dyn Admission>,
}

/// A connection that is ready for one request.
pub struct Sender {
    origins: Origins,
    route: Route,
    warm: Warm,
    made: Option<Made>,
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

/// The answer to a request, and the connection it came over.
#[derive(Debug)]
pub struct Answer {
    /// The answer. When its body was read to the end, the connection is kept for the next request; an upgrade takes
    /// the connection with it.
    pub response: Response<Incoming>,
    /// The address it came from; a parent's, where there is one.
    pub peer: SocketAddr,
    /// How long the connection took to be made; `None` when it was there already.
    pub made: Option<Made>,
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
    /// Origins whose certificates the system's roots vouch for (`SSL_CERT_FILE` names others); they are read here, once.
    /// Connections belong to `tracker`; at most `most_idle` wait for their next request.
    pub fn new(tracker: TaskTracker, most_idle: usize) -> Self {
        let tls = verifier().and_then(|config| config.with_native_roots().map_err(|error| error.to_string()));
        if let Err(error) = &tls {
            tracing::warn!(error, "no origin of an absolute-form request with an https URL can be trusted");
        }
        Self::with_tls(tracker, most_idle, tls.map(|config| config.with_no_client_auth()))
    }

    /// Origins whose certificates these roots vouch for.
    pub fn with_roots(tracker: TaskTracker, most_idle: usize, roots: RootCertStore) -> Self {
        Self::with_tls(
            tracker,
            most_idle,
            verifier().map(|config| config.with_root_certificates(roots).with_no_client_auth()),
        )
    }

    fn with_tls(tracker: TaskTracker, most_idle: usize, tls: Result<ClientConfig, String>) -> Self {
        let tls = tls.map(|mut config| {
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Arc::new(config)
        });
        let kept = Mutex::new(Kept { pool: Pool::new(most_idle), sweeping: false });
        Origins { inner: Arc::new(Inner { kept, tls, tracker, closing: CancellationToken::new() }) }
    }

    /// Others, with connections and places of their own, whose certificates are checked the same way.
    pub fn beside(&self, most_idle: usize) -> Self {
        let kept = Mutex::new(Kept { pool: Pool::new(most_idle), sweeping: false });
        let (tls, tracker) = (self.inner.tls.clone(), self.inner.tracker.clone());
        Origins { inner: Arc::new(Inner { kept, tls, tracker, closing: CancellationToken::new() }) }
    }

    /// A connection for one request to `target` through an egress: one that is there already, or a fresh one.
    ///
    /// # Errors
    /// When the target is denied, not found, not reached in time, refused by the parent, or not to be trusted.
    pub async fn sender(
        &self,
        egresses: &Egresses,
        id: &EgressId,
        scheme: Scheme,
        target: &Target,
        admission: Arc<dyn Admission>,
    ) -> Result<Sender, DialError> {
        let egress = egresses.egress(id)?.clone();
        egresses.permit_literal(target)?;
        let route =
            Route { egresses: egresses.clone(), id: id.clone(), egress, scheme, target: target.clone(), admission };
        let kept = self.kept().pool.take(&route.key(), clock::now(), |warm| warm.usable() && route.accepts(warm));
        match kept {
            Some(warm) => Ok(Sender { origins: self.clone(), route, warm, made: None }),
            None => self.fresh(route).await,
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

    async fn fresh(&self, route: Route) -> Result<Sender, DialError> {
        let buffers = route.admission.admit().await;
        let bounded = buffers.receive.is_some();
        let (stream, peer, made) = route.connect(&self.inner.tls, buffers).await?;
        let handshake = http1::Builder::new().max_buf_size(MAX_BUFFER).handshake(stream);
        let (connection, driver) = handshake.await?;
        let (user, used) = watch::channel(CancellationToken::new());
        self.inner.tracker.spawn(drive(driver.with_upgrades(), used));
        let warm = Warm { connection, peer, user, egress: route.egress.clone(), bounded };
        Ok(Sender { origins: self.clone(), route, warm, made: Some(made) })
    }

    /// Waits until the answer was read, then keeps the connection. Where it closed or was upgraded, that never comes.
    fn keep(&self, key: Key, mut warm: Warm) {
        let origins = self.clone();
        self.inner.tracker.spawn(async move {
            let ready = tokio::select! {
                ready = warm.connection.ready() => ready.is_ok(),
                () = origins.inner.closing.cancelled() => false,
            };
            if !ready {
                return;
            }
            let sweeping = {
                let mut kept = origins.kept();
                // Under the lock, so that `close` either sees this one or is seen.
                if origins.inner.closing.is_cancelled() {
                    return;
                }
                warm.user.send_replace(CancellationToken::new());
                kept.pool.put(key, warm, clock::now());
                std::mem::replace(&mut kept.sweeping, true)
            };
            if !sweeping {
                origins.inner.tracker.spawn(origins.clone().sweep());
            }
        });
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

impl Sender {
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
        self.warm.peer
    }

    /// How long the connection took to be made; `None` when it was there already.
    pub fn made(&self) -> Option<Made> {
        self.made
    }

    /// Sends a request, its URI in the form that [`Sender::absolute_form`] asks for, and waits for the head of the
    /// answer. A connection used again may have been closed just now; a request that can be repeated is then sent once
    /// more, over a fresh one. When `user` is cancelled before the answer was read, the connection is closed: dropping
    /// the future alone would leave a request whose body the origin does not take.
    ///
    /// # Errors
    /// When the connection breaks, the answer is not HTTP, or the request's body fails.
    pub async fn send(self, request: Request<Body>, user: CancellationToken) -> Result<Answer, SendError> {
        let copy = if self.reused() { copy_of(&request) } else { None };
        let (origins, route) = (self.origins.clone(), self.route.clone());
        let side = if self.absolute_form() { Side::Parent } else { Side::Origin };
        let reused = self.reused();
        let (unsent, error) = match self.exchange(request, user.clone()).await {
            Ok(answer) => return Ok(answer),
            Err(failed) => *failed,
        };
        let repeat = may_repeat(reused, unsent.is_some(), copy.is_some(), is_closed(&error));
        let Some(request) = unsent.or(copy).filter(|_| repeat) else { return Err(SendError::Http { side, error }) };
        let fresh = origins.fresh(route).await?;
        fresh.exchange(request, user).await.map_err(|failed| SendError::Http { side, error: failed.1 })
    }

    /// One request, one answer. A request that never left comes back with the error.
    async fn exchange(mut self, request: Request<Body>, user: CancellationToken) -> Result<Answer, Unanswered> {
        self.warm.user.send_replace(user);
        match self.warm.connection.try_send_request(request).await {
            Ok(response) => {
                let (peer, made) = (self.warm.peer, self.made);
                self.origins.keep(self.route.key(), self.warm);
                Ok(Answer { response, peer, made })
            }
            Err(mut failed) => {
                let unsent = failed.take_message();
                Err(Box::new((unsent, failed.into_error())))
            }
        }
    }
}

/// A request that has no answer: itself, where it never left, and why.
type Unanswered = Box<(Option<Request<Body>>, hyper::Error)>;

/// Drives a connection until it ends, or until whoever uses it now has gone.
async fn drive<F>(connection: F, mut used: watch::Receiver<CancellationToken>)
where
    F: Future<Output = hyper::Result<()>>,
{
    let mut connection = std::pin::pin!(connection);
    let mut handed_on = true;
    loop {
        let user = used.borrow_and_update().clone();
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    // Whoever waits for an answer learns it too; an idle connection that breaks concerns nobody.
                    tracing::debug!(%error, "a connection to an origin broke");
                }
                return;
            }
            // Unless another has it by now: the one who has gone read its answer before.
            () = user.cancelled() => if !used.has_changed().unwrap_or(false) {
                return;
            },
            changed = used.changed(), if handed_on => handed_on = changed.is_ok(),
        }
    }
}

impl Warm {
    fn usable(&self) -> bool {
        self.connection.is_ready() && !self.connection.is_closed()
    }
}

impl Route {
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
                self.egresses.to_parent(&self.egress, parent, &self.target, buffers).await?
            }
            _ => self.egresses.tunnel(&self.id, &self.target, buffers).await?,
        };
        let (peer, resolve, connected) = (dialled.peer, dialled.resolve, dialled.connect);
        let round_trip = dialled.round_trip;
        let began = clock::now();
        let left = self.egress.connect_timeout.saturating_sub(connected);
        let stream = tokio::time::timeout(left, self.wrap(dialled, tls)).await.unwrap_or_else(|_| {
            let (target, after) = (self.target.clone(), self.egress.connect_timeout);
            Err(DialError::TimedOut { side: Side::Origin, target, after })
        })?;
        Ok((stream, peer, Made { round_trip, resolve, connect: connected + clock::now().duration_since(began) }))
    }

    /// TLS where the scheme asks for it. The name comes from the URI; an address literal is checked as one.
    async fn wrap(&self, dialled: Dialled, tls: &Tls) -> Result<Stream, DialError> {
        let failed = |error: Box<dyn Error + Send + Sync>| DialError::Tls { target: self.target.clone(), error };
        if !dialled.early.is_empty() {
            return Err(failed("the origin spoke before the handshake".into()));
        }
        if self.scheme == Scheme::Http {
            return Ok(MaybeHttpsStream::Http(TokioIo::new(dialled.stream)));
        }
        let config = tls.as_ref().map_err(|why| failed(why.as_str().into()))?.clone();
        let uri: Uri = format!("https://{}/", self.target).parse().map_err(|error| failed(Box::new(error)))?;
        HttpsConnector::from((Ready(Some(dialled.stream)), config)).call(uri).await.map_err(failed)
    }
}

/// The way to a client configuration, up to the roots it trusts; ring is named because another library may bring a
/// second provider into the process.
fn verifier() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, String> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())
}

type Tls = Result<Arc<ClientConfig>, String>;
type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// A connector that has connected already.
struct Ready(Option<TcpStream>);

impl Service<Uri> for Ready {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<TokioIo<TcpStream>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let stream = self.0.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected));
        std::future::ready(stream.map(TokioIo::new))
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

    fn anybody() -> Arc<dyn Admission> {
        Arc::new(Anybody)
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
        String::from_utf8(answer.response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    /// One exchange to its end: whether the connection was there already, and the body.
    async fn fetch(origins: &Origins, ways: &Egresses, id: &str, target: &Target) -> (bool, String) {
        let sender = origins.sender(ways, &id.into(), Scheme::Http, target, anybody()).await.unwrap();
        let reused = sender.reused();
        (reused, body_of(sender.send(request("GET", "/", ""), CancellationToken::new()).await.unwrap()).await)
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
        let denied = origins.sender(&guarded, &"a".into(), Scheme::Http, &target, anybody()).await.err().unwrap();
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
            let sender = origins.sender(&ways, &"system".into(), Scheme::Http, &target, anybody()).await.unwrap();
            assert!(sender.reused());
            let answer = sender.send(request(method, "/", body), CancellationToken::new()).await;
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
                let (id, side) = if through_parent { ("out", Side::Parent) } else { ("system", Side::Origin) };
                let ways = egresses(&[with_parent("out", server.address)], &[]);
                let target = target(&format!("origin.example:{}", server.address.port()));
                let sender = origins().sender(&ways, &id.into(), Scheme::Http, &target, anybody()).await.unwrap();
                let error = sender.send(request("GET", "/", ""), CancellationToken::new()).await.unwrap_err();
                assert_eq!(error.fault(), Fault::new(side, reason), "{error}");
            }
        }
    }

    #[tokio::test]
    async fn a_parent_gets_absolute_form_and_its_connection_serves_every_target() {
        let parent = Server::start(vec![vec![OK, OK]]).await;
        let (origins, ways) = (origins(), egresses(&[with_parent("out", parent.address)], &["10.0.0.0/8"]));
        for (host, reused) in [("far.example", false), ("further.example", true)] {
            let sender = origins
                .sender(&ways, &"out".into(), Scheme::Http, &target(&format!("{host}:80")), anybody())
                .await
                .unwrap();
            assert_eq!((sender.absolute_form(), sender.reused(), sender.peer()), (true, reused, parent.address));
            let mut request = request("GET", &format!("http://{host}/"), "");
            request.headers_mut().insert(PROXY_AUTHORIZATION, sender.authorization().unwrap());
            assert_eq!(body_of(sender.send(request, CancellationToken::new()).await.unwrap()).await, "ok");
            kept(&origins, 1).await;
        }
        assert!(parent.heads()[1].starts_with("GET http://further.example/ HTTP/1.1\r\n"), "{:?}", parent.heads());
        assert!(parent.heads()[1].contains("proxy-authorization: Basic Z2F0ZXdheTpvcGVuIHNlc2FtZQ==\r\n"));
        let denied =
            origins.sender(&ways, &"out".into(), Scheme::Http, &target("10.1.2.3:80"), anybody()).await.err().unwrap();
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
            match origins.sender(&ways, &"system".into(), Scheme::Https, &target, anybody()).await {
                Ok(sender) => {
                    assert!(!sender.absolute_form());
                    assert_eq!(
                        body_of(sender.send(request("GET", "/", ""), CancellationToken::new()).await.unwrap()).await,
                        "ok"
                    );
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
        let error = origins().sender(&ways, &"hurried".into(), Scheme::Https, &silent, anybody()).await.err().unwrap();
        assert_eq!(error.fault(), Fault::new(Side::Origin, Reason::ConnectTimeout));
        let error = origins().sender(&ways, &"out".into(), Scheme::Https, &silent, anybody()).await.err().unwrap();
        assert_eq!(error.fault(), Fault::new(Side::Parent, Reason::Reset));
    }

    #[tokio::test]
    async fn an_upgrade_takes_the_connection_with_it() {
        let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nwelcome";
        let server = Server::start(vec![vec![Act::Answer(switch)]]).await;
        let (origins, ways) = (origins(), egresses(&[], &[]));
        let target = target(&format!("origin.example:{}", server.address.port()));
        let sender = origins.sender(&ways, &"system".into(), Scheme::Http, &target, anybody()).await.unwrap();
        let mut request = request("GET", "/", "");
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        request.headers_mut().insert(UPGRADE, HeaderValue::from_static("echo"));
        let answer = sender.send(request, CancellationToken::new()).await.unwrap();
        let mut stream = TokioIo::new(hyper::upgrade::on(answer.response).await.unwrap());
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
        let sender = origins.sender(&ways, &"system".into(), Scheme::Http, &target, anybody()).await.unwrap();
        let broken = futures_util::stream::iter([Err::<hyper::body::Frame<Bytes>, _>("gone".into())]);
        let body = http_body_util::StreamBody::new(broken).boxed_unsync();
        let request = Request::post("/").header(HOST, "origin.example").body(body).unwrap();
        assert_eq!(
            sender.send(request, CancellationToken::new()).await.unwrap_err().fault(),
            Fault::new(Side::Client, Reason::Reset)
        );
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
