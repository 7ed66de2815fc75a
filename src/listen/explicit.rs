//! An explicit proxy: what a request asks for, and hyper serving a connection by HTTP/1.1.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::HOST;
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, Version};
use tokio_util::sync::CancellationToken;

use super::Stream;
use super::door::{Door, Phase};
use crate::base::target::TargetError;
use crate::base::{Fault, Reason, Scheme, Side, Target};

/// The largest request head: twice what the largest cookies of single sign-on reach. RFC 9110 section 5.4 asks for no
/// number.
pub const HEAD_LIMIT: usize = 64 * 1024;

/// The most header fields of a request.
pub const HEADERS_LIMIT: usize = 100;

/// What a request asks the proxy to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// CONNECT: bytes both ways.
    Tunnel(Target),
    /// An absolute-form request.
    Exchange(Scheme, Target),
}

impl Ask {
    /// Where it goes.
    pub fn target(&self) -> &Target {
        match self {
            Ask::Tunnel(target) | Ask::Exchange(_, target) => target,
        }
    }
}

/// Why a request cannot be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Sent as if to an origin server.
    #[error("this is a proxy: the request must name a whole URL, or use CONNECT")]
    NotForAProxy,
    /// CONNECT on its way to another machine.
    #[error("this machine is no proxy for clients that ask it to be one")]
    NoProxyHere,
    /// A URL that a proxy does not fetch.
    #[error("the scheme must be http or https")]
    Scheme,
    /// The target.
    #[error("the target is not valid: {0}")]
    Target(#[from] TargetError),
    /// RFC 9112 section 3.2: exactly one.
    #[error("an HTTP/1.1 request must have exactly one Host header")]
    Host,
}

impl AskError {
    /// Always the client's.
    pub fn fault(self) -> Fault {
        Fault::new(Side::Client, Reason::BadRequest)
    }
}

/// What a request asks for. Pure.
///
/// # Errors
/// When the request is not one that a proxy can serve.
pub fn ask(request: &Parts) -> Result<Ask, AskError> {
    let authority = request.uri.authority().map(|authority| authority.as_str());
    if request.method == Method::CONNECT {
        // Host says nothing here that the request line does not; some clients leave it out.
        return Ok(Ask::Tunnel(Target::from_authority(authority.unwrap_or_default())?));
    }
    let hosts = request.headers.get_all(HOST).iter().count();
    // HTTP/2 names it in `:authority` (RFC 9113 section 8.3.1).
    if hosts > 1 || (hosts == 0 && request.version == Version::HTTP_11) {
        return Err(AskError::Host);
    }
    let scheme = Scheme::of_url(request.uri.scheme_str().ok_or(AskError::NotForAProxy)?).ok_or(AskError::Scheme)?;
    // RFC 9112 section 3.2.2: the target is the request line's, whatever Host says.
    Ok(Ask::Exchange(scheme, Target::with_default_port(authority.unwrap_or_default(), scheme.port())?))
}

/// How serving a connection ended when it did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// What came was not an HTTP request.
    #[error("the request cannot be read: {0}")]
    Parse(#[source] hyper::Error),
    /// The head is larger than the limit.
    #[error("the request head is larger than {HEAD_LIMIT} bytes or {HEADERS_LIMIT} fields")]
    TooLarge,
    /// The head did not come whole in time.
    #[error("the request head did not come whole in time")]
    SlowHead,
    /// The client closed or broke its connection within the head.
    #[error("the client went away within its request head")]
    Torn,
}

impl ServeError {
    /// Always the client's.
    pub fn fault(&self) -> Fault {
        let reason = match self {
            ServeError::Parse(_) => Reason::BadRequest,
            ServeError::TooLarge => Reason::HeadTooLarge,
            ServeError::SlowHead => Reason::SlowHead,
            ServeError::Torn => Reason::Reset,
        };
        Fault::new(Side::Client, reason)
    }

    /// The status that the client was answered, if it was there to be answered.
    pub fn status(&self) -> Option<u16> {
        match self {
            ServeError::Parse(_) => Some(400),
            ServeError::TooLarge => Some(431),
            ServeError::SlowHead => Some(408),
            ServeError::Torn => None,
        }
    }
}

/// Serves the requests of one connection, of which some bytes were read before, one after another, until it closes, is
/// handed over to a tunnel, or waits for longer than `keep_alive` for the next one. When `drain` is cancelled the request
/// that is under way is the last.
///
/// # Errors
/// When something came that never became a request: there is no flow then that could keep the record.
pub async fn serve<S, F, B>(
    (stream, before): (Stream, Bytes),
    phase: Arc<Phase>,
    keep_alive: Duration,
    drain: &CancellationToken,
    service: S,
) -> Result<(), ServeError>
where
    S: Fn(Request<Incoming>) -> F,
    F: Future<Output = Result<Response<B>, Infallible>>,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let door = Door::new(stream, before, Arc::clone(&phase), keep_alive);
    let connection = hyper::server::conn::http1::Builder::new()
        .max_header_size(HEAD_LIMIT)
        .max_buf_size(2 * HEAD_LIMIT)
        .max_headers(HEADERS_LIMIT)
        .header_read_timeout(None)
        .serve_connection(
            door,
            service_fn(|request| {
                phase.message();
                service(request)
            }),
        )
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        // In this order: what was read before is a request that is under way, also when the drain has begun.
        biased;
        ended = connection.as_mut() => ended,
        () = drain.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    match ended {
        Ok(()) => Ok(()),
        Err(error) if error.is_parse_too_large() => Err(ServeError::TooLarge),
        Err(error) if error.is_parse() => Err(ServeError::Parse(error)),
        Err(_) if phase.was_slow() => Err(ServeError::SlowHead),
        // To close after an end that was in order may fail as well.
        Err(error) if phase.is_head() && !error.is_shutdown() => Err(ServeError::Torn),
        // Every other ending happened to a request, whose flow keeps the record, or to nobody.
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: &str, uri: &str, hosts: &[&str]) -> Parts {
        let mut builder = Request::builder().method(method).uri(uri);
        for host in hosts {
            builder = builder.header(HOST, *host);
        }
        builder.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_request_says_where_it_goes() {
        let target = |text: &str| text.parse::<Target>().unwrap();
        for (request, expected) in [
            (parts("CONNECT", "nhs.uk:443", &[]), Ask::Tunnel(target("nhs.uk:443"))),
            (parts("CONNECT", "[::1]:443", &["[::1]:443"]), Ask::Tunnel(target("[::1]:443"))),
            (parts("GET", "http://NHS.uk/a", &["other.uk"]), Ask::Exchange(Scheme::Http, target("nhs.uk:80"))),
            (parts("GET", "WSS://nhs.uk/", &["nhs.uk"]), Ask::Exchange(Scheme::Https, target("nhs.uk:443"))),
            (parts("GET", "https://nhs.uk:8443/", &["nhs.uk"]), Ask::Exchange(Scheme::Https, target("nhs.uk:8443"))),
        ] {
            assert_eq!(ask(&request), Ok(expected));
        }
    }

    #[test]
    fn http_2_names_the_host_in_its_own_way() {
        let (mut plain, mut named) = (parts("GET", "http://nhs.uk/a", &[]), parts("GET", "/a", &["nhs.uk"]));
        (plain.version, named.version) = (Version::HTTP_2, Version::HTTP_2);
        assert_eq!(ask(&plain), Ok(Ask::Exchange(Scheme::Http, "nhs.uk:80".parse().unwrap())));
        assert_eq!(ask(&named), Err(AskError::NotForAProxy));
    }

    #[test]
    fn what_a_proxy_cannot_serve_has_its_reason() {
        for (request, error) in [
            (parts("GET", "/a", &["nhs.uk"]), AskError::NotForAProxy),
            (parts("OPTIONS", "*", &["nhs.uk"]), AskError::NotForAProxy),
            (parts("GET", "ftp://nhs.uk/a", &["nhs.uk"]), AskError::Scheme),
            (parts("GET", "http://nhs.uk/a", &[]), AskError::Host),
            (parts("GET", "http://nhs.uk/a", &["a", "b"]), AskError::Host),
            (parts("CONNECT", "nhs.uk", &[]), AskError::Target(TargetError::Port)),
            (parts("GET", "http://a@nhs.uk/", &["nhs.uk"]), AskError::Target(TargetError::UserInfo)),
        ] {
            assert_eq!(ask(&request), Err(error), "{request:?}");
        }
    }
}
