//! Bytes that cost little to send and next to nothing to take, so that neither client nor origin is what limits.

use std::io::{self, Write as _};
use std::net::TcpStream;

use rustix::net::{RecvFlags, recv};

/// The most that is sent at a time: it stays in a core's cache. Written as servers write, so that a proxy gets pages of
/// the kernel's usual size; sendfile from memory would be cheaper, but brings them in pieces of 4 KiB.
const PIECE: usize = 256 << 10;
/// The most that is taken at a time.
const SWALLOW: usize = 4 << 20;

/// Bytes to send, as many as are wanted.
pub struct Source(Vec<u8>);

impl Source {
    pub fn new() -> Source {
        Source((0..PIECE).map(|at| (at % 251) as u8).collect())
    }

    /// Sends up to so many bytes.
    pub fn send(&self, mut to: &TcpStream, most: u64) -> io::Result<usize> {
        to.write(&self.0[..usize::try_from(most).map_or(PIECE, |most| most.min(PIECE))])
    }
}

/// Throws away what came.
pub struct Sink(Vec<u8>);

impl Sink {
    pub fn new() -> Sink {
        // Never written to, so it takes no memory: it only says how much may be thrown away at once.
        Sink(vec![0; SWALLOW])
    }

    /// How much it was; nothing at the end. With MSG_TRUNC the kernel drops the bytes of a stream (tcp(7)).
    pub fn take(&mut self, from: &TcpStream) -> io::Result<usize> {
        Ok(recv(from, self.0.as_mut_slice(), RecvFlags::TRUNC)?.1)
    }
}
