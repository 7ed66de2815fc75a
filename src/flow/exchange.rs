//! One request and its answer.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use hyper::header::{HeaderValue, MAX_FORWARDS, PROXY_AUTHORIZATION};
use hyper::http::uri::{Authority, PathAndQuery};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};

use super::body::{self, AnswerBody};
use super::carrier::Carrier;
use super::end::End;
use super::judge::Verdict;
use super::live::Live;
use super::tunnel;
use crate::base::{Direction, Fault, Reason, Scheme, Side, clock};
use crate::egress::{Admission, Answer, Buffers, Made, SendError, Sender};
use crate::relay::http::{self, Via};
use crate::relay::{Course, PacedBody, Tally as _};
use crate::tube::Pass;

/// How often a request may have passed a gateway of this name. Once or twice may be another one that was given the same
/// name; more is a loop.
const MOST_PASSAGES: usize = 2;

/// How long an origin may take to begin its answer once it has the request; a slow report of a hospital's own server
/// is answered within a minute or never.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a client may leave its own request unfinished without a byte of it. Waiting for its share of a tube does
/// not count.
pub const UPLOAD_IDLE: Duration = Duration::from_secs(60);

/// How long nothing of a request may move on before its origin is given up; a client's own silence is found out sooner.
const UPLOAD_STALL: Duration = Duration::from_secs(300);

/// Sends the request on and gives back the answer, whose body goes on after this returns.
pub async fn run(
    carrier: &Arc<Carrier>,
    live: &Arc<Live>,
    verdict: &Verdict,
    pass: Arc<Pass>,
    scheme: Scheme,
    mut request: Request<Incoming>,
) -> Result<Response<AnswerBody>, End> {
    if let Some(answer) = last_forward(&mut request) {
        live.open.answered(answer.status().as_u16());
        live.end(super::live::FINISHED);
        return Ok(answer);
    }
    let plan = Arc::clone(&carrier.current().plan);
    if http::passages(request.headers(), &plan.gateway) > MOST_PASSAGES {
        let why = "this request has passed here before: a parent, or the origin, leads back to this gateway".to_owned();
        return Err(End::Broken(Fault::new(Side::Client, Reason::BadRequest), why));
    }
    uncoded(request.headers(), Fault::new(Side::Client, Reason::BadRequest))?;
    let client = http::upgrade_of(request.headers()).map(|_| hyper::upgrade::on(&mut request));
    let way = carrier.way_of(live);
    let admission = Leave { live, pass: &pass };
    let destination = live.about.destination();
    let sender = way.origins.sender(&way.egresses, &verdict.egress, scheme, &destination, &admission).await?;
    let direct = !sender.through_parent();
    let connected = |peer: IpAddr, made: Option<Made>| {
        live.state().left = Some((verdict.egress.clone(), direct.then_some(peer)));
        if let Some(made) = made {
            live.open.connected(made.resolve + made.connect);
            carrier.tubes.round_trip(peer, made.round_trip);
        }
    };
    connected(sender.peer().ip(), sender.made());
    let request = outgoing(live, &pass, &sender, &plan.via, request)?;
    let target = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    pay(live, &pass, Direction::Up, http::head_length(request.headers(), target)).await;
    let far = if sender.absolute_form() { Side::Parent } else { Side::Origin };
    // Where the lease is dropped, as when the client goes or the flow is ended, the connection with the origin is closed.
    let Answer { mut response, lease, remade } = send(live, sender, request).await?;
    if remade.is_some() {
        connected(lease.peer().ip(), remade);
    }

    uncoded(response.headers(), Fault::new(far, Reason::BadAnswer))?;
    let upgraded = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if upgraded && client.is_none() {
        let why = "the origin switched protocols without being asked".to_owned();
        return Err(End::Broken(Fault::new(Side::Origin, Reason::BadAnswer), why));
    }
    pay(live, &pass, Direction::Down, http::head_length(response.headers(), 0)).await;
    live.open.answered(response.status().as_u16());
    live.open.first_byte();
    let version = response.version();
    http::towards_client(response.headers_mut(), version, &plan.via, upgraded);
    // RFC 9112 section 2.3: the version is the sender's own. With the origin's, an HTTP/1.0 answer that broke off would
    // end like one that is whole.
    *response.version_mut() = Version::HTTP_11;
    if upgraded && let Some(client) = client {
        lease.given_up();
        let origin = hyper::upgrade::on(&mut response);
        let berth = live.berth.another();
        carrier.bulkheads.carry(berth.clone(), tunnel::upgraded(Arc::clone(live), berth, pass, client, origin));
        return Ok(response.map(|_| body::empty()));
    }
    live.answering()?;
    let flow = Arc::clone(live);
    let whole = move || lease.done(flow.gone());
    Ok(response.map(|body| paced(body, Direction::Down, live, &pass, Some(whole))))
}

/// A flow's leave to make a connection.
struct Leave<'a> {
    live: &'a Live,
    pass: &'a Pass,
}

impl Admission for Leave<'_> {
    fn bounds(&self) -> bool {
        self.pass.is_shaped(Direction::Down)
    }

    fn admit<'a>(&'a self) -> Pin<Box<dyn Future<Output = Buffers> + Send + 'a>> {
        Box::pin(async {
            let opening = self.pass.open().await;
            self.live.open.admitted(opening.waited);
            tunnel::buffers(&opening)
        })
    }
}

/// The request as the next hop wants it: a path for an origin, the whole URL for a parent.
fn outgoing(
    live: &Arc<Live>,
    pass: &Arc<Pass>,
    sender: &Sender<'_>,
    via: &Via,
    request: Request<Incoming>,
) -> Result<Request<AnswerBody>, End> {
    let bad = |error: &dyn std::error::Error| {
        End::Broken(Fault::new(Side::Client, Reason::BadRequest), format!("the URL cannot be forwarded: {error}"))
    };
    let (mut parts, body) = request.into_parts();
    let authority = parts.uri.authority().map_or("", Authority::as_str);
    let host = HeaderValue::from_str(authority).map_err(|error| bad(&error))?;
    http::towards_origin(&mut parts.headers, parts.version, via, host);
    if sender.absolute_form() {
        if let Some(credentials) = sender.authorization() {
            parts.headers.insert(PROXY_AUTHORIZATION, credentials);
        }
    } else {
        let path = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        parts.uri = Uri::from(path);
    }
    parts.version = Version::HTTP_11;
    parts.extensions.clear();
    let body = if body.is_end_stream() {
        live.ended(Direction::Up, Ok(()));
        body::empty()
    } else {
        paced(body, Direction::Up, live, pass, None::<fn()>)
    };
    Ok(Request::from_parts(parts, body))
}

/// A body that takes its share of the tube, and tells the flow when it ends.
fn paced<H>(body: Incoming, direction: Direction, live: &Arc<Live>, pass: &Arc<Pass>, whole: Option<H>) -> AnswerBody
where
    H: FnOnce() + Unpin + Send + 'static,
{
    let course = Course {
        pass: Arc::clone(pass),
        tally: Arc::clone(live) as _,
        direction,
        // A flow that is silent both ways is ended by who looks at all of them.
        idle: (direction == Direction::Up).then_some(UPLOAD_IDLE),
        whole,
    };
    PacedBody::new(body, course).map_err(Into::into).boxed_unsync()
}

/// Takes a head's share of the tube, which it fills like any other bytes.
async fn pay(live: &Live, pass: &Pass, direction: Direction, bytes: usize) {
    let mut left = bytes;
    while left > 0 {
        let grant = pass.take(direction, left).await;
        live.open.moved(direction, grant.bytes as u64, grant.waited);
        left = left.saturating_sub(grant.bytes);
    }
}

/// Nobody is sent a body without the coding that it is in; whoever sent it is refused instead. A request gets 400 rather
/// than the 501 of RFC 9112 section 6.1: hyper answers so already where chunked is not the last coding.
fn uncoded(headers: &HeaderMap, fault: Fault) -> Result<(), End> {
    if http::is_coded(headers) {
        return Err(End::Broken(fault, "the body has a transfer coding other than chunked".to_owned()));
    }
    Ok(())
}

/// Waits for the answer: for as long as the request itself is still going up, and then for as long as an origin may
/// take.
async fn send(live: &Live, sender: Sender<'_>, request: Request<AnswerBody>) -> Result<Answer, End> {
    let patience = async {
        while tokio::time::timeout(UPLOAD_STALL / 4, live.uploaded()).await.is_err() {
            if live.quiet(Direction::Up, clock::now()) > UPLOAD_STALL {
                return;
            }
        }
        tokio::time::sleep(ANSWER_TIMEOUT).await;
    };
    tokio::select! {
        answer = sender.send(request) => answer.map_err(|error| broken(live, &error)),
        () = patience => Err(End::AnswerTimeout(ANSWER_TIMEOUT)),
    }
}

/// An upload that broke off on the client's side makes the exchange with the origin fail too; it is the reason then.
fn broken(live: &Live, error: &SendError) -> End {
    let fault = live.upload_fault().unwrap_or_else(|| error.fault());
    End::Broken(fault, error.to_string())
}

/// `Max-Forwards` counts the hops that OPTIONS and TRACE may still take; at zero this is the last (RFC 9110 section
/// 7.6.2).
fn last_forward(request: &mut Request<Incoming>) -> Option<Response<AnswerBody>> {
    if !matches!(*request.method(), Method::OPTIONS | Method::TRACE) {
        return None;
    }
    let hops: u32 = request.headers().get(MAX_FORWARDS)?.to_str().ok()?.trim().parse().ok()?;
    if let Some(left) = hops.checked_sub(1) {
        request.headers_mut().insert(MAX_FORWARDS, HeaderValue::from(left));
        return None;
    }
    // A TRACE would show the client its own headers, credentials among them, so it is not answered in full.
    let status = if request.method() == Method::OPTIONS { StatusCode::OK } else { StatusCode::METHOD_NOT_ALLOWED };
    let mut response = Response::new(body::empty());
    *response.status_mut() = status;
    Some(response)
}
