//! A connection to a server as one of the clients makes it, through whatever carries it, and what is said on it.
//!
//! A question is one line, `WHO UP THINK DOWN`, and `UP` bytes; after `THINK` microseconds its answer is `DOWN` bytes.
//! Many may follow each other on one connection.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::tally::Tally;
use crate::world::Server;

/// How clients reach servers.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Route {
    /// By the gateway's routing.
    Direct,
    /// By a proxy, with CONNECT.
    Proxy(SocketAddr),
}

/// What one question wants.
#[derive(Clone, Copy, Debug)]
pub struct Want {
    /// Bytes that go up.
    pub up: u64,
    /// How long the server thinks, in microseconds.
    pub think: u64,
    /// Bytes that come down.
    pub down: u64,
}

/// The first exchange on every connection: a TLS hello, and the answer with its certificates.
const HELLO: Want = Want { up: 517, think: 0, down: 3_000 };
/// What goes up; all of it is the same, nobody compresses.
pub static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
/// Of an answer to CONNECT.
const HEAD: usize = 8 << 10;
/// Read at a time.
const PIECE: usize = 1 << 15;

/// Who asks: a number that servers count by, and the address it comes from.
#[derive(Clone, Debug)]
pub struct Asker {
    /// Its number.
    pub who: u32,
    /// Its address.
    pub address: Ipv4Addr,
    /// How it reaches servers.
    pub route: Route,
    /// Where what it received is counted.
    pub tally: Arc<Mutex<Tally>>,
}

/// An open connection to a server.
pub struct Tunnel {
    stream: TcpStream,
    asker: Asker,
}

impl Asker {
    /// Connects, with everything that comes before the first question.
    pub async fn open(&self, server: Server) -> io::Result<Tunnel> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((self.address, 0).into())?;
        let to = match self.route {
            Route::Direct => server.address(),
            Route::Proxy(proxy) => proxy,
        };
        let mut stream = socket.connect(to).await?;
        stream.set_nodelay(true)?;
        if let Route::Proxy(_) = self.route {
            connect(&mut stream, server).await?;
        }
        let mut tunnel = Tunnel { stream, asker: self.clone() };
        tunnel.ask(HELLO).await?;
        Ok(tunnel)
    }
}

impl Tunnel {
    /// Asks, and takes the whole answer.
    pub async fn ask(&mut self, want: Want) -> io::Result<()> {
        let Want { up, think, down } = want;
        let line = format!("{} {up} {think} {down}\n", self.asker.who);
        // In one segment, if it fits.
        let first = (up as usize).min(1_300);
        let mut head = line.into_bytes();
        head.extend_from_slice(&ZEROS[..first]);
        self.stream.write_all(&head).await?;
        let mut left = up as usize - first;
        while left > 0 {
            let piece = left.min(ZEROS.len());
            self.stream.write_all(&ZEROS[..piece]).await?;
            left -= piece;
        }
        let mut left = down as usize;
        let mut room = vec![0; PIECE.min(left)];
        while left > 0 {
            let most = left.min(room.len());
            let came = self.stream.read(&mut room[..most]).await?;
            if came == 0 {
                let missing = format!("the answer ended {left} bytes early");
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, missing));
            }
            self.asker.tally.lock().unwrap().add(self.asker.who, came);
            left -= came;
        }
        Ok(())
    }

    /// Waits until the other side closes it.
    pub async fn hold(mut self) {
        let _ = self.stream.read(&mut [0]).await;
    }
}

/// Asks a proxy for a tunnel.
async fn connect(stream: &mut TcpStream, server: Server) -> io::Result<()> {
    let authority = format!("{}:{}", server.name(), server.address().port());
    stream.write_all(format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n").as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == HEAD {
            return Err(io::Error::other("the proxy's answer has no end"));
        }
        // Byte by byte, so that nothing of what follows is taken; it is a hundred bytes.
        head.push(stream.read_u8().await?);
    }
    let status = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    if status == b"200" {
        return Ok(());
    }
    Err(io::Error::other(format!("the proxy answered {}", String::from_utf8_lossy(status))))
}
