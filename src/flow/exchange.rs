//! One absolute-form request and its answer.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::header::{HeaderValue, MAX_FORWARDS, PROXY_AUTHORIZATION};
use hyper::http::uri::{Authority, PathAndQuery};
use hyper::{Method, Request, Response, StatusCode, Uri};

use super::carrier::Carrier;
use super::end::End;
use super::judge::Verdict;
use super::live::Live;
use super::run::{AnswerBody, BoxError};
use super::tunnel;
use crate::base::{Direction, Fault, Reason, Side};
use crate::egress::{self, SendError, Sender};
use crate::listen::Scheme;
use crate::relay::{Course, PacedBody, http};
use crate::tube::Pass;

/// How long an origin may take to begin its answer once it has the request; a slow report of a hospital's own server
/// is answered within a minute or never.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a client may leave its own request unfinished without a byte of it. Waiting for its share of a tube does
/// not count.
pub const UPLOAD_IDLE: Duration = Duration::from_secs(60);

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
    let current = carrier.current();
    let gateway = current.plan.gateway.as_str();
    let client = http::upgrade_of(request.headers()).map(|_| hyper::upgrade::on(&mut request));
    let scheme = match scheme {
        Scheme::Http => egress::Scheme::Http,
        Scheme::Https => egress::Scheme::Https,
    };
    let ways = &current.ways;
    let sender = ways.origins.sender(&ways.egresses, &verdict.egress, scheme, &live.about.target).await?;
    if let Some(made) = sender.made() {
        live.open.connected(made.resolve + made.connect);
    }
    let request = outgoing(live, &pass, &sender, gateway, request)?;
    let mut response = send(live, sender, request).await?;

    let upgraded = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    live.open.answered(response.status().as_u16());
    live.open.first_byte();
    let version = response.version();
    http::towards_client(response.headers_mut(), version, gateway, upgraded);
    if upgraded && let Some(client) = client {
        let origin = hyper::upgrade::on(&mut response);
        carrier.tasks.spawn(tunnel::upgraded(Arc::clone(live), pass, client, origin));
        return Ok(response.map(|_| Empty::new().map_err(|never| match never {}).boxed_unsync()));
    }
    live.answering()?;
    Ok(response.map(|body| paced(body, Direction::Down, live, &pass)))
}

/// The request as the next hop wants it: a path for an origin, the whole URL for a parent.
fn outgoing(
    live: &Arc<Live>,
    pass: &Arc<Pass>,
    sender: &Sender,
    gateway: &str,
    request: Request<Incoming>,
) -> Result<Request<AnswerBody>, End> {
    let bad = |error: &dyn std::error::Error| {
        End::Broken(Fault::new(Side::Client, Reason::BadRequest), format!("the URL cannot be forwarded: {error}"))
    };
    let (mut parts, body) = request.into_parts();
    let authority = parts.uri.authority().map_or("", Authority::as_str);
    let host = HeaderValue::from_str(authority).map_err(|error| bad(&error))?;
    http::towards_origin(&mut parts.headers, parts.version, gateway, host);
    if sender.absolute_form() {
        if let Some(credentials) = sender.authorization() {
            parts.headers.insert(PROXY_AUTHORIZATION, credentials);
        }
    } else {
        let path = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        parts.uri = Uri::from(path);
    }
    parts.version = hyper::Version::HTTP_11;
    parts.extensions.clear();
    Ok(Request::from_parts(parts, paced(body, Direction::Up, live, pass)))
}

/// A body that takes its share of the tube, and tells the flow when it ends.
fn paced(body: Incoming, direction: Direction, live: &Arc<Live>, pass: &Arc<Pass>) -> AnswerBody {
    let course = Course {
        pass: Arc::clone(pass),
        tally: Arc::clone(live) as _,
        direction,
        idle: match direction {
            Direction::Down => tunnel::IDLE,
            Direction::Up => UPLOAD_IDLE,
        },
        dropped: Course::dropped(direction),
    };
    PacedBody::new(body, course).map_err(Into::into).boxed_unsync()
}

/// Waits for the answer: for as long as the request itself is still going up, and then for as long as an origin may
/// take.
async fn send(live: &Live, sender: Sender, request: Request<AnswerBody>) -> Result<Response<Incoming>, End> {
    let patience = async {
        live.uploaded().await;
        tokio::time::sleep(ANSWER_TIMEOUT).await;
    };
    tokio::select! {
        answer = sender.send(request) => {
            answer.map(|answer| answer.response).map_err(|error| broken(live, &error))
        }
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
    let mut response = Response::new(Empty::new().map_err(|never| -> BoxError { match never {} }).boxed_unsync());
    *response.status_mut() = status;
    Some(response)
}
