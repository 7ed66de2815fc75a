//! The spine: a request goes through the stages, left to right.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, ACCEPT_LANGUAGE, CONNECTION, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::body::{AnswerBody, Phased, Turn};
use super::bulkhead::Berth;
use super::carrier::Carrier;
use super::claim::{self, Claim};
use super::end::End;
use super::judge::Verdict;
use super::live::{About, Live};
use super::refuse::{Asked, RETRY_AFTER, Refusal};
use super::room::Place;
use super::tunnel::Reached;
use super::{enter, exchange, pac, tunnel};
use crate::account::{Arrival, Open};
use crate::base::{Fault, ListenerId, Reason, Side, Target, clock};
use crate::listen::door::{KEEP_ALIVE, Phase};
use crate::listen::{self, Ask, AskError, Intake, Stream, connect, explicit};
use crate::tube::Pass;

/// From this on, in percent, idle connections make room for others soon.
const CROWDED: usize = 60;

/// How long one may then wait for its next request.
const CROWDED_KEEP_ALIVE: Duration = Duration::from_secs(3);

/// A connection that was accepted.
#[derive(Clone, Debug)]
pub struct Entrance {
    /// By which listener.
    pub listener: ListenerId,
    /// From where.
    pub client: SocketAddr,
    /// At which of our addresses; known once a request is not for a tunnel.
    pub reached: Option<SocketAddr>,
    /// Where to, of a client that knows of no proxy.
    pub chosen: Option<SocketAddr>,
    /// How full the process was, in percent of the connections it has room for; more than 100 when it has none.
    pub filled: usize,
    /// Its place among the connections.
    pub place: Arc<Place>,
    /// Where it is carried.
    pub berth: Berth,
    /// Breaks the connection: an answer under way was ended.
    pub cut: CancellationToken,
    /// What comes before a request.
    pub intake: Arc<Intake>,
}

impl Entrance {
    /// As the record has it.
    pub(super) fn arrival(&self) -> Arrival {
        Arrival { listener: self.listener.clone(), client: self.client.ip() }
    }

    fn about(&self, target: Target, path: Option<Box<str>>) -> About {
        let (listener, client) = (self.listener.clone(), self.client.ip());
        About { listener, client, user: None, target, chosen: self.chosen, path }
    }

    /// How long it may wait for its next request.
    pub(super) fn keep_alive(&self) -> Duration {
        if self.filled > CROWDED { CROWDED_KEEP_ALIVE } else { KEEP_ALIVE }
    }
}

/// Serves one connection to its end.
pub async fn serve(carrier: Arc<Carrier>, mut stream: TcpStream, mut entrance: Entrance) {
    if entrance.filled > 100 {
        return turn_away(&carrier, stream, &entrance).await;
    }
    if entrance.intake.is_balancer(entrance.client.ip()) {
        let Some(client) = Box::pin(enter::client_of(&carrier, &mut stream, &entrance)).await else { return };
        entrance.client = client;
    }
    if let Some(tls) = entrance.intake.tls.clone() {
        return Box::pin(enter::by_tls(carrier, (stream, tls), entrance)).await;
    }
    let keep_alive = entrance.keep_alive();
    let first = tokio::select! {
        first = connect::first_bytes(&mut stream, keep_alive) => first,
        () = carrier.drain.cancelled() => return,
        () = entrance.cut.cancelled() => return,
    };
    // Who closes, breaks or says nothing asked for nothing.
    let Some(first) = first.ok().filter(|bytes| !bytes.is_empty()) else { return };
    let (phase, mut refused) = (Arc::<Phase>::default(), None);
    if let Some((target, head)) = connect::target(&first) {
        let sent = first.slice(head..);
        match at_once(&carrier, &entrance, &phase, (stream, sent), target).await {
            Some((client, response)) => (stream, refused) = (client, Some(response)),
            None => return,
        }
    }
    entrance.reached = stream.local_addr().ok();
    serve_http((carrier, entrance), (stream.into(), first), (phase, keep_alive), refused).await;
}

/// Serves requests; the first one has its answer where it was `refused` before.
pub(super) async fn serve_http(
    (carrier, entrance): (Arc<Carrier>, Entrance),
    stream: (Stream, Bytes),
    (phase, keep_alive): (Arc<Phase>, Duration),
    refused: Option<Response<Phased>>,
) {
    let (drain, refused) = (carrier.drain.clone(), Mutex::new(refused));
    let served = explicit::serve(stream, Arc::clone(&phase), keep_alive, &drain, |request| {
        let refused = refused.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (carrier, entrance, phase) = (Arc::clone(&carrier), entrance.clone(), Arc::clone(&phase));
        let tunnel = request.method() == Method::CONNECT;
        async move {
            let handed = carrier.handed.clone();
            let response = match refused {
                Some(response) => response,
                None => {
                    let turn = Turn::new(phase, Arc::clone(&entrance.place));
                    answer(carrier, entrance, request, turn).await
                }
            };
            Ok(if handed.is_cancelled() { the_last(response, tunnel) } else { response })
        }
    });
    let served = tokio::select! {
        // First: what it has said is heard before it makes room.
        biased;
        served = served => served,
        () = entrance.cut.cancelled() => {
            if phase.is_head() {
                // Half a head keeps no place from others.
                carrier.account.open(entrance.arrival()).ended(None, End::ProcessFull.fault());
            }
            Ok(())
        }
    };
    // What is still under way towards origins was for this client.
    entrance.cut.cancel();
    if let Err(error) = served {
        // Nothing became a request, so no flow keeps the record.
        tracing::debug!(listener = %entrance.listener, %error, "not a request");
        carrier.account.open(entrance.arrival()).ended(error.status(), error.fault());
    }
}

/// An answer after which the client connects anew: to another process. An idle connection is not just closed, for a request may
/// be on its way.
fn the_last(mut response: Response<Phased>, tunnel: bool) -> Response<Phased> {
    let goes_on = response.status() == StatusCode::SWITCHING_PROTOCOLS || (tunnel && response.status().is_success());
    if !goes_on {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Answers a CONNECT that came whole, and leaves a task that carries the tunnel. Who is refused gets the answer by HTTP.
async fn at_once(
    carrier: &Arc<Carrier>,
    entrance: &Entrance,
    phase: &Arc<Phase>,
    (mut stream, sent): (TcpStream, Bytes),
    target: Target,
) -> Option<(TcpStream, Response<Phased>)> {
    let turn = Turn::new(Arc::clone(phase), Arc::clone(&entrance.place));
    let open = Arc::new(carrier.account.open(entrance.arrival()));
    let form = Form { method: Method::CONNECT, headers: HeaderMap::new(), target: Some(target.clone()) };
    open.asked(form.method.as_str(), form.target.as_ref());
    let gone = || open.ended(None, Fault::new(Side::Client, Reason::Reset));
    let reached = tokio::select! {
        reached = reach(carrier, entrance, (&open, &turn), Claim::of(target)) => reached,
        // One that has sent more is there, even if that was all.
        () = connect::gone(&stream), if sent.is_empty() => {
            gone();
            return None;
        }
    };
    match reached {
        Ok(reached) => {
            match stream.write_all(YES).await {
                Ok(()) => {
                    open.answered(200);
                    reached.carry_from(stream, sent);
                }
                Err(_) => gone(),
            }
            None
        }
        Err(end) => {
            let response = refuse(carrier, &open, &end, &form);
            Some((stream, response.map(|body| Phased::new(body, turn))))
        }
    }
}

/// The answer to a CONNECT (RFC 9110 section 9.3.6).
const YES: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";

/// Tells a client for whom there is no descriptor left, without reading what it wants: even who only connects would
/// keep one from everybody else.
async fn turn_away(carrier: &Carrier, mut stream: TcpStream, entrance: &Entrance) {
    let fault = End::ProcessFull.fault();
    if entrance.intake.tls.is_some() {
        // Nobody who speaks TLS could read it.
        return carrier.account.open(entrance.arrival()).ended(None, fault);
    }
    carrier.account.open(entrance.arrival()).ended(Some(503), fault);
    let retry = RETRY_AFTER.as_secs();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: {retry}\r\n\
         proxy-status: clearway; error=connection_limit_reached; details=\"{}\"\r\n\
         connection: close\r\ncontent-length: 0\r\n\r\n",
        fault.reason
    );
    // The socket's buffer is empty, so it takes this at once.
    let _ = stream.try_write(answer.as_bytes());
    let _ = stream.shutdown().await;
}

/// Answers one request: with what the origin says, or with why not. It has its record from this call on, even if nobody ever
/// waits for the answer.
pub(super) fn answer(
    carrier: Arc<Carrier>,
    entrance: Entrance,
    request: Request<Incoming>,
    turn: Arc<Turn>,
) -> impl Future<Output = Response<Phased>> + Send + 'static {
    let script = pac::answer(&carrier, &entrance, &request);
    let flow = script.ok_or_else(|| Arc::new(carrier.account.open(entrance.arrival())));
    if let Err(open) = &flow
        && turn.is_too_late()
    {
        open.ended(None, End::ProcessFull.fault());
    }
    async move {
        let answered = match flow {
            Ok(script) => script,
            Err(open) => answer_of(&carrier, &entrance, (&open, &turn), request).await,
        };
        answered.map(|body| Phased::new(body, turn))
    }
}

/// What a flow is answered.
async fn answer_of(
    carrier: &Arc<Carrier>,
    entrance: &Entrance,
    (open, turn): (&Arc<Open>, &Arc<Turn>),
    request: Request<Incoming>,
) -> Response<AnswerBody> {
    let (mut parts, body) = request.into_parts();
    let asked = match entrance.chosen {
        None => listen::ask(&parts),
        Some(chosen) => listen::transparent::ask(&mut parts, chosen),
    };
    let form = Form::of(&parts, asked.as_ref().ok().map(Ask::target));
    open.asked(form.method.as_str(), form.target.as_ref());
    let request = Request::from_parts(parts, body);
    match carry(carrier, entrance, (open, turn), asked, request).await {
        Ok(response) => response,
        Err(end) => refuse(carrier, open, &end, &form),
    }
}

/// Identify, judge, admit, then carry; each `?` is a named ending.
async fn carry(
    carrier: &Arc<Carrier>,
    entrance: &Entrance,
    account: (&Arc<Open>, &Arc<Turn>),
    asked: Result<Ask, AskError>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, End> {
    // Who may not use this gateway is told so, whatever is asked.
    let admits = || carrier.admits(&entrance.listener, entrance.client.ip());
    let ask = asked.map_err(|error| if admits() { error.into() } else { End::ClientNotAllowed })?;
    let path = carrier.current().plan.sees_pages().then(|| path_of(&ask, &request)).flatten();
    let claim = match entrance.chosen {
        None => Claim::of(ask.target().clone()),
        // In a place of its own: every request would be as large as a look-up.
        Some(chosen) => {
            let said = claim::Said { host: Some(ask.target().host.clone()), hides: false };
            Box::pin(claim::examine(carrier, entrance.client.ip(), chosen, said)).await
        }
    };
    let (live, verdict, pass) = settle(carrier, entrance, account, (claim, path)).await?;
    tokio::select! {
        carried = async { match ask {
            // In a place of its own: a CONNECT seldom gets here, and every request would be as large as its state.
            Ask::Tunnel(_) => Box::pin(tunnel::open(carrier, &live, &verdict, pass, request)).await,
            Ask::Exchange(scheme, _) => exchange::run(carrier, &live, &verdict, pass, scheme, request).await,
        }} => carried,
        fault = live.stopped() => Err(stopped(&live, fault)),
    }
}

/// The same for a tunnel, up to its origin.
pub(super) async fn reach(
    carrier: &Arc<Carrier>,
    entrance: &Entrance,
    account: (&Arc<Open>, &Arc<Turn>),
    claim: Claim,
) -> Result<Reached, End> {
    let (live, verdict, pass) = settle(carrier, entrance, account, (claim, None)).await?;
    tokio::select! {
        reached = tunnel::reach(carrier, &live, &verdict, pass) => reached,
        fault = live.stopped() => Err(stopped(&live, fault)),
    }
}

/// The path of a plain request, after its first `/`; a tunnel has none that can be seen.
fn path_of(ask: &Ask, request: &Request<Incoming>) -> Option<Box<str>> {
    let path = request.uri().path_and_query().filter(|_| matches!(ask, Ask::Exchange(..)))?.as_str();
    Some(path.strip_prefix('/').unwrap_or(path).into())
}

/// The flow, its verdict and its place in a tube; it is where it is to be carried then.
async fn settle(
    carrier: &Arc<Carrier>,
    entrance: &Entrance,
    (open, turn): (&Arc<Open>, &Arc<Turn>),
    (claim, path): (Claim, Option<Box<str>>),
) -> Result<(Arc<Live>, Verdict, Arc<Pass>), End> {
    if turn.is_too_late() {
        return Err(End::ProcessFull);
    }
    let connection = (entrance.berth.clone(), entrance.cut.clone());
    if let Some(chosen) = entrance.chosen {
        open.chose(chosen.ip(), &claim.target);
    }
    let about = entrance.about(claim.target, path);
    let live = carrier.live.enter(about, Arc::clone(open), connection, Arc::clone(turn));
    if let Some(said) = claim.said {
        open.said(said.clone());
        live.state().said = Some(said);
    }
    let settled = carrier.settle(&live);
    // Refusals too are given where the flow belongs.
    entrance.berth.reached().await;
    let (verdict, pass) = settled?;
    if entrance.filled > usize::from(carrier.current().plan.room_of(&verdict.tube)) {
        return Err(End::ProcessFull);
    }
    Ok((live, verdict, pass))
}

/// A flow that a new plan refuses before it was answered is refused like any other.
fn stopped(live: &Live, fault: Fault) -> End {
    match (fault.side, live.state().verdict.take()) {
        (Side::Policy, Some(verdict)) => End::Refused { reason: fault.reason, rule: verdict.rule },
        _ => End::Stopped(fault),
    }
}

fn refuse(carrier: &Carrier, open: &Open, end: &End, form: &Form) -> Response<AnswerBody> {
    let plan = Arc::clone(&carrier.current().plan);
    let fault = end.fault();
    let refusal = Refusal {
        fault,
        rule: end.rule().map(|rule| rule.id.clone()),
        reason: end.rule().map(|rule| rule.reason.clone()).unwrap_or_default(),
        target: form.target.clone(),
        gateway: &plan.gateway,
        flow: open.flow(),
        at: plan.calendar.local(clock::wall()),
    };
    let response = refusal.answer(&form.asked());
    tracing::debug!(flow = %open.flow(), %fault, "refused: {end}");
    open.ended(Some(response.status().as_u16()), fault);
    response.map(|body| body.map_err(|never| match never {}).boxed_unsync())
}

/// What of a request decides how a refusal looks; the request itself goes on to the origin.
struct Form {
    method: Method,
    headers: HeaderMap,
    target: Option<Target>,
}

impl Form {
    fn of(request: &Parts, target: Option<&Target>) -> Self {
        let mut headers = HeaderMap::new();
        for name in [ACCEPT, ACCEPT_LANGUAGE] {
            if let Some(value) = request.headers.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        Form { method: request.method.clone(), headers, target: target.cloned() }
    }

    fn asked(&self) -> Asked<'_> {
        Asked::new(&self.method, &self.headers)
    }
}
