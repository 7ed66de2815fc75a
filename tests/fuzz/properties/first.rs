//! What a client speaks is told alike however it arrives: no panic, the first answer stands when more bytes come, and what a
//! reader of HTTP takes for a request with a Host never passes as something else.

use clearway::sniff::First;
use clearway::sniff::first::first;
use clearway::sniff::tls::MAX_PREFIX;

/// Holds for any bytes.
pub fn holds(bytes: &[u8]) {
    let whole = first(bytes);
    let blank = bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
    let spaced = bytes.iter().any(|byte| matches!(byte, b' ' | b'\t'));
    assert!(whole != First::NeedMore || blank || spaced || bytes.len() < MAX_PREFIX, "wants more than it may");
    for cut in 0..bytes.len() {
        let answer = first(&bytes[..cut]);
        assert!(answer == First::NeedMore || answer == whole, "{answer:?} at {cut}, {whole:?} of the whole");
    }
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    if matches!(request.parse(bytes), Ok(httparse::Status::Complete(_)))
        && request.path.is_some_and(|path| path.starts_with('/'))
        && request.method.is_some_and(|method| method.len() <= 36)
    {
        assert_eq!(whole, First::Http);
    }
}
