//! The answer to a flow that is not carried: the status and Proxy-Status of RFC 9209, and a page that says what
//! happened, why, and what one can do, in English and Welsh. Pure: values in, a response out.

pub mod page;
pub mod words;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};
use jiff::Zoned;
use serde_json::json;

use crate::account::FlowId;
use crate::base::{Fault, Reason, RuleId, Side, Target};
use crate::policy::Text;

/// Why a flow is not carried, and what the answer may tell of it.
#[derive(Clone, Debug)]
pub struct Refusal<'a> {
    /// Whose doing, and why.
    pub fault: Fault,
    /// The rule that decided; `None` with `Blocked` is the policy's default.
    pub rule: Option<RuleId>,
    /// The rule's own words to who is refused.
    pub reason: Text,
    /// Where the flow went, if that much could be read.
    pub target: Option<Target>,
    /// `[gateway] name`.
    pub gateway: &'a str,
    /// What the access log calls the flow.
    pub flow: FlowId,
    /// Now, in the gateway's zone.
    pub at: Zoned,
}

/// What the request says of the form of its answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    method: Option<&'a Method>,
    accept: Option<&'a str>,
    language: Option<&'a str>,
}

/// When it is worth while to come back after a 503: short enough that a person waits, long enough that flows have ended.
pub const RETRY_AFTER: Duration = Duration::from_secs(5);

const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// A language of the page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    /// `en`
    English,
    /// `cy`
    Welsh,
}

impl<'a> Asked<'a> {
    /// As a request's head says it.
    pub fn new(method: &'a Method, headers: &'a HeaderMap) -> Self {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        Asked { method: Some(method), accept: text(header::ACCEPT), language: text(header::ACCEPT_LANGUAGE) }
    }

    /// A request that could not be read.
    pub fn nothing() -> Self {
        Asked::default()
    }

    fn prefers_json(&self) -> bool {
        let accept = self.accept.unwrap_or_default();
        let (json, html) = (preference(accept, "application", "json"), preference(accept, "text", "html"));
        json.0 > 0 && json > html
    }

    /// The language that is asked for more; English where neither is, or both are.
    pub fn first_language(&self) -> Language {
        let mut best = (0, Language::English);
        for (range, quality) in ranges(self.language.unwrap_or_default()) {
            let language = match range.split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "en" => Language::English,
                "cy" => Language::Welsh,
                _ => continue,
            };
            if quality > best.0 {
                best = (quality, language);
            }
        }
        best.1
    }
}

impl Refusal<'_> {
    /// The answer.
    pub fn answer(&self, asked: &Asked<'_>) -> Response<Full<Bytes>> {
        let (status, _) = status_of(self.fault);
        let (kind, body) = if asked.method == Some(&Method::CONNECT) {
            // Browsers show no body of a refused CONNECT; this is for who reads curl's output or a packet trace.
            ("text/plain; charset=utf-8", self.line())
        } else if asked.prefers_json() {
            ("application/json", self.json())
        } else {
            ("text/html; charset=utf-8", page::html(self, asked.first_language()))
        };
        let length = body.len();
        let body = if asked.method == Some(&Method::HEAD) { Full::default() } else { Full::new(Bytes::from(body)) };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Ok(value) = HeaderValue::from_str(&self.proxy_status()) {
            headers.insert(PROXY_STATUS, value);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER.as_secs()));
        }
        if kind.starts_with("text/html") {
            headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static("en, cy"));
            headers.insert(header::CONTENT_SECURITY_POLICY, page::policy().clone());
            headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        }
        response
    }

    /// The status of the answer, for the record.
    pub fn status(&self) -> StatusCode {
        status_of(self.fault).0
    }

    /// The rule's name; `default` where the policy's default blocked; nothing where no rule had a say.
    pub(crate) fn rule_name(&self) -> Option<&str> {
        match (&self.rule, self.fault.reason) {
            (Some(rule), _) => Some(rule.as_str()),
            (None, Reason::Blocked) => Some("default"),
            (None, _) => None,
        }
    }

    /// Words with the target and the seconds put in.
    pub(crate) fn fill(&self, words: &str) -> String {
        let host = self.target.as_ref().map_or_else(|| "?".to_owned(), |target| target.host.to_string());
        let port = self.target.as_ref().map_or_else(|| "?".to_owned(), |target| target.port.to_string());
        page::fill(words, ("{", "}"), |name| match name {
            "host" => Some(host.clone()),
            "port" => Some(port.clone()),
            // No line breaks between number and unit.
            "seconds" => Some(format!("{}\u{a0}seconds", RETRY_AFTER.as_secs())),
            // After a number Welsh has the singular.
            "eiliad" => Some(format!("{}\u{a0}eiliad", RETRY_AFTER.as_secs())),
            _ => None,
        })
    }

    fn proxy_status(&self) -> String {
        let (_, error) = status_of(self.fault);
        let details = match self.rule_name() {
            Some(rule) => format!("rule={rule}"),
            None => self.fault.reason.to_string(),
        };
        format!("clearway; error={error}; details={}", quoted(&details))
    }

    fn line(&self) -> String {
        let mut line = format!("clearway: {}", self.fill(words::of(self.fault.reason).en.what));
        let own = [&self.reason.en, &self.reason.cy].into_iter().flatten().map(String::as_str);
        for text in own.filter(|text| !text.is_empty()) {
            line.push(' ');
            line.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c }));
        }
        let rule = self.rule_name().map(|rule| format!("rule {rule}, ")).unwrap_or_default();
        line.push_str(&format!(" ({rule}{}, flow {})\n", self.fault, self.flow));
        line
    }

    fn json(&self) -> String {
        let words = words::of(self.fault.reason);
        let mut text = json!({
            "status": self.status().as_u16(),
            "side": self.fault.side.as_str(),
            "reason": self.fault.reason.as_str(),
            "rule": self.rule_name(),
            "target": self.target.as_ref().map(Target::to_string),
            "what": { "en": self.fill(words.en.what), "cy": self.fill(words.cy.what) },
            "why": { "en": self.reason.en, "cy": self.reason.cy },
            "now": { "en": self.fill(words.en.now), "cy": self.fill(words.cy.now) },
            "retry_after": (self.status() == StatusCode::SERVICE_UNAVAILABLE).then(|| RETRY_AFTER.as_secs()),
            "time": format!("{:.3}", self.at.timestamp()),
            "flow": self.flow.to_string(),
            "gateway": self.gateway,
        })
        .to_string();
        text.push('\n');
        text
    }
}

/// The status, and the error type of RFC 9209 section 2.3.
fn status_of(fault: Fault) -> (StatusCode, &'static str) {
    match fault.reason {
        Reason::BadRequest | Reason::BadProxyHeader | Reason::NoDestination => {
            (StatusCode::BAD_REQUEST, "http_request_error")
        }
        Reason::HeadTooLarge => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "http_request_error"),
        Reason::SlowHead => (StatusCode::REQUEST_TIMEOUT, "http_request_error"),
        Reason::ClientNotAllowed | Reason::Blocked | Reason::PortRefused => {
            (StatusCode::FORBIDDEN, "http_request_denied")
        }
        // 403 rather than RFC 9209's suggested 502: it is a decision, and trying again will not help.
        Reason::AddressDenied => (StatusCode::FORBIDDEN, "destination_ip_prohibited"),
        Reason::NameNotFound => (StatusCode::BAD_GATEWAY, "dns_error"),
        Reason::ResolverFailed => (StatusCode::BAD_GATEWAY, "dns_timeout"),
        Reason::ConnectRefused => (StatusCode::BAD_GATEWAY, "connection_refused"),
        Reason::Unreachable => (StatusCode::BAD_GATEWAY, "destination_ip_unroutable"),
        Reason::TlsFailed => (StatusCode::BAD_GATEWAY, "tls_protocol_error"),
        Reason::ParentRefused => (StatusCode::BAD_GATEWAY, "destination_unavailable"),
        Reason::BadAnswer => (StatusCode::BAD_GATEWAY, "http_protocol_error"),
        Reason::Reset => (StatusCode::BAD_GATEWAY, "connection_terminated"),
        Reason::ConnectTimeout => (StatusCode::GATEWAY_TIMEOUT, "connection_timeout"),
        Reason::AnswerTimeout => (StatusCode::GATEWAY_TIMEOUT, "http_response_timeout"),
        Reason::Idle if fault.side == Side::Client => (StatusCode::REQUEST_TIMEOUT, "http_request_error"),
        Reason::Idle => (StatusCode::GATEWAY_TIMEOUT, "connection_read_timeout"),
        Reason::TubeFull | Reason::ProcessFull => (StatusCode::SERVICE_UNAVAILABLE, "connection_limit_reached"),
        Reason::Drained => (StatusCode::SERVICE_UNAVAILABLE, "proxy_internal_error"),
        Reason::Internal | Reason::Finished => (StatusCode::INTERNAL_SERVER_ERROR, "proxy_internal_error"),
    }
}

/// A structured-field string (RFC 8941 section 3.3.3): printable ASCII, quotes and backslashes escaped. What it
/// cannot hold is percent-encoded, as in a URL, so that the name can still be told.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out.push('"');
    out
}

/// How much a media type is wanted: thousandths, then how exactly it was named. The most exact range decides
/// (RFC 9110 section 12.5.1).
fn preference(accept: &str, kind: &str, subtype: &str) -> (u16, u8) {
    let mut found = (0, 0);
    for (range, quality) in ranges(accept) {
        let Some((of, sub)) = range.split_once('/') else { continue };
        let exact = if of.eq_ignore_ascii_case(kind) && sub.eq_ignore_ascii_case(subtype) {
            3
        } else if of.eq_ignore_ascii_case(kind) && sub == "*" {
            2
        } else if range == "*/*" {
            1
        } else {
            continue;
        };
        if exact > found.1 {
            found = (quality, exact);
        }
    }
    found
}

/// The members of an Accept-like list with their qualities in thousandths; one that cannot be read counts as 0. At
/// most 32 are looked at: no browser sends more.
fn ranges(list: &str) -> impl Iterator<Item = (&str, u16)> {
    list.split(',').take(32).map(|member| {
        let mut parts = member.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        (range, quality.map_or(1000, thousandths))
    })
}

/// `0.8` is 800.
fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{fraction:0<3}");
    match (whole, fraction.len(), digits.parse::<u16>()) {
        ("1", 0..=3, Ok(0)) => 1000,
        ("0", 0..=3, Ok(part)) => part,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
