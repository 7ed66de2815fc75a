//! Pipes of the kernel's, lent while bytes are in them: what goes from socket to socket through one is never copied.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// What one holds: the most that Linux gives a user without privileges (pipe(7), pipe-max-size).
pub const SIZE: usize = 1024 * 1024;

/// Pipes of the process, each for as long as a receiver is slower than its sender. Beyond so many of this size a user
/// without privileges gets only small ones (pipe(7), pipe-user-pages-soft).
const MOST: usize = 60;

/// Spare ones a thread keeps. One is enough where receivers are not slow: a flow gives its back before the next needs one.
const SPARE: usize = 4;

static OPEN: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SPARES: RefCell<Vec<Ends>> = const { RefCell::new(Vec::new()) };
}

/// Both ends of an empty pipe.
#[derive(Debug)]
struct Ends {
    out: OwnedFd,
    into: OwnedFd,
}

/// Bytes between two sockets that this process never sees. Dropped empty, it is there for the next who needs one.
#[derive(Debug)]
pub struct Pipe {
    ends: Option<Ends>,
    held: usize,
}

impl Pipe {
    /// An empty one; `None` when there are too many, or no descriptor is left.
    pub fn lend() -> Option<Pipe> {
        let spare = SPARES.try_with(|spares| spares.borrow_mut().pop()).ok().flatten();
        Some(Pipe { ends: Some(spare.or_else(Ends::open)?), held: 0 })
    }

    /// The bytes in it.
    pub fn len(&self) -> usize {
        self.held
    }

    /// Moves up to `most` bytes out of a socket into the pipe, which must be empty: a full one and an empty socket look alike
    /// (splice(2), EAGAIN). None: the socket is at its end.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>, from: &TcpStream, most: usize) -> Poll<io::Result<usize>> {
        debug_assert_eq!(self.held, 0);
        let Some(ends) = &self.ends else { return Poll::Ready(Ok(0)) };
        loop {
            ready!(from.poll_read_ready(cx))?;
            let moved = from.try_io(Interest::READABLE, || {
                splice(from, None, &ends.into, None, most.min(SIZE), SpliceFlags::NONBLOCK).map_err(io::Error::from)
            });
            if let Some(moved) = settled(moved) {
                self.held = *moved.as_ref().unwrap_or(&0);
                return Poll::Ready(moved);
            }
        }
    }

    /// Moves up to `most` bytes out of the pipe into a socket.
    pub fn poll_drain(&mut self, cx: &mut Context<'_>, to: &TcpStream, most: usize) -> Poll<io::Result<usize>> {
        let Some(ends) = &self.ends else { return Poll::Ready(Ok(0)) };
        loop {
            ready!(to.poll_write_ready(cx))?;
            let moved = to.try_io(Interest::WRITABLE, || {
                splice(&ends.out, None, to, None, most.min(self.held), SpliceFlags::NONBLOCK).map_err(io::Error::from)
            });
            if let Some(moved) = settled(moved) {
                self.held -= *moved.as_ref().unwrap_or(&0);
                return Poll::Ready(moved);
            }
        }
    }
}

/// What a call came to, unless it is to be made again.
fn settled(moved: io::Result<usize>) -> Option<io::Result<usize>> {
    match moved {
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => None,
        moved => Some(moved),
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let Some(ends) = self.ends.take() else { return };
        if self.held == 0 {
            // A thread that is ending has no spares left; then the pipe simply goes.
            let _ = SPARES.try_with(|spares| {
                let mut spares = spares.borrow_mut();
                if spares.len() < SPARE {
                    spares.push(ends);
                }
            });
        }
    }
}

impl Ends {
    fn open() -> Option<Ends> {
        if OPEN.fetch_add(1, Ordering::Relaxed) >= MOST {
            OPEN.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        match pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC) {
            Ok((out, into)) => {
                let ends = Ends { out, into };
                // Smaller it works as well, only less is moved at a time.
                if let Err(error) = fcntl_setpipe_size(&ends.into, SIZE) {
                    tracing::debug!(%error, "cannot set F_SETPIPE_SZ");
                }
                Some(ends)
            }
            Err(error) => {
                OPEN.fetch_sub(1, Ordering::Relaxed);
                if error != Errno::MFILE {
                    tracing::debug!(%error, "cannot open a pipe");
                }
                None
            }
        }
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}
