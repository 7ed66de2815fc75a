//! The other side of the unix socket: `clearway status`, `reload` and `drain` ask here.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::history::HistoryView;
use super::route;
use super::view::{ReloadOutcome, Status, Tubes, UpgradeOutcome};

/// As long as the gateway lets a reload take.
const BOUND: Duration = Duration::from_secs(600);

/// For everything else, which is answered from memory.
const PROMPT: Duration = Duration::from_secs(10);

/// The largest answer: a reload that reports every mistake in large lists stays far below it.
const ANSWER: usize = 16 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No socket, or nobody behind it.
    #[error("no gateway runs here: nobody answers at {}", path.display())]
    NoGateway {
        /// The socket.
        path: PathBuf,
    },
    /// The socket belongs to another user.
    #[error("{} is for the user the gateway runs as; try as that user", path.display())]
    NotAllowed {
        /// The socket.
        path: PathBuf,
    },
    /// The system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It broke off, or spoke no HTTP.
    #[error("the gateway's answer broke off: {0}")]
    Broken(String),
    /// It did not answer in time.
    #[error("the gateway did not answer in {} s", .0.as_secs())]
    TimedOut(Duration),
}

/// How the gateway does.
///
/// # Errors
/// When no gateway runs there, the socket is another user's, or the answer does not come whole.
pub fn status(socket: &Path) -> Result<(Status, Tubes), AskError> {
    let tubes = read(&ask(socket, &Method::GET, "/api/v1/tubes", PROMPT)?.1)?;
    Ok((read(&ask(socket, &Method::GET, "/api/v1/status", PROMPT)?.1)?, tubes))
}

/// Has the gateway read its configuration again; where its files were put back, to which generation.
///
/// # Errors
/// As [`status`]; a refused configuration is an outcome, no error.
pub fn reload(socket: &Path, rollback: Option<u64>) -> Result<ReloadOutcome, AskError> {
    let plain = |user: &String| !user.is_empty() && user.chars().all(|c| c.is_ascii_graphic());
    let sudo = std::env::var("SUDO_USER").ok().filter(plain).map(|user| (route::SUDO, user));
    let rollback = rollback.map(|number| (route::ROLLBACK, number.to_string()));
    let headers: Vec<_> = sudo.into_iter().chain(rollback).collect();
    read(&told(socket, &Method::POST, "/api/v1/reload", &headers, BOUND)?.1)
}

/// Has the gateway start a successor that takes over; one that cannot is an outcome, no error.
///
/// # Errors
/// As [`status`].
pub fn upgrade(socket: &Path) -> Result<UpgradeOutcome, AskError> {
    read(&ask(socket, &Method::POST, "/api/v1/upgrade", BOUND)?.1)
}

/// Has the gateway drain and stop; returns at once.
///
/// # Errors
/// As [`status`].
pub fn drain(socket: &Path) -> Result<(), AskError> {
    ask(socket, &Method::POST, "/api/v1/drain", PROMPT).map(drop)
}

/// What it was in the last hour.
///
/// # Errors
/// As [`status`].
pub fn history(socket: &Path) -> Result<HistoryView, AskError> {
    read(&ask(socket, &Method::GET, "/api/v1/history", PROMPT)?.1)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, AskError> {
    serde_json::from_slice(body).map_err(|error| AskError::Broken(error.to_string()))
}

/// Asks the gateway at a socket, and waits for the whole answer. Blocks; not to be called from within a runtime.
///
/// # Errors
/// When no gateway runs there, the socket is another user's, or the answer does not come whole.
pub fn ask(socket: &Path, method: &Method, uri: &str, bound: Duration) -> Result<(StatusCode, Vec<u8>), AskError> {
    told(socket, method, uri, &[], bound)
}

type Header = (&'static str, String);

fn told(
    socket: &Path,
    method: &Method,
    uri: &str,
    headers: &[Header],
    bound: Duration,
) -> Result<(StatusCode, Vec<u8>), AskError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| AskError::Io { path: socket.into(), source })?;
    runtime.block_on(async {
        tokio::time::timeout(bound, exchange(socket, method, uri, headers))
            .await
            .unwrap_or(Err(AskError::TimedOut(bound)))
    })
}

async fn exchange(
    socket: &Path,
    method: &Method,
    uri: &str,
    headers: &[Header],
) -> Result<(StatusCode, Vec<u8>), AskError> {
    let broken = |error: hyper::Error| AskError::Broken(error.to_string());
    let stream = UnixStream::connect(socket).await.map_err(|error| refusal(socket, error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let request = Request::builder().method(method).uri(uri);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    let request = request
        .header(header::HOST, "localhost")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| AskError::Broken(error.to_string()))?;
    let talk = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER).collect().await;
        let body = body.map_err(|error| AskError::Broken(error.to_string()))?;
        Ok((status, body.to_bytes().to_vec()))
    };
    tokio::pin!(talk);
    tokio::pin!(connection);
    // The connection drives the talk; when it ends first, what it brought is still to be read.
    tokio::select! {
        answer = &mut talk => answer,
        _ = &mut connection => talk.await,
    }
}

fn refusal(socket: &Path, error: io::Error) -> AskError {
    let path = socket.to_path_buf();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AskError::NoGateway { path },
        io::ErrorKind::PermissionDenied => AskError::NotAllowed { path },
        _ => AskError::Io { path, source: error },
    }
}
