//! The script by which a browser finds the gateway, from the listener that it is about. It is no flow: it makes no record.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{self, HeaderValue};
use hyper::http::uri::Authority;
use hyper::{Method, Request, Response, Version};

use super::body::AnswerBody;
use super::carrier::Carrier;
use super::run::Entrance;
use crate::base::Host;
use crate::listen::pac::{MEDIA_TYPE, Pac, is_pac};

/// Browsers ask again when they start and when their network changes; a change of address gets round within this.
const FRESH: &str = "max-age=300";

/// Whether the host that HTTP/2 names for every request is this gateway itself. Before HTTP/2 who names one wants it asked.
fn is_ours<B>(pac: &Pac, reached: SocketAddr, request: &Request<B>, named: &Authority) -> bool {
    let host = named.host().trim_matches(['[', ']']).parse::<Host>();
    let called = pac.name.as_ref().map(|name| name.host.clone());
    let ours = host.is_ok_and(|host| host == Host::Addr(reached.ip().to_canonical()) || Some(host) == called);
    request.version() == Version::HTTP_2 && ours && named.port_u16().unwrap_or(443) == reached.port()
}

/// The script, where that is what is asked for, as if of an origin, by who may use the listener. Whoever may not is
/// answered like anybody who asks for anything else.
pub fn answer<B>(carrier: &Carrier, entrance: &Entrance, request: &Request<B>) -> Option<Response<AnswerBody>> {
    let asks = matches!(request.method(), &Method::GET | &Method::HEAD);
    if !asks || !is_pac(request.uri().path()) {
        return None;
    }
    // Who knows of no proxy asks an origin for what is there.
    let reached: SocketAddr = entrance.reached.filter(|_| entrance.chosen.is_none())?;
    let plan = Arc::clone(&carrier.current().plan);
    if request.uri().authority().is_some_and(|named| !is_ours(&plan.pac, reached, request, named)) {
        return None;
    }
    if !carrier.admits(&entrance.listener, entrance.client.ip()) {
        return None;
    }
    tracing::debug!(listener = %entrance.listener, "proxy auto-configuration");
    // A listener that speaks TLS to its clients is written HTTPS.
    let script = plan.pac.script(reached, entrance.intake.tls.is_some());
    let body = Full::new(Bytes::from(script)).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(FRESH));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Some(response)
}
