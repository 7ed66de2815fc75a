//! The headers of a forwarded message, as RFC 9110 section 7.6 wants them. Pure.

use hyper::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, HOST, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE, VIA,
};
use hyper::{HeaderMap, Version};

/// Headers that belong to one hop, whether or not `Connection` names them (RFC 9110 section 7.6.1).
static HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Makes the headers of a request fit for the next hop: drops what belonged to the last one, names the host that the
/// request line named, and adds this gateway to `Via`. What is kept of the hop's own: a wish for trailers, as we pass
/// them on, and a wish to upgrade.
pub fn towards_origin(headers: &mut HeaderMap, version: Version, via: &Via, host: HeaderValue) {
    via.add(headers, version);
    if version == Version::HTTP_2 {
        one_cookie(headers);
    }
    if !headers.keys().any(is_hop_by_hop) {
        headers.insert(HOST, host);
        return;
    }
    let trailers = lists(headers, &TE, "trailers");
    let upgrade = upgrade_of(headers);
    remove_hop_by_hop(headers);
    headers.insert(HOST, host);
    if let Some(upgrade) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, upgrade);
    } else if trailers {
        headers.insert(CONNECTION, HeaderValue::from_static("te"));
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

/// Makes the headers of an answer fit for the client. The answer to an upgrade keeps its `Upgrade`.
pub fn towards_client(headers: &mut HeaderMap, version: Version, via: &Via, upgraded: bool) {
    via.add(headers, version);
    one_length(headers);
    if !headers.keys().any(is_hop_by_hop) {
        return;
    }
    let upgrade = if upgraded { upgrade_of(headers) } else { None };
    remove_hop_by_hop(headers);
    if let Some(upgrade) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, upgrade);
    }
}

/// HTTP/2 sends cookies one by one; before it there is one field for all (RFC 9113 section 8.2.3).
fn one_cookie(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let all: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(all) = HeaderValue::from_bytes(&all.join(&b"; "[..])) {
        headers.insert(COOKIE, all);
    }
}

/// A length that is said twice alike is passed on once (RFC 9110 section 8.6); hyper has refused those that differ.
fn one_length(headers: &mut HeaderMap) {
    let Some(value) = headers.get(CONTENT_LENGTH).filter(|value| value.as_bytes().contains(&b',')) else { return };
    let first = value.as_bytes().split(|byte| *byte == b',').next().unwrap_or_default().trim_ascii();
    if let Ok(first) = HeaderValue::from_bytes(first) {
        headers.insert(CONTENT_LENGTH, first);
    }
}

/// What the message wishes to upgrade to, when `Connection` says so too.
pub fn upgrade_of(headers: &HeaderMap) -> Option<HeaderValue> {
    if lists(headers, &CONNECTION, "upgrade") { headers.get(UPGRADE).cloned() } else { None }
}

/// Whether a message has a transfer coding that would be lost here: hyper takes chunks off and knows no other coding, so
/// what is left would go on as if it were the content (RFC 9112 section 6.1). `identity` is no coding; servers from
/// before RFC 7230 name it.
pub fn is_coded(headers: &HeaderMap) -> bool {
    let values = headers.get_all(TRANSFER_ENCODING).iter();
    let mut codings = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    let plain = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked") || coding.eq_ignore_ascii_case(b"identity");
    codings.next().is_some_and(|first| !plain(first) || codings.next().is_some())
}

/// Whether a header that is a list holds a token.
fn lists(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| item.split(';').next().is_some_and(|item| item.trim().eq_ignore_ascii_case(token)))
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    HOP_BY_HOP.contains(name)
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(TRANSFER_ENCODING) {
        // RFC 9112 section 6.3: it overrides the length, which must not be passed on.
        headers.remove(CONTENT_LENGTH);
    }
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // Whoever names these would make the next hop read another message than we did, or hide where it has been.
        .filter(|name| ![CONTENT_LENGTH, HOST, VIA].contains(name))
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// How often a message has passed here before: as often as this gateway's name stands in its `Via` (RFC 9110 section
/// 7.6.3).
pub fn passages(headers: &HeaderMap, gateway: &str) -> usize {
    let by = |hop: &&str| hop.split_whitespace().nth(1).is_some_and(|name| name.eq_ignore_ascii_case(gateway));
    let values = headers.get_all(VIA).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter(by).count()
}

/// How many bytes a head takes on the wire, but for the few of its first line that are not the target's.
pub fn head_length(headers: &HeaderMap, target: usize) -> usize {
    let fields = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    fields.sum::<usize>() + target + 16
}

/// What this gateway adds to the `Via` of a message (RFC 9110 section 7.6.3): the version that the message came in, and
/// the gateway's name.
#[derive(Clone, Debug)]
pub struct Via {
    old: Option<HeaderValue>,
    new: Option<HeaderValue>,
    two: Option<HeaderValue>,
}

impl Via {
    /// That of a gateway. A name that no header can hold is not told.
    pub fn new(gateway: &str) -> Self {
        let of = |version: &str| HeaderValue::from_str(&format!("{version} {gateway}")).ok();
        Via { old: of("1.0"), new: of("1.1"), two: of("2") }
    }

    fn add(&self, headers: &mut HeaderMap, version: Version) {
        let value = match version {
            Version::HTTP_10 => &self.old,
            Version::HTTP_2 => &self.two,
            _ => &self.new,
        };
        if let Some(value) = value {
            headers.append(VIA, value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn forwarded(list: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut headers = headers(list);
        towards_origin(&mut headers, Version::HTTP_11, &Via::new("gw1"), HeaderValue::from_static("nhs.uk"));
        let mut lines: Vec<String> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort();
        lines
    }

    #[test]
    fn what_belongs_to_one_hop_is_not_passed_on() {
        assert_eq!(
            forwarded(&[
                ("host", "other.uk"),
                ("connection", "close, X-Secret"),
                ("x-secret", "1"),
                ("keep-alive", "300"),
                ("proxy-connection", "keep-alive"),
                ("proxy-authorization", "Basic YTpi"),
                ("transfer-encoding", "chunked"),
                ("trailer", "x-sum"),
                ("accept", "*/*"),
                ("via", "1.0 branch"),
            ]),
            ["accept: */*", "host: nhs.uk", "trailer: x-sum", "via: 1.0 branch", "via: 1.1 gw1"]
        );
    }

    #[test]
    fn nobody_can_have_it_hidden_where_a_message_has_been() {
        assert_eq!(
            forwarded(&[("connection", "via"), ("via", "1.0 branch")]),
            ["host: nhs.uk", "via: 1.0 branch", "via: 1.1 gw1"]
        );
    }

    #[test]
    fn what_came_by_http_2_goes_on_as_http_1_wants_it() {
        let mut headers = headers(&[("cookie", "a=1"), ("cookie", "b=2; c=3"), ("accept", "*/*")]);
        towards_origin(&mut headers, Version::HTTP_2, &Via::new("gw1"), HeaderValue::from_static("nhs.uk"));
        assert_eq!(headers.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2; c=3"]);
        assert_eq!(headers[VIA], "2 gw1");
    }

    #[test]
    fn a_length_that_an_origin_says_twice_is_told_once() {
        for (said, told) in [("2, 2", "2"), ("2 ,2", "2"), ("2", "2")] {
            let mut headers = headers(&[("content-length", said)]);
            towards_client(&mut headers, Version::HTTP_11, &Via::new("gw1"), false);
            assert_eq!(headers.get_all(CONTENT_LENGTH).iter().collect::<Vec<_>>(), [told], "{said}");
        }
    }

    #[test]
    fn a_wish_for_trailers_and_a_wish_to_upgrade_are_passed_on() {
        assert_eq!(
            forwarded(&[("te", "gzip;q=0.5, trailers"), ("connection", "TE")]),
            ["connection: te", "host: nhs.uk", "te: trailers", "via: 1.1 gw1"]
        );
        assert_eq!(
            forwarded(&[("upgrade", "websocket"), ("connection", "keep-alive, Upgrade")]),
            ["connection: upgrade", "host: nhs.uk", "upgrade: websocket", "via: 1.1 gw1"]
        );
        assert_eq!(forwarded(&[("upgrade", "h2c")]), ["host: nhs.uk", "via: 1.1 gw1"]);
    }

    #[test]
    fn a_length_beside_a_transfer_coding_is_not_passed_on() {
        assert_eq!(
            forwarded(&[("transfer-encoding", "chunked"), ("content-length", "2")]),
            ["host: nhs.uk", "via: 1.1 gw1"]
        );
    }

    #[test]
    fn a_transfer_coding_beside_chunked_is_seen() {
        for (codings, coded) in [
            (&[][..], false),
            (&["chunked"], false),
            (&["Chunked "], false),
            (&["identity"], false),
            (&["gzip"], true),
            (&["gzip, chunked"], true),
            (&["gzip", "chunked"], true),
            (&["chunked", "chunked"], true),
            (&["chunked, identity"], true),
            (&["chunked;x=1"], true),
            (&["chunked,"], true),
            (&[""], true),
        ] {
            let headers: Vec<_> = codings.iter().map(|coding| ("transfer-encoding", *coding)).collect();
            assert_eq!(is_coded(&self::headers(&headers)), coded, "{codings:?}");
        }
    }

    #[test]
    fn a_message_that_passed_here_before_is_known_by_its_via() {
        for (via, times) in [("1.1 gw1", 1), ("1.0 branch, 1.1 GW1 (clearway), 1.1 gw1", 2), ("1.1 gw10", 0)] {
            assert_eq!(passages(&headers(&[("via", via)]), "gw1"), times, "{via}");
        }
    }

    #[test]
    fn nobody_can_have_the_length_of_a_body_taken_away() {
        assert_eq!(
            forwarded(&[("connection", "content-length"), ("content-length", "5")]),
            ["content-length: 5", "host: nhs.uk", "via: 1.1 gw1"]
        );
    }
}
