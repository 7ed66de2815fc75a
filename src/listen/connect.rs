//! A CONNECT that comes whole at once, as nearly all do: read here, so that no server of HTTP is built around what is to be
//! a tunnel. Whatever else comes is for that server to read, and to find fault with.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use httparse::{EMPTY_HEADER, Request, Status};
use tokio::io::{AsyncRead as _, Interest, ReadBuf};
use tokio::net::TcpStream;

use crate::base::Target;

/// More than any browser sends with a CONNECT.
const ROOM: usize = 4096;

/// The most header fields that are read here.
const FIELDS: usize = 32;

/// The first bytes of a connection; none when it closed instead.
///
/// # Errors
/// When it broke, or nothing came for so long.
pub async fn first_bytes(stream: &mut TcpStream, patience: Duration) -> io::Result<Bytes> {
    let read = poll_fn(|cx| {
        let mut room = [const { MaybeUninit::uninit() }; ROOM];
        let mut room = ReadBuf::uninit(&mut room);
        ready!(Pin::new(&mut *stream).poll_read(cx, &mut room))?;
        Poll::Ready(Ok(Bytes::copy_from_slice(room.filled())))
    });
    tokio::time::timeout(patience, read).await?
}

/// Where a CONNECT goes and how long its head is. `None` for anything else, and for one that is not whole or not in order.
pub fn target(bytes: &[u8]) -> Option<(Target, usize)> {
    if !bytes.starts_with(b"CONNECT ") {
        return None;
    }
    let mut fields = [EMPTY_HEADER; FIELDS];
    let mut request = Request::new(&mut fields);
    let Ok(Status::Complete(length)) = request.parse(bytes) else { return None };
    // RFC 9110 section 9.3.6: it has no content. What one that says otherwise means, is not decided here.
    let has_content =
        |name: &str| ["content-length", "transfer-encoding"].iter().any(|it| name.eq_ignore_ascii_case(it));
    if request.version != Some(1) || request.headers.iter().any(|field| has_content(field.name)) {
        return None;
    }
    // A URI is ASCII (RFC 3986 section 2); what a server of HTTP makes of others, it makes of them here too.
    let authority = request.path.filter(|path| path.is_ascii())?;
    Some((Target::from_authority(authority).ok()?, length))
}

/// Returns when the client has closed or broken its connection. One that has sent more is taken to be there.
pub async fn gone(stream: &TcpStream) {
    if stream.peek(&mut [0]).await.is_ok_and(|bytes| bytes > 0) {
        std::future::pending::<()>().await;
    }
}

/// Returns when the client has broken its connection. One that has closed its half of it may be waiting for the other.
pub async fn broken(stream: &TcpStream) {
    if stream.ready(Interest::ERROR).await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_connect_says_where_it_goes_and_what_follows_it_is_the_tunnels() {
        let head = "CONNECT www.nhs.uk:443 HTTP/1.1\r\nHost: www.nhs.uk:443\r\nUser-Agent: x\r\n\r\n";
        let expected = Some(("www.nhs.uk:443".parse().unwrap(), head.len()));
        assert_eq!(target(head.as_bytes()), expected);
        assert_eq!(target(format!("{head}\x16\x03\x01").as_bytes()), expected);
    }

    #[test]
    fn what_is_not_whole_or_not_in_order_is_for_a_server_of_http() {
        for bytes in [
            "",
            "CONNECT",
            "CONNECT www.nhs.uk:443 HTTP/1.1\r\nHost: www.nhs.uk:443\r\n",
            "CONNECT www.nhs.uk HTTP/1.1\r\n\r\n",
            "CONNECT www.nhs.uk:443 HTTP/1.0\r\n\r\n",
            "CONNECT a@www.nhs.uk:443 HTTP/1.1\r\n\r\n",
            "CONNECT www.nhs.uk:443 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            "CONNECT www.nhs.uk:443 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "CONNECT www.nhs.uk:443 HTTP/1.1\r\nA : b\r\n\r\n",
            "CONNECT b\u{fc}cher.example:443 HTTP/1.1\r\n\r\n",
            "connect www.nhs.uk:443 HTTP/1.1\r\n\r\n",
            "GET http://www.nhs.uk/ HTTP/1.1\r\nHost: www.nhs.uk\r\n\r\n",
        ] {
            assert_eq!(target(bytes.as_bytes()), None, "{bytes:?}");
        }
        let many = format!("CONNECT www.nhs.uk:443 HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(FIELDS + 1));
        assert_eq!(target(many.as_bytes()), None);
    }
}
