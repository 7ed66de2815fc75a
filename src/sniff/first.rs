//! What a client speaks that was on its way to another machine: TLS, plain HTTP, or something else.

use super::tls::{self, Hello};
use crate::base::Name;

/// What the first bytes of a client are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum First {
    /// A whole ClientHello.
    Tls {
        /// The name it asks for.
        name: Option<Name>,
        /// Whether another name may be hidden in it; see [`Hello::Client`].
        ech: bool,
    },
    /// The beginning of an HTTP/1 request, to be read by a server of HTTP, also when it is not in order.
    Http,
    /// Anything else.
    Other,
    /// Begins as TLS but cannot be judged; see [`Hello::Unreadable`].
    Unreadable,
    /// More bytes are needed.
    NeedMore,
}

/// The longest method: as long as the longest of the registry that RFC 9110 section 16.1 sets up, twice.
const METHOD: usize = 36;

/// Reads the first bytes of a client. Ask again with all bytes so far when more have come; once the answer is another than
/// [`First::NeedMore`], more bytes do not change it.
pub fn first(bytes: &[u8]) -> First {
    match tls::hello(bytes) {
        Hello::Client { name, ech } => First::Tls { name, ech },
        Hello::NeedMore => First::NeedMore,
        Hello::Unreadable => First::Unreadable,
        Hello::NotTls => request(bytes),
    }
}

/// Whether a server of HTTP would read a request here. It is as lenient as servers are (RFC 9112 sections 2.2 and 3): what
/// one of them understands must not pass as something else, for then nobody looks at its Host.
fn request(bytes: &[u8]) -> First {
    let blank = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let line = &bytes[bytes.iter().take_while(|byte| blank(byte)).count()..];
    let length = line.iter().take(METHOD + 1).take_while(|byte| is_token(**byte)).count();
    let (method, rest) = line.split_at(length);
    let target = &rest[rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()..];
    match (rest.first(), target.first()) {
        (None, _) if length <= METHOD => First::NeedMore,
        _ if length == 0 || length > METHOD || rest.len() == target.len() => First::Other,
        (_, None) => First::NeedMore,
        (_, Some(b'/')) => First::Http,
        // HTTP/2 without TLS begins like this, and is another protocol (RFC 9113 section 3.4).
        (_, Some(b'*')) => {
            if method == b"PRI" {
                First::Other
            } else {
                First::Http
            }
        }
        _ if method.eq_ignore_ascii_case(b"CONNECT") => First::Http,
        _ => url(target),
    }
}

/// Whether a request's target is a URL.
fn url(target: &[u8]) -> First {
    let scheme = b"http";
    let length = target.len().min(scheme.len());
    match target[..length].eq_ignore_ascii_case(&scheme[..length]) {
        true if length == scheme.len() => First::Http,
        true => First::NeedMore,
        false => First::Other,
    }
}

/// Whether a method may have this octet (RFC 9110 section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever comes, in whatever pieces.
        #[test]
        fn more_bytes_never_change_an_answer(bytes in "[\r\n]{0,2}[A-Z(]{0,38}[ \t]{0,2}[/*hHtTpP:x]{0,6}[ -~\r\n]{0,30}") {
            let whole = first(bytes.as_bytes());
            for cut in 0..bytes.len() {
                let answer = first(&bytes.as_bytes()[..cut]);
                prop_assert!(answer == First::NeedMore || answer == whole, "at {cut}: {answer:?}, whole {whole:?}");
            }
        }
    }

    #[test]
    fn each_protocol_is_told_by_its_first_bytes() {
        for (bytes, expected) in [
            ("GET / HTTP/1.1\r\nHost: nhs.uk\r\n\r\n", First::Http),
            ("GET /", First::Http),
            ("\r\n\nGET / HTTP/1.1\r\n", First::Http),
            ("get\t /", First::Http),
            ("M-SEARCH /", First::Http),
            ("OPTIONS * HTTP/1.1\r\n", First::Http),
            ("GET http://nhs.uk/ HTTP/1.1\r\n", First::Http),
            ("GET HTTPS://nhs.uk/ HTTP/1.1\r\n", First::Http),
            ("CONNECT nhs.uk:443 HTTP/1.1\r\n", First::Http),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", First::Other),
            ("SSH-2.0-OpenSSH_9.9\r\n", First::Other),
            ("EHLO ward.example\r\n", First::Other),
            ("USER anonymous\r\n", First::Other),
            ("NICK\r\n", First::Other),
            ("GET index.html HTTP/1.1\r\n", First::Other),
            ("(", First::Other),
            ("\0\u{1}\u{2}", First::Other),
            ("\u{16}\u{3}\u{1}\0\0", First::Unreadable),
            ("", First::NeedMore),
            ("\r\n", First::NeedMore),
            ("GET", First::NeedMore),
            ("GET ", First::NeedMore),
            ("GET htt", First::NeedMore),
            ("\u{16}", First::NeedMore),
        ] {
            assert_eq!(first(bytes.as_bytes()), expected, "{bytes:?}");
        }
        assert_eq!(first("A".repeat(METHOD).as_bytes()), First::NeedMore);
        assert_eq!(first("A".repeat(METHOD + 1).as_bytes()), First::Other);
    }
}
