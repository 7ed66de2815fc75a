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
use crate::listen::pac::{MEDIA_TYPE, is_pac};

/// Browsers ask again when they start and when their network changes; a change of address gets round within this.
const FRESH: &str = "max-age=300";

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
    // HTTP/2 names an authority in every request (RFC 9113 section 8.3.1): there it has to be ours. Before it, who names
    // one wants that one asked.
    let http2 = request.version() == Version::HTTP_2;
    let ours = |authority: &Authority| http2 && plan.pac.is_at(authority.as_str(), reached);
    if !request.uri().authority().is_none_or(ours) || !carrier.admits(&entrance.listener, entrance.client.ip()) {
        return None;
    }
    tracing::debug!(listener = %entrance.listener, "proxy auto-configuration");
    let script = plan.pac.script(reached, entrance.intake.tls.is_some());
    let body = Full::new(Bytes::from(script)).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(FRESH));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Some(response)
}
