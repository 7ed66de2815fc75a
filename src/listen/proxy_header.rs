//! The header by which a balancer says whose connection it passes on: the PROXY protocol, versions 1 and 2
//! (haproxy's proxy-protocol.txt, revision 2020/03/05). Pure, but for reading it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::base::{Fault, Reason, Side};

/// How long a header may take. Balancers send it before anything else and at once; the protocol asks for at least three
/// seconds, which are two retransmissions of a lost segment.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest line of version 1 (section 2.1 counts it out), its end included.
pub const LONGEST_LINE: usize = 107;

/// The longest header of version 2 that is read. Addresses are 216 bytes at most; a balancer's TLVs (a unique id, the
/// name asked for, what a certificate says) are some hundreds. The protocol itself would allow 64 KiB.
pub const LONGEST: usize = FIXED + 2048;

/// What every header of version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family, length.
const FIXED: usize = 16;

/// What the first bytes of a connection come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// More has to come.
    More,
    /// A header of so many bytes, and whose connection it is: `None` for one of the balancer's own, such as a health
    /// check.
    Whole(usize, Option<SocketAddr>),
}

/// Why there is no header.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// The connection closed or broke before its first byte, as the simplest health checks do.
    #[error("nothing came")]
    Nothing,
    /// Something else came.
    #[error("what came is no PROXY header")]
    NotOne,
    /// It begins like one.
    #[error("the PROXY header is malformed: {0}")]
    Malformed(&'static str),
    /// Longer than any that is sent.
    #[error("the PROXY header is longer than {LONGEST_LINE} bytes in version 1, or {LONGEST} in version 2")]
    TooLong,
    /// It did not come whole in time.
    #[error("the PROXY header did not come whole within {} s", PATIENCE.as_secs())]
    Slow,
    /// The connection broke in the middle of it.
    #[error("the connection closed within the PROXY header")]
    Broken,
}

impl HeaderError {
    /// Always on the side of the clients; `None` where nothing was asked for.
    pub fn fault(&self) -> Option<Fault> {
        let reason = match self {
            HeaderError::Nothing => return None,
            HeaderError::NotOne | HeaderError::Malformed(_) | HeaderError::TooLong => Reason::BadProxyHeader,
            HeaderError::Slow => Reason::SlowHead,
            HeaderError::Broken => Reason::Reset,
        };
        Some(Fault::new(Side::Client, reason))
    }
}

/// Reads the header, and not a byte of what follows it.
///
/// # Errors
/// When there is none.
pub async fn read(stream: &mut TcpStream) -> Result<Option<SocketAddr>, HeaderError> {
    tokio::time::timeout(PATIENCE, whole(stream)).await.unwrap_or(Err(HeaderError::Slow))
}

async fn whole(stream: &mut TcpStream) -> Result<Option<SocketAddr>, HeaderError> {
    let broken = |read: usize| if read == 0 { HeaderError::Nothing } else { HeaderError::Broken };
    let mut room = vec![0; LONGEST];
    let mut read = 0;
    loop {
        // What is looked at and is of the header is then taken, so that the next look waits for more.
        let seen = read + stream.peek(&mut room[read..]).await.map_err(|_| broken(read))?;
        if seen == read {
            return Err(broken(read));
        }
        let (to, client) = match parse(&room[..seen])? {
            Head::More => (seen, None),
            Head::Whole(length, client) => (length, Some(client)),
        };
        let taken: io::Result<usize> = stream.read_exact(&mut room[read..to]).await;
        taken.map_err(|_| HeaderError::Broken)?;
        match client {
            Some(client) => return Ok(client),
            None => read = to,
        }
    }
}

/// What the first bytes of a connection come to. Never reads beyond the header, and asks for no more than [`LONGEST`].
///
/// # Errors
/// When no header begins so.
pub fn parse(bytes: &[u8]) -> Result<Head, HeaderError> {
    let begins = |with: &[u8]| bytes.iter().zip(with).all(|(a, b)| a == b);
    if begins(SIGNATURE) {
        binary(bytes)
    } else if begins(b"PROXY ") {
        line(bytes)
    } else {
        Err(HeaderError::NotOne)
    }
}

/// Version 1 (section 2.1).
fn line(bytes: &[u8]) -> Result<Head, HeaderError> {
    let within = &bytes[..bytes.len().min(LONGEST_LINE)];
    let Some(end) = within.iter().position(|byte| *byte == b'\n') else {
        return if within.len() == LONGEST_LINE { Err(HeaderError::TooLong) } else { Ok(Head::More) };
    };
    let malformed = HeaderError::Malformed;
    let text = within[..end].strip_suffix(b"\r").ok_or(malformed("its line does not end in CR LF"))?;
    let text = std::str::from_utf8(text).ok().filter(|text| text.is_ascii()).ok_or(malformed("it is not ASCII"))?;
    let mut words = text.split(' ').skip(1);
    let mut word = || words.next().unwrap_or_default();
    let (source, destination) = match word() {
        // What follows is not to be looked at.
        "UNKNOWN" => return Ok(Head::Whole(end + 1, None)),
        "TCP4" => (address(word(), IpAddr::is_ipv4), address(word(), IpAddr::is_ipv4)),
        "TCP6" => (address(word(), IpAddr::is_ipv6), address(word(), IpAddr::is_ipv6)),
        _ => return Err(malformed("its protocol is none of TCP4, TCP6 and UNKNOWN")),
    };
    let (Some(source), Some(_)) = (source, destination) else {
        return Err(malformed("an address is none of its protocol"));
    };
    let (Some(port), Some(_)) = (port(word()), port(word())) else { return Err(malformed("a port is none")) };
    if words.next().is_some() {
        return Err(malformed("something follows its ports"));
    }
    Ok(Head::Whole(end + 1, Some(SocketAddr::new(source.to_canonical(), port))))
}

fn address(word: &str, family: impl Fn(&IpAddr) -> bool) -> Option<IpAddr> {
    word.parse().ok().filter(family)
}

/// Digits without a leading zero.
fn port(word: &str) -> Option<u16> {
    let digits = word.bytes().all(|byte| byte.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
    word.parse().ok().filter(|_| digits)
}

/// Version 2 (section 2.2).
fn binary(bytes: &[u8]) -> Result<Head, HeaderError> {
    let malformed = |why| Err(HeaderError::Malformed(why));
    let own = match bytes.get(12) {
        None | Some(0x21) => false,
        Some(0x20) => true,
        Some(_) => return malformed("its version or command is unknown"),
    };
    let Some(fixed) = bytes.first_chunk::<FIXED>() else { return Ok(Head::More) };
    let length = FIXED + usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if length > LONGEST {
        return Err(HeaderError::TooLong);
    }
    // A command of the balancer's own is carried on whatever the rest says.
    let addresses = match fixed[13] {
        _ if own => 0,
        0x00 => 0,
        0x11 => 12,
        0x21 => 36,
        0x31 => 216,
        0x12 | 0x22 | 0x32 => return malformed("it is about datagrams"),
        _ => return malformed("its family or transport is unknown"),
    };
    if length < FIXED + addresses {
        return malformed("it is shorter than its addresses");
    }
    let Some(header) = bytes.get(..length) else { return Ok(Head::More) };
    Ok(Head::Whole(length, source(&header[FIXED..], addresses)))
}

/// Whose connection it is; addresses of local sockets and none at all are the balancer's own.
fn source(rest: &[u8], addresses: usize) -> Option<SocketAddr> {
    let port = |at: usize| Some(u16::from_be_bytes([*rest.get(at)?, *rest.get(at + 1)?]));
    let (ip, port) = match addresses {
        12 => (IpAddr::from(*rest.first_chunk::<4>()?), port(8)?),
        36 => (IpAddr::from(*rest.first_chunk::<16>()?), port(32)?),
        _ => return None,
    };
    Some(SocketAddr::new(ip.to_canonical(), port))
}

#[cfg(test)]
#[path = "proxy_header_tests.rs"]
mod tests;
