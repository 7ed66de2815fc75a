//! A connection as one of the clients makes it, straight to the link or through the gateway, and what is said on it.
//!
//! A question is one line, `WHO UP THINK DOWN`, and `UP` bytes; after `THINK` microseconds its answer is `DOWN` bytes.
//! Many may follow each other on one connection.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::diary::Diary;
use super::origin::Origin;

/// What goes up and comes down; all of it is the same, nobody compresses.
pub static ZEROS: [u8; 1 << 14] = [0; 1 << 14];
/// The first exchange on every connection: about a TLS hello, and the answer with its certificates.
const HELLO: Want = Want { up: 517, think: 0, down: 3_000 };
/// Of a question's payload, what goes with its line, so that both fit into one packet.
const WITH_LINE: u64 = 1_300;
/// Of the gateway's answer to CONNECT.
const HEAD: usize = 8 << 10;

/// How clients reach origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// By the link's ports.
    Direct,
    /// By the gateway there, which leaves by the link's ports.
    Gateway(SocketAddr),
}

/// What one question wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// Bytes that go up.
    pub up: u64,
    /// How long the origin thinks, in microseconds.
    pub think: u64,
    /// Bytes that come down.
    pub down: u64,
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Asker {
    /// Their number.
    pub who: usize,
    /// Where they sit.
    pub seat: Ipv4Addr,
    /// How they reach origins.
    pub route: Route,
    /// Where what they receive is written down.
    pub diary: Arc<Diary>,
}

/// An open connection.
pub struct Connection<'a> {
    stream: TcpStream,
    asker: &'a Asker,
}

impl Asker {
    /// Connects, with everything that comes before the first question.
    ///
    /// # Errors
    /// When the connection fails, or the gateway answers anything but 200.
    pub async fn open(&self, origin: &Origin) -> io::Result<Connection<'_>> {
        let stream = match self.route {
            Route::Direct => self.connect(origin.port.0).await?,
            Route::Gateway(gateway) => tunnel(self.connect(gateway).await?, origin).await?,
        };
        stream.set_nodelay(true)?;
        let mut connection = Connection { stream, asker: self };
        connection.ask(HELLO).await?;
        Ok(connection)
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((self.seat, 0).into())?;
        socket.connect(to).await
    }
}

impl Connection<'_> {
    /// Asks, and takes the whole answer.
    ///
    /// # Errors
    /// When the connection breaks, or ends before the answer does.
    pub async fn ask(&mut self, want: Want) -> io::Result<()> {
        let Want { up, think, down } = want;
        let mut first = format!("{} {up} {think} {down}\n", self.asker.who).into_bytes();
        let with_line = up.min(WITH_LINE);
        first.extend(std::iter::repeat_n(0, piece(with_line)));
        self.stream.write_all(&first).await?;
        let mut left = up - with_line;
        while left > 0 {
            let sent = self.stream.write(&ZEROS[..piece(left)]).await?;
            left -= sent as u64;
        }
        let mut room = vec![0; ZEROS.len()];
        let mut left = down;
        while left > 0 {
            let came = self.stream.read(&mut room[..piece(left)]).await?;
            if came == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the answer ended early"));
            }
            self.asker.diary.came(self.asker.who, came);
            left -= came as u64;
        }
        Ok(())
    }
}

/// So many bytes, or as many as are handled at a time.
pub fn piece(bytes: u64) -> usize {
    usize::try_from(bytes).map_or(ZEROS.len(), |bytes| bytes.min(ZEROS.len()))
}

/// Asks the gateway for a tunnel.
async fn tunnel(mut stream: TcpStream, origin: &Origin) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let authority = format!("{}:{}", origin.name, origin.port.0.port());
    stream.write_all(format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n").as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == HEAD {
            return Err(io::Error::other("the gateway's answer has no end"));
        }
        // Byte by byte, so that nothing of what follows is taken; it is a hundred bytes.
        head.push(stream.read_u8().await?);
    }
    let status = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    if status == b"200" {
        return Ok(stream);
    }
    Err(io::Error::other(format!("the gateway answered {}", String::from_utf8_lossy(status))))
}
