//! One request to a collector, on a connection of its own: it is a few a minute.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use crate::account::spec::Collector;
use crate::base::Host;

/// For each step: connecting, writing, the answer. A collector takes what it is given within milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);
/// As much of an answer as has the status.
const HEAD: usize = 4_096;

/// What a collector said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It has them.
    Taken,
    /// Not now (OTLP/HTTP, "Retryable Response Codes").
    Later,
    /// Never.
    Refused(u16),
}

/// Hands a body over.
///
/// # Errors
/// What the network said.
pub fn post(to: &Collector, body: &[u8]) -> io::Result<Answer> {
    let host = match &to.target.host {
        Host::Name(name) => name.as_str().to_owned(),
        Host::Addr(address) => address.to_string(),
    };
    let addresses = (host.as_str(), to.target.port).to_socket_addrs()?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let mut stream = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(connected) => {
                stream = Some(connected);
                break;
            }
            Err(error) => last = error,
        }
    }
    let mut stream = stream.ok_or(last)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let head = format!(
        "POST {}/v1/traces HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\
         User-Agent: clearway/{}\r\nConnection: close\r\n\r\n",
        to.path,
        to.target,
        body.len(),
        env!("CARGO_PKG_VERSION"),
    );
    stream.write_all(&[head.as_bytes(), body].concat())?;
    status(&mut stream).map(answer)
}

fn status(stream: &mut TcpStream) -> io::Result<u16> {
    let mut head = vec![0; HEAD];
    let mut have = 0;
    loop {
        let count = stream.read(head.get_mut(have..).unwrap_or_default())?;
        have += count;
        let mut fields = [httparse::EMPTY_HEADER; 0];
        let mut response = httparse::Response::new(&mut fields);
        // More fields than none are expected, and of no interest: the status has been read by then.
        let _ = response.parse(head.get(..have).unwrap_or_default());
        match response.code {
            Some(code) => return Ok(code),
            None if count == 0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no answer")),
            None => {}
        }
    }
}

fn answer(code: u16) -> Answer {
    match code {
        200..300 => Answer::Taken,
        429 | 502 | 503 | 504 => Answer::Later,
        code => Answer::Refused(code),
    }
}
