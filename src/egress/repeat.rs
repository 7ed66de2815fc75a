//! Whether a request is sent once more when a kept connection turns out to be closed.

use std::error::Error as _;
use std::io;

use http_body_util::BodyExt;
use hyper::body::Body as _;
use hyper::{Method, Request};

use super::origins::Body;

/// Whether a request that failed is sent once more. Only after a connection that was used again: a fresh one that fails
/// has something to say. What never left can always be sent; what left, only when the connection was closed without an
/// answer and repeating it does no harm (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1).
pub(super) fn may_repeat(reused: bool, unsent: bool, harmless: bool, closed: bool) -> bool {
    reused && (unsent || (harmless && closed))
}

pub(super) fn is_closed(error: &hyper::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    let system = error.source().and_then(|source| source.downcast_ref::<io::Error>()).map(io::Error::kind);
    error.is_canceled()
        || error.is_closed()
        || error.is_incomplete_message()
        || matches!(system, Some(BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected))
}

/// A second copy of a request that does no harm when it is sent twice: a safe method (RFC 9110 section 9.2.1) and no
/// body.
pub(super) fn copy_of(request: &Request<Body>) -> Option<Request<Body>> {
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE].contains(request.method());
    if !safe || !request.body().is_end_stream() {
        return None;
    }
    let mut copy = Request::new(());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    Some(copy.map(|()| empty()))
}

pub(super) fn empty() -> Body {
    http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync()
}
