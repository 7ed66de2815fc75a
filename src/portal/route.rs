//! Which request is answered what. Anybody who reaches the TCP address may look; only who may open the unix socket
//! may reload or drain, so that nobody does it over the network or through a browser that visits another site.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Response, StatusCode};
use serde::Serialize;

use super::history::History;
use super::live;
use super::view::{Asked, Gateway, Tubes};

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const PAC: &str = "application/x-ns-proxy-autoconfig";

/// What there is to see, as a wrong path is told.
const PLACES: &str = "no such page; there are /, /metrics, /healthz, /readyz, /api/v1/status, /api/v1/tubes, \
    /api/v1/history and /proxy.pac\n";

/// What requests are answered from.
pub struct Desk {
    /// The gateway.
    pub gateway: Arc<dyn Gateway>,
    /// How it was in the last hour.
    pub history: Mutex<History>,
}

/// Where a request came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Door {
    /// `[admin] address`
    Tcp,
    /// `admin.sock` in `state_dir`, and the user whose process is there.
    Socket(Option<u32>),
}

/// A response whose body is whole.
pub type Answer = Response<Full<Bytes>>;

/// The answer to a request. Bodies are never read: nothing here needs one.
pub async fn answer(door: Door, desk: &Desk, method: &Method, path: &str, headers: &HeaderMap) -> Answer {
    let gateway = &desk.gateway;
    let told = path == "/" || path.starts_with("/api/") || is_pac(path);
    if door == Door::Tcp && told && !host_is_ours(headers, gateway.as_ref()) {
        let text = "ask by address, as localhost, or by the gateway's own name\n";
        return respond(StatusCode::MISDIRECTED_REQUEST, TEXT, text);
    }
    let posts = matches!(path, "/api/v1/reload" | "/api/v1/drain" | "/api/v1/upgrade");
    let allowed = match (posts, method) {
        (true, &Method::POST) => true,
        (true, _) => false,
        (false, method) => matches!(method, &Method::GET | &Method::HEAD),
    };
    match path {
        path if allowed && LOOKS.contains(&path) => look(desk, path, headers),
        "/api/v1/reload" | "/api/v1/drain" | "/api/v1/upgrade" if door == Door::Tcp => {
            let text = "only on the unix socket: clearway reload, clearway drain, clearway upgrade\n";
            respond(StatusCode::FORBIDDEN, TEXT, text)
        }
        "/api/v1/reload" if allowed => {
            let outcome = gateway.reload(asked(door, headers)).await;
            json(if outcome.applied { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }, &outcome)
        }
        "/api/v1/upgrade" if allowed => {
            let outcome = gateway.upgrade().await;
            json(if outcome.upgraded { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }, &outcome)
        }
        "/api/v1/drain" if allowed => {
            gateway.drain();
            json(StatusCode::ACCEPTED, &serde_json::json!({ "draining": true }))
        }
        path if posts || LOOKS.contains(&path) => {
            let mut answer = respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, "not with this method\n");
            let methods = HeaderValue::from_static(if posts { "POST" } else { "GET, HEAD" });
            answer.headers_mut().insert(header::ALLOW, methods);
            answer
        }
        _ => respond(StatusCode::NOT_FOUND, TEXT, PLACES),
    }
}

/// What is only looked at.
const LOOKS: &[&str] = &[
    "/",
    "/metrics",
    "/healthz",
    "/readyz",
    "/api/v1/status",
    "/api/v1/tubes",
    "/api/v1/history",
    "/proxy.pac",
    "/wpad.dat",
];

fn is_pac(path: &str) -> bool {
    matches!(path, "/proxy.pac" | "/wpad.dat")
}

/// In the headers of a reload: for whom it is, and to which generation the files went back.
pub const SUDO: &str = "clearway-sudo";
/// See [`SUDO`].
pub const ROLLBACK: &str = "clearway-rollback";

fn asked(door: Door, headers: &HeaderMap) -> Asked {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    Asked {
        user: if let Door::Socket(user) = door { user } else { None },
        sudo: text(SUDO).map(str::to_owned),
        rollback: text(ROLLBACK).and_then(|number| number.parse().ok()),
    }
}

fn look(Desk { gateway, history }: &Desk, path: &str, headers: &HeaderMap) -> Answer {
    match path {
        "/metrics" => respond(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", gateway.metrics()),
        "/healthz" => respond(StatusCode::OK, TEXT, "alive\n"),
        "/readyz" => match gateway.ready() {
            Ok(()) => respond(StatusCode::OK, TEXT, "ready\n"),
            Err(reasons) => {
                respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("not ready\n{}\n", reasons.join("\n")))
            }
        },
        "/api/v1/status" => json(StatusCode::OK, &gateway.status()),
        "/api/v1/tubes" => json(StatusCode::OK, &Tubes::new(gateway.link(), gateway.tubes())),
        "/api/v1/history" => json(StatusCode::OK, &history.lock().unwrap_or_else(PoisonError::into_inner).view()),
        path if is_pac(path) => match gateway.pac(host_of(headers)) {
            Some(script) => respond(StatusCode::OK, PAC, script),
            None => respond(
                StatusCode::NOT_FOUND,
                TEXT,
                "by which address clients reach the proxy is not known here: ask a listener, or set [pac] name\n",
            ),
        },
        _ => {
            let mut page = respond(StatusCode::OK, "text/html; charset=utf-8", live::PAGE);
            page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, live::POLICY.clone());
            page
        }
    }
}

/// DNS rebinding: a stranger's page makes its own name resolve to us and reads as if from its own site. Its name is
/// in Host then, never an address, localhost or ours. Metrics and health have nothing to hide and are asked for by
/// whatever name a monitoring system knows.
fn host_is_ours(headers: &HeaderMap, gateway: &dyn Gateway) -> bool {
    let Some(name) = host_of(headers) else {
        return true; // HTTP/1.0; no browser
    };
    name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || name.eq_ignore_ascii_case(&gateway.status().name)
}

/// The name or address in Host, without its port and brackets.
fn host_of(headers: &HeaderMap) -> Option<&str> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    Some(name.unwrap_or_default())
}

fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    match serde_json::to_string(value) {
        Ok(mut text) => {
            text.push('\n');
            respond(status, JSON, text)
        }
        Err(error) => respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("cannot be written as JSON: {error}\n")),
    }
}

/// Also the answer to HEAD: hyper sends its length and leaves the body out.
fn respond(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
