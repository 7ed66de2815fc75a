//! Which request is answered what. Anybody who reaches the TCP address may look; only who may open the unix socket
//! may reload or drain, so that nobody does it over the network or through a browser that visits another site.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Response, StatusCode};
use ring::digest;
use serde::Serialize;

use super::view::{Asked, Gateway, Tubes};

const LIVE: &str = include_str!("live.html");
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// Nothing but the page's own style and script, told by their hashes, and its own API.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = |tag: &str| {
        let inner = LIVE.split_once(&format!("<{tag}>")).and_then(|(_, rest)| rest.split_once(&format!("</{tag}>")));
        STANDARD.encode(digest::digest(&digest::SHA256, inner.map_or("", |(inner, _)| inner).as_bytes()))
    };
    let text = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash("style"),
        hash("script"),
    );
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

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
pub async fn answer(
    door: Door,
    gateway: &Arc<dyn Gateway>,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Answer {
    if door == Door::Tcp && (path == "/" || path.starts_with("/api/")) && !host_is_ours(headers, gateway.as_ref()) {
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
        "/" | "/metrics" | "/healthz" | "/readyz" | "/api/v1/status" | "/api/v1/tubes" if allowed => {
            look(gateway, path)
        }
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
        "/" | "/metrics" | "/healthz" | "/readyz" | "/api/v1/status" | "/api/v1/tubes" | "/api/v1/reload"
        | "/api/v1/drain" | "/api/v1/upgrade" => {
            let mut answer = respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, "not with this method\n");
            let methods = HeaderValue::from_static(if posts { "POST" } else { "GET, HEAD" });
            answer.headers_mut().insert(header::ALLOW, methods);
            answer
        }
        _ => respond(
            StatusCode::NOT_FOUND,
            TEXT,
            "no such page; there are /metrics, /healthz, /readyz, /api/v1/status, /api/v1/tubes and /\n",
        ),
    }
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

fn look(gateway: &Arc<dyn Gateway>, path: &str) -> Answer {
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
        "/api/v1/tubes" => json(StatusCode::OK, &Tubes { link: gateway.link(), tubes: gateway.tubes() }),
        _ => {
            let mut page = respond(StatusCode::OK, "text/html; charset=utf-8", LIVE);
            page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
            page
        }
    }
}

/// DNS rebinding: a stranger's page makes its own name resolve to us and reads as if from its own site. Its name is
/// in Host then, never an address, localhost or ours. Metrics and health have nothing to hide and are asked for by
/// whatever name a monitoring system knows.
fn host_is_ours(headers: &HeaderMap, gateway: &dyn Gateway) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else {
        return true; // HTTP/1.0; no browser
    };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    }
    .unwrap_or_default();
    name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || name.eq_ignore_ascii_case(&gateway.status().name)
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
