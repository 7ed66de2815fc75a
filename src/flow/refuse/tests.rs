//! Tables of refusals and what they are answered.
#![cfg(test)]

use super::*;
use crate::account::{Access, Account, Arrival, Spec};
use crate::base::{Calendar, ListenerId, Side};
use http_body_util::BodyExt;

fn flow() -> FlowId {
    let home = tempfile::tempdir().unwrap();
    let spec = Spec { access: Access::File(home.path().join("access.log")), pseudonymise: true };
    let calendar = Calendar { zone: jiff::tz::TimeZone::UTC, bank_holidays: [].into() };
    let account = Account::start(&spec, &calendar, home.path()).unwrap();
    account.open(Arrival { listener: ListenerId::from("staff"), client: "10.0.0.1".parse().unwrap() }).flow()
}

fn refusal(reason: Reason) -> Refusal<'static> {
    Refusal {
        fault: Fault::new(Side::Policy, reason),
        rule: None,
        reason: Text::default(),
        target: Some("https://www.facebook.com/".parse().unwrap()),
        gateway: "gw1",
        flow: flow(),
        at: "2026-11-24T10:00:00[Europe/London]".parse().unwrap(),
    }
}

fn by_rule() -> Refusal<'static> {
    Refusal {
        rule: Some(RuleId::from("social-in-working-hours")),
        reason: Text {
            en: Some("Social media opens at 12:00.".into()),
            cy: Some("Mae'r cyfryngau cymdeithasol yn agor am 12:00.".into()),
        },
        ..refusal(Reason::Blocked)
    }
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

fn answer(refusal: &Refusal<'_>, method: &Method, pairs: &[(&'static str, &'static str)]) -> (Response<()>, String) {
    let headers = headers(pairs);
    let (parts, body) = refusal.answer(&Asked::new(method, &headers)).into_parts();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let body = runtime.block_on(body.collect()).unwrap().to_bytes();
    (Response::from_parts(parts, ()), String::from_utf8(body.to_vec()).unwrap())
}

#[test]
fn every_reason_has_its_status_and_its_rfc_9209_error() {
    for (reason, status, proxy_status) in [
        (Reason::BadRequest, 400, r#"clearway; error=http_request_error; details="bad-request""#),
        (Reason::BadProxyHeader, 400, r#"clearway; error=http_request_error; details="bad-proxy-header""#),
        (Reason::NoDestination, 400, r#"clearway; error=http_request_error; details="no-destination""#),
        (Reason::HeadTooLarge, 431, r#"clearway; error=http_request_error; details="head-too-large""#),
        (Reason::SlowHead, 408, r#"clearway; error=http_request_error; details="slow-head""#),
        (Reason::ClientNotAllowed, 403, r#"clearway; error=http_request_denied; details="client-not-allowed""#),
        (Reason::Blocked, 403, r#"clearway; error=http_request_denied; details="rule=default""#),
        (Reason::PortRefused, 403, r#"clearway; error=http_request_denied; details="port-refused""#),
        (Reason::AddressDenied, 403, r#"clearway; error=destination_ip_prohibited; details="address-denied""#),
        (Reason::NameNotFound, 502, r#"clearway; error=dns_error; details="name-not-found""#),
        (Reason::ResolverFailed, 502, r#"clearway; error=dns_timeout; details="resolver-failed""#),
        (Reason::ConnectRefused, 502, r#"clearway; error=connection_refused; details="connect-refused""#),
        (Reason::Unreachable, 502, r#"clearway; error=destination_ip_unroutable; details="unreachable""#),
        (Reason::ConnectTimeout, 504, r#"clearway; error=connection_timeout; details="connect-timeout""#),
        (Reason::TlsFailed, 502, r#"clearway; error=tls_protocol_error; details="tls-failed""#),
        (Reason::ParentRefused, 502, r#"clearway; error=destination_unavailable; details="parent-refused""#),
        (Reason::AnswerTimeout, 504, r#"clearway; error=http_response_timeout; details="answer-timeout""#),
        (Reason::BadAnswer, 502, r#"clearway; error=http_protocol_error; details="bad-answer""#),
        (Reason::Reset, 502, r#"clearway; error=connection_terminated; details="reset""#),
        (Reason::Idle, 504, r#"clearway; error=connection_read_timeout; details="idle""#),
        (Reason::TubeFull, 503, r#"clearway; error=connection_limit_reached; details="tube-full""#),
        (Reason::ProcessFull, 503, r#"clearway; error=connection_limit_reached; details="process-full""#),
        (Reason::Drained, 503, r#"clearway; error=proxy_internal_error; details="drained""#),
        (Reason::Internal, 500, r#"clearway; error=proxy_internal_error; details="internal""#),
    ] {
        let (response, body) = answer(&refusal(reason), &Method::GET, &[]);
        assert_eq!(response.status(), status, "{reason}");
        assert_eq!(response.headers()[PROXY_STATUS], proxy_status, "{reason}");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(response.headers().contains_key(header::RETRY_AFTER), status == 503, "{reason}");
        assert!(
            !body.contains("{{")
                && !body.contains("{host}")
                && !body.contains("{seconds}")
                && !body.contains("{eiliad}"),
            "{reason}: {body}"
        );
    }
}

#[test]
fn a_rules_name_is_escaped_as_a_structured_field_string() {
    for (name, details) in [
        ("social-in-working-hours", r#""rule=social-in-working-hours""#),
        (r#"a "quoted" \ name"#, r#""rule=a \"quoted\" \\ name""#),
        ("dŵr\r\nX: y", r#""rule=d%C5%B5r%0D%0AX: y""#),
    ] {
        let refusal = Refusal { rule: Some(RuleId::from(name)), ..by_rule() };
        let (response, _) = answer(&refusal, &Method::GET, &[]);
        let expected = format!("clearway; error=http_request_denied; details={details}");
        assert_eq!(response.headers()[PROXY_STATUS], expected.as_str());
    }
}

#[test]
fn the_body_has_the_form_that_was_asked_for() {
    for (method, accept, kind) in [
        (Method::CONNECT, "text/html", "text/plain; charset=utf-8"),
        (Method::GET, "", "text/html; charset=utf-8"),
        (Method::GET, "*/*", "text/html; charset=utf-8"),
        (Method::GET, "application/json", "application/json"),
        (Method::POST, "application/json, text/plain, */*", "application/json"),
        (Method::GET, "text/html, application/json", "text/html; charset=utf-8"),
        (Method::GET, "text/html;q=0.5, application/json;q=0.9", "application/json"),
        (Method::GET, "text/html, application/json;q=0.9", "text/html; charset=utf-8"),
        (Method::GET, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8"),
        (Method::GET, "application/json;q=0", "text/html; charset=utf-8"),
        (Method::GET, "application/json;q=junk", "text/html; charset=utf-8"),
    ] {
        let (response, body) = answer(&by_rule(), &method, &[("accept", accept)]);
        assert_eq!(response.headers()[header::CONTENT_TYPE], kind, "{method} {accept}");
        assert_eq!(response.headers()[header::CONTENT_LENGTH], body.len().to_string().as_str());
        assert!(body.contains("Social media opens at 12:00."));
        match kind {
            "application/json" => {
                let json: serde_json::Value = serde_json::from_str(&body).unwrap();
                assert_eq!(json["rule"], "social-in-working-hours");
                assert_eq!(json["target"], "www.facebook.com:443");
                assert_eq!(json["time"], "2026-11-24T10:00:00.000Z");
            }
            "text/plain; charset=utf-8" => assert_eq!(body.matches('\n').count(), 1, "{body}"),
            _ => assert!(body.starts_with("<!doctype html>")),
        }
    }
}

#[test]
fn head_gets_the_headers_of_the_page_and_no_body() {
    let (of_get, page) = answer(&by_rule(), &Method::GET, &[]);
    let (of_head, nothing) = answer(&by_rule(), &Method::HEAD, &[]);
    assert_eq!(nothing, "");
    assert_eq!(of_head.headers()[header::CONTENT_LENGTH], page.len().to_string().as_str());
    assert_eq!(of_head.status(), of_get.status());
}

#[test]
fn the_language_that_was_asked_for_comes_first_and_both_are_there() {
    for (asked, first) in [
        ("", "en"),
        ("cy", "cy"),
        ("cy-GB, en-GB;q=0.9", "cy"),
        ("en-GB, cy;q=0.9", "en"),
        ("fr, cy;q=0.2", "cy"),
        ("fr", "en"),
        ("cy;q=0, en;q=0.1", "en"),
        ("CY", "cy"),
    ] {
        let (_, page) = answer(&by_rule(), &Method::GET, &[("accept-language", asked)]);
        let second = if first == "en" { "cy" } else { "en" };
        assert!(page.contains(&format!("<html lang=\"{first}\">")), "{asked}");
        let at = |lang: &str| page.find(&format!("<section lang=\"{lang}\">")).unwrap();
        assert!(at(first) < at(second), "{asked}");
        assert!(page.contains("Mae&#39;r cyfryngau cymdeithasol yn agor am 12:00.") && page.contains("opens at 12:00"));
    }
}

#[test]
fn a_reason_in_one_language_is_shown_in_both_places_and_marked() {
    let refusal = Refusal { reason: Text { en: Some("Harmful.".into()), cy: None }, ..by_rule() };
    let (_, page) = answer(&refusal, &Method::GET, &[("accept-language", "cy")]);
    assert_eq!(page.matches("Harmful.").count(), 2);
    assert_eq!(page.matches("<p lang=\"en\">Harmful.</p>").count(), 1);
}

#[test]
fn nothing_that_others_wrote_becomes_markup() {
    let evil = "<script>alert('&\"')</script>{{first}}{host}";
    let refusal = Refusal {
        rule: Some(RuleId::from(evil)),
        reason: Text { en: Some(evil.into()), cy: Some(evil.into()) },
        gateway: "<gw>",
        ..by_rule()
    };
    let (response, page) = answer(&refusal, &Method::GET, &[]);
    assert!(!page.contains("<script") && !page.contains("<gw>"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;{{first}}{host}"));
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
}

#[test]
fn when_to_come_back_is_in_the_header_and_in_both_languages() {
    let (response, page) = answer(&refusal(Reason::TubeFull), &Method::GET, &[]);
    assert_eq!(response.headers()[header::RETRY_AFTER], "5");
    assert!(page.contains("in 5\u{a0}seconds.") && page.contains("ymhen 5\u{a0}eiliad."), "{page}");
    let (_, json) = answer(&refusal(Reason::TubeFull), &Method::GET, &[("accept", "application/json")]);
    assert!(json.contains(r#""retry_after":5"#), "{json}");
}

#[test]
fn a_request_that_could_not_be_read_is_answered_too() {
    let refusal = Refusal { target: None, ..refusal(Reason::BadRequest) };
    let response = refusal.answer(&Asked::nothing());
    assert_eq!(response.status(), 400);
}
