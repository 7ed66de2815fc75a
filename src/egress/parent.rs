//! Through a parent: CONNECT on a fresh connection, and its answer read to the end of the head and no further.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::spec::Parent;
use crate::base::Target;

/// What the bytes that a parent sent so far are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParentAnswer {
    /// The tunnel is open; what comes after `head` bytes belongs to the origin. Any 2xx opens it and has no body,
    /// whatever its headers say (RFC 9110 section 9.3.6).
    Open {
        /// Octets of the answer, interim ones (1xx) included.
        head: usize,
    },
    /// The parent will not.
    Refused {
        /// Its status code.
        status: u16,
    },
    /// An answer so far; more bytes are needed.
    NeedMore,
    /// Not an HTTP/1 answer, or beyond a limit.
    Garbled,
}

/// Why a parent opened no tunnel.
#[derive(Debug, thiserror::Error)]
pub enum ParentError {
    /// It answered with another status than 2xx.
    #[error("answered {status}")]
    Refused {
        /// Its status code.
        status: u16,
    },
    /// What it answered is not HTTP/1.1, or its head is larger than the limit.
    #[error("answered what is not HTTP, or a head above 16 KiB")]
    Garbled,
    /// It closed the connection before it had answered.
    #[error("closed the connection before it had answered")]
    Closed,
    /// It did not answer in time.
    #[error("did not answer within {} s", .0.as_secs_f32())]
    Slow(Duration),
    /// The connection broke.
    #[error("broke off: {0}")]
    Broken(#[from] std::io::Error),
}

/// The largest head, interim answers included. Real ones are under 1 KiB; a login page belongs in the body.
pub const MAX_HEAD: usize = 16 * 1024;

/// How long a parent may take to answer. It has to dial the origin itself in that time, yet a client that waits longer
/// has given up.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The most headers in one head; squid sends about ten.
const MAX_HEADERS: usize = 96;

/// Asks the parent for a tunnel to `target`, within `limit` and [`ANSWER_TIMEOUT`]. Returns what the origin sent right after the parent's answer.
///
/// # Errors
/// When the parent refuses, garbles, breaks off or is slow.
pub(super) async fn open<S>(
    stream: &mut S,
    parent: &Parent,
    target: &Target,
    limit: Duration,
) -> Result<Bytes, ParentError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let exchange = async {
        stream.write_all(request(parent, target).as_bytes()).await?;
        read_answer(stream).await
    };
    let limit = limit.min(ANSWER_TIMEOUT);
    tokio::time::timeout(limit, exchange).await.unwrap_or(Err(ParentError::Slow(limit)))
}

/// The value of `Proxy-Authorization` for this parent (RFC 7617).
pub(super) fn authorization(parent: &Parent) -> Option<String> {
    let (user, password) = parent.credentials.as_ref()?;
    Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))))
}

/// No `Via` and no `User-Agent`: the tunnel is the client's, and the parent learns nothing that it does not need.
fn request(parent: &Parent, target: &Target) -> String {
    let login = authorization(parent).map(|value| format!("Proxy-Authorization: {value}\r\n")).unwrap_or_default();
    format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{login}\r\n")
}

async fn read_answer<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Bytes, ParentError> {
    let mut buffer = BytesMut::with_capacity(1024);
    loop {
        let before = buffer.len();
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err(ParentError::Closed);
        }
        // A head ends with a line, and can only turn out garbled for good when a line ends or the limit is reached:
        // so a parent that sends byte by byte does not make us parse for each.
        if buffer.len() < MAX_HEAD && !buffer[before..].contains(&b'\n') {
            continue;
        }
        match answer(&buffer) {
            ParentAnswer::Open { head } => return Ok(buffer.split_off(head).freeze()),
            ParentAnswer::Refused { status } => return Err(ParentError::Refused { status }),
            ParentAnswer::Garbled => return Err(ParentError::Garbled),
            ParentAnswer::NeedMore => {}
        }
    }
}

/// Reads what a parent sent so far. Ask again with all bytes so far when more have come; once the answer is another
/// than [`ParentAnswer::NeedMore`], more bytes do not change it.
pub fn answer(bytes: &[u8]) -> ParentAnswer {
    // Bytes beyond the limit are never looked at, so that they cannot matter.
    let within = &bytes[..bytes.len().min(MAX_HEAD)];
    let mut interim = 0;
    loop {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut head = httparse::Response::new(&mut headers);
        let length = match head.parse(&within[interim..]) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if within.len() == MAX_HEAD => return ParentAnswer::Garbled,
            Ok(httparse::Status::Partial) => return ParentAnswer::NeedMore,
            Err(_) => return ParentAnswer::Garbled,
        };
        match head.code {
            // RFC 9110 section 15.2.2: nobody asked to switch protocols.
            Some(101) => return ParentAnswer::Garbled,
            Some(100..200) => interim += length,
            Some(200..300) => return ParentAnswer::Open { head: interim + length },
            Some(status @ 300..1000) => return ParentAnswer::Refused { status },
            _ => return ParentAnswer::Garbled,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::egress::lab::target;

    #[test]
    fn every_answer_of_a_parent_is_read() {
        let head = |text: &str| ParentAnswer::Open { head: text.len() };
        let refused = |status| ParentAnswer::Refused { status };
        let ok = "HTTP/1.1 200 Connection established\r\nVia: 1.1 parent\r\n\r\n";
        let interim =
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.0 200 OK\r\n\r\n";
        let body = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        for (bytes, expected) in [
            (ok.to_owned(), head(ok)),
            (format!("{ok}220 mail.example"), head(ok)),
            (format!("{body}hello"), head(body)),
            (interim.to_owned(), head(interim)),
            ("HTTP/1.1 204 No Content\r\n\r\n".to_owned(), ParentAnswer::Open { head: 27 }),
            ("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 9\r\n\r\n".to_owned(), refused(407)),
            ("HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n".to_owned(), refused(302)),
            ("HTTP/1.0 503 Busy\r\n\r\n".to_owned(), refused(503)),
            ("HTTP/1.1 101 Switching Protocols\r\n\r\n".to_owned(), ParentAnswer::Garbled),
            ("HTTP/1.1 099 x\r\n\r\n".to_owned(), ParentAnswer::Garbled),
            ("HTTP/2 200\r\n\r\n".to_owned(), ParentAnswer::Garbled),
            ("SSH-2.0-OpenSSH_9.9\r\n".to_owned(), ParentAnswer::Garbled),
            ("HTTP/1.1 200 OK\r\n".to_owned(), ParentAnswer::NeedMore),
            (String::new(), ParentAnswer::NeedMore),
            (format!("HTTP/1.1 200 OK\r\nA: {}", "a".repeat(MAX_HEAD)), ParentAnswer::Garbled),
            (format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(MAX_HEADERS + 1)), ParentAnswer::Garbled),
            ("HTTP/1.1 100 Continue\r\n\r\n".repeat(1000), ParentAnswer::Garbled),
        ] {
            assert_eq!(answer(bytes.as_bytes()), expected, "{bytes:.60}");
        }
    }

    fn parent(credentials: Option<(&str, &str)>) -> Parent {
        let credentials = credentials.map(|(user, password)| (user.to_owned(), password.to_owned()));
        Parent { target: target("proxy.example:8080"), credentials }
    }

    #[test]
    fn a_tunnel_is_asked_for_with_the_parents_login() {
        let plain = "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n";
        assert_eq!(request(&parent(None), &target("[2001:db8::1]:443")), plain);
        // RFC 7617 section 2 has this very pair.
        let login = request(&parent(Some(("Aladdin", "open sesame"))), &target("nhs.uk:443"));
        assert!(login.contains("\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"), "{login}");
    }

    /// What [`open`] makes of a parent that sends these pieces, one read each, then closes.
    async fn opened(pieces: &[&str]) -> Result<String, String> {
        let mut wire = wire_of(pieces);
        let opened = open(&mut wire, &parent(None), &target("nhs.uk:443"), Duration::from_secs(5)).await;
        opened.map(|early| String::from_utf8(early.to_vec()).unwrap()).map_err(|error| error.to_string())
    }

    fn wire_of(pieces: &[&str]) -> impl AsyncRead + AsyncWrite + Unpin + use<> {
        let pieces: Vec<u8> = pieces.concat().into_bytes();
        tokio::io::join(std::io::Cursor::new(pieces), tokio::io::sink())
    }

    #[tokio::test]
    async fn what_comes_after_the_head_is_kept_for_the_client() {
        for (pieces, expected) in [
            (&["HTTP/1.1 200 OK\r\n\r\n"][..], Ok("")),
            (&["HTTP/1.1 200 OK\r\n\r\n", "220 mail.example\r\n"], Ok("220 mail.example\r\n")),
            (&["HTTP/1.1 407 No\r\n\r\nlogin page"], Err("answered 407")),
            (&["HTTP/1.1 200 OK\r\n"], Err("closed the connection before it had answered")),
            (&[], Err("closed the connection before it had answered")),
            (&["SSH-2.0-OpenSSH\r\n"], Err("answered what is not HTTP, or a head above 16 KiB")),
        ] {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(opened(pieces).await, expected, "{pieces:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_parent_that_drips_is_read_and_one_that_stops_is_given_up() {
        let (mut ours, mut theirs) = tokio::io::duplex(1);
        let drip = async {
            tokio::io::copy(&mut &b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n"[..], &mut theirs).await.unwrap();
            theirs
        };
        let (none, nhs) = (parent(None), target("nhs.uk:443"));
        let sent = tokio::io::join(&mut ours, tokio::io::sink());
        tokio::pin!(sent);
        let (opened, theirs) = tokio::join!(open(&mut sent, &none, &nhs, Duration::from_secs(5)), drip);
        assert!(opened.unwrap().is_empty());
        let error = open(&mut sent, &none, &nhs, Duration::from_secs(60)).await.unwrap_err();
        assert_eq!(error.to_string(), "did not answer within 10 s");
        drop(theirs);
    }

    proptest! {
        /// Whatever comes, in whatever pieces: no panic, and the first answer stands.
        #[test]
        fn more_bytes_never_change_an_answer(bytes in "(HTTP/1\\.[01] [0-9]{3} ?[a-z]*\r?\n([A-Z]: ?[a-z]*\r?\n){0,3}\r?\n){0,3}[\\x00-\\x7f]{0,20}") {
            let bytes = bytes.as_bytes();
            let whole = answer(bytes);
            for cut in 0..bytes.len() {
                let early = answer(&bytes[..cut]);
                prop_assert!(early == ParentAnswer::NeedMore || early == whole, "at {cut}: {early:?}, whole {whole:?}");
            }
        }
    }
}
