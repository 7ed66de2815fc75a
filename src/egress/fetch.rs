//! Fetches a file over HTTPS, and takes nothing from its server on trust: not its length, its pace, nor what it says it is.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, ETAG, HOST, HeaderMap, HeaderName, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED, LOCATION, USER_AGENT,
};
use hyper::{Request, Response, StatusCode, Uri};
use serde::{Deserialize, Serialize};

use super::dial::DialError;
use super::egresses::Egresses;
use super::origins::{Admission, Answer, Body, Lease, Origins, SendError};
use super::spec::Buffers;
use crate::base::target::TargetError;
use crate::base::{EgressId, Scheme, Target};

/// More is no list. The largest public one (adult sites of UT1) is a third of this.
const LARGEST: u64 = 256 << 20;
/// A file that moved is followed so often.
const REDIRECTS: usize = 5;
/// A server has so long for the head of its answer.
const HEAD: Duration = Duration::from_secs(30);
/// In so long at least so much has to come: less is a server that means to hold on to whoever asks.
const PACE: (Duration, u64) = (Duration::from_secs(10), 10 * 1024);

/// What a server said of a file, to ask whether it has changed (RFC 9110 section 13.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub modified: Option<String>,
}

/// What came of it.
#[derive(Debug)]
pub enum Fetched {
    /// The file is the version that is known.
    Same,
    /// It is another.
    New(Version),
}

/// Why a file was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Not a URL, or of another scheme.
    #[error("`{0}` is no https URL")]
    Url(String),
    /// The host of a URL.
    #[error("the URL's target {0}")]
    Target(#[from] TargetError),
    /// It cannot be reached, or not be trusted.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// No answer came.
    #[error(transparent)]
    Send(#[from] SendError),
    /// Another answer than a file.
    #[error("the server answered {0}")]
    Status(StatusCode),
    /// Sent elsewhere too often.
    #[error("it was redirected more than {REDIRECTS} times")]
    Redirects,
    /// No head of an answer.
    #[error("the server did not answer within {} s", HEAD.as_secs())]
    Late,
    /// Compressed, though nobody asked for that: what it would grow to is not known.
    #[error("the answer is compressed ({0}), which was not asked for")]
    Encoded(String),
    /// Too large.
    #[error("it is larger than {} MiB", LARGEST >> 20)]
    Large,
    /// Nothing.
    #[error("the answer is empty")]
    Empty,
    /// A page for people.
    #[error("the answer is a web page, not a list")]
    Page,
    /// Packed.
    #[error("the answer is a compressed file, not a list")]
    Packed,
    /// Too slow.
    #[error("the server sent less than {} KiB in {} s", PACE.1 >> 10, PACE.0.as_secs())]
    Slow,
    /// Cut off.
    #[error("the answer broke off after {0} octets: {1}")]
    BrokeOff(u64, String),
    /// It cannot be written down.
    #[error("what came cannot be written: {0}")]
    Write(#[from] std::io::Error),
}

/// Fetches what a URL names, but for the version that is known; each piece that comes is given to `write`.
///
/// # Errors
/// Whatever is not a whole file: see [`FetchError`].
pub async fn fetch(
    (origins, egresses, egress): (&Origins, &Egresses, &EgressId),
    url: &str,
    known: &Version,
    write: &mut (dyn FnMut(&[u8]) -> std::io::Result<()> + Send),
) -> Result<Fetched, FetchError> {
    let mut url = url.to_owned();
    for _ in 0..=REDIRECTS {
        let (uri, target) = parse(&url)?;
        let asked = ask((origins, egresses, egress), &uri, &target, known);
        let Answer { response, lease, .. } =
            tokio::time::timeout(HEAD, asked).await.map_err(|_| FetchError::Late)??;
        match response.status() {
            StatusCode::OK => return body(response, lease, write).await.map(Fetched::New),
            StatusCode::NOT_MODIFIED if *known != Version::default() => return Ok(Fetched::Same),
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT => url = elsewhere(response.headers(), &uri, response.status())?,
            other => return Err(FetchError::Status(other)),
        }
    }
    Err(FetchError::Redirects)
}

fn parse(url: &str) -> Result<(Uri, Target), FetchError> {
    let uri: Uri = url.parse().map_err(|_| FetchError::Url(url.to_owned()))?;
    let authority = uri.authority().filter(|_| uri.scheme_str() == Some("https"));
    let authority = authority.ok_or_else(|| FetchError::Url(url.to_owned()))?.as_str().to_owned();
    Ok((uri, Target::with_default_port(&authority, Scheme::Https.port())?))
}

/// Where an answer sends to: another URL, or another path of the same server.
fn elsewhere(headers: &HeaderMap, from: &Uri, status: StatusCode) -> Result<String, FetchError> {
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).ok_or(FetchError::Status(status))?;
    let authority = from.authority().map(ToString::to_string).unwrap_or_default();
    if location.contains("://") {
        Ok(location.to_owned())
    } else if location.starts_with('/') {
        Ok(format!("https://{authority}{location}"))
    } else {
        let folder = from.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        Ok(format!("https://{authority}{folder}/{location}"))
    }
}

async fn ask(
    (origins, egresses, egress): (&Origins, &Egresses, &EgressId),
    uri: &Uri,
    target: &Target,
    known: &Version,
) -> Result<Answer, FetchError> {
    let sender = origins.sender(egresses, egress, Scheme::Https, target, &Free).await?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::get(path)
        .header(HOST, uri.authority().map(|authority| authority.as_str()).unwrap_or_default())
        .header(USER_AGENT, concat!("clearway/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "text/plain, application/json;q=0.9, */*;q=0.5")
        .header(ACCEPT_ENCODING, "identity");
    for (name, value) in [(IF_NONE_MATCH, &known.etag), (IF_MODIFIED_SINCE, &known.modified)] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    let none = Body::new(Empty::<Bytes>::new().map_err(|never| match never {}));
    let request = request.body(none).map_err(|_| FetchError::Url(uri.to_string()))?;
    Ok(sender.send(request).await?)
}

async fn body(
    response: Response<Incoming>,
    lease: Lease,
    write: &mut (dyn FnMut(&[u8]) -> std::io::Result<()> + Send),
) -> Result<Version, FetchError> {
    let (head, mut body) = response.into_parts();
    let said = |name: HeaderName| head.headers.get(name)?.to_str().ok().map(str::to_owned);
    if let Some(encoding) = said(CONTENT_ENCODING).filter(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(FetchError::Encoded(encoding));
    }
    if said(CONTENT_LENGTH).and_then(|length| length.parse().ok()).is_some_and(|length: u64| length > LARGEST) {
        return Err(FetchError::Large);
    }
    let (mut came, mut looked) = (0u64, 0u64);
    let mut look = tokio::time::interval(PACE.0);
    look.tick().await;
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            _ = look.tick() => {
                if came - looked < PACE.1 {
                    return Err(FetchError::Slow);
                }
                looked = came;
                continue;
            }
        };
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| FetchError::BrokeOff(came, cause(&error)))?;
        let Ok(piece) = frame.into_data() else { continue };
        if came == 0 {
            first(&piece)?;
        }
        came += piece.len() as u64;
        if came > LARGEST {
            return Err(FetchError::Large);
        }
        write(&piece)?;
    }
    if came == 0 {
        return Err(FetchError::Empty);
    }
    drop(lease);
    Ok(Version { etag: said(ETAG), modified: said(LAST_MODIFIED) })
}

/// What is behind an error of hyper's, which itself says only where it was.
fn cause(error: &hyper::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// What a list never begins with.
fn first(piece: &[u8]) -> Result<(), FetchError> {
    let start = piece.trim_ascii_start();
    let begins = |mark: &str| start.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark.as_bytes()));
    if ["<!doctype", "<html", "<head", "<?xml", "<body"].iter().any(|mark| begins(mark)) {
        return Err(FetchError::Page);
    }
    // gzip, zip, bzip2, xz, zstandard.
    let packed: [&[u8]; 5] = [b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"];
    if packed.iter().any(|mark| piece.starts_with(mark)) { Err(FetchError::Packed) } else { Ok(()) }
}

/// The gateway's own request: no tube holds it, for it comes once a day, and its server is held to a pace.
struct Free;

impl Admission for Free {
    fn bounds(&self) -> bool {
        false
    }

    fn admit<'a>(&'a self) -> std::pin::Pin<Box<dyn Future<Output = Buffers> + Send + 'a>> {
        Box::pin(async { Buffers::default() })
    }
}
