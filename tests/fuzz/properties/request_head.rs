//! A request head is read or refused without panic; a target that was read survives being written and read again; and
//! what is forwarded names one host and nothing of the client's own hop.

use clearway::base::Target;
use clearway::listen::ask;
use clearway::relay::http::{Via, towards_origin};
use hyper::Request;
use hyper::header::{HOST, HeaderValue, PROXY_AUTHORIZATION, TRANSFER_ENCODING};

/// Holds for any bytes.
pub fn holds(bytes: &[u8]) {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(_)) = head.parse(bytes) else { return };
    let mut request = Request::builder().method(head.method.unwrap_or_default()).uri(head.path.unwrap_or_default());
    for header in head.headers.iter() {
        request = request.header(header.name, header.value);
    }
    let Ok(request) = request.body(()) else { return };
    let (mut parts, ()) = request.into_parts();
    if let Ok(ask) = ask(&parts) {
        let target = ask.target();
        assert_eq!(Target::from_authority(&target.to_string()).as_ref(), Ok(target));
        let Ok(host) = HeaderValue::from_str(&target.to_string()) else { panic!("{target} is no header value") };
        towards_origin(&mut parts.headers, parts.version, &Via::new("gw1"), host);
        assert_eq!(parts.headers.get_all(HOST).iter().count(), 1);
        assert!(!parts.headers.contains_key(PROXY_AUTHORIZATION) && !parts.headers.contains_key(TRANSFER_ENCODING));
    }
}
