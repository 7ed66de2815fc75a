//! Pipes of the kernel's, lent while bytes are in them: what goes from socket to socket through one is never copied.

use std::cell::RefCell;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with, splice};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::buffer::Buffer;

/// What one holds: the most that Linux gives a user without privileges (pipe(7), pipe-max-size).
pub const SIZE: usize = 1024 * 1024;

/// Pipes of the process, each for as long as a receiver is slower than its sender. Beyond so many of this size a user
/// without privileges gets only small ones (pipe(7), pipe-user-pages-soft).
const MOST: usize = 60;

/// A smaller one is not worth its two calls. Where a user's pipes together are too large already, the kernel gives two pages.
pub const LEAST: usize = 64 * 1024;

/// Spare ones a thread keeps. One is enough where receivers are not slow: a flow gives its back before the next needs one.
const SPARE: usize = 4;

static OPEN: AtomicUsize = AtomicUsize::new(0);

/// This system does not splice what sockets bring: a filter of system calls, or a kernel that only looks like Linux.
static REFUSED: AtomicBool = AtomicBool::new(false);

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
    /// An empty one; `None` when there are too many, no descriptor is left, or the system has no use for them.
    pub fn lend() -> Option<Pipe> {
        if REFUSED.load(Ordering::Relaxed) {
            return None;
        }
        let spare = SPARES.try_with(|spares| spares.borrow_mut().pop()).ok().flatten();
        Some(Pipe { ends: Some(spare.or_else(Ends::open)?), held: 0 })
    }

    /// The bytes in it.
    pub fn len(&self) -> usize {
        self.held
    }

    /// Moves up to `most` bytes out of a socket into the pipe, which must be empty: a full one and an empty socket look alike
    /// (splice(2), EAGAIN). 0: the socket is at its end. `None`: what comes next has to be read.
    pub fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        from: &TcpStream,
        most: usize,
    ) -> Poll<io::Result<Option<usize>>> {
        debug_assert_eq!(self.held, 0);
        let Some(ends) = &self.ends else { return Poll::Ready(Ok(None)) };
        loop {
            ready!(from.poll_read_ready(cx))?;
            let moved = from.try_io(Interest::READABLE, || {
                match splice(from, None, &ends.into, None, most.min(SIZE), SpliceFlags::NONBLOCK) {
                    Ok(0) | Err(Errno::AGAIN) => beyond_a_mark(from),
                    Ok(bytes) => Ok(Some(bytes)),
                    Err(error @ (Errno::NOSYS | Errno::PERM | Errno::INVAL)) => {
                        if !REFUSED.swap(true, Ordering::Relaxed) {
                            tracing::warn!(%error, "splice is refused here: tunnels are copied, at three times the cost");
                        }
                        Ok(None)
                    }
                    Err(error) => Err(error.into()),
                }
            });
            if let Some(moved) = settled(moved) {
                if let Ok(Some(bytes)) = &moved {
                    self.held = *bytes;
                }
                return Poll::Ready(moved);
            }
        }
    }

    /// Copies what is in it to a buffer, so that a receiver that takes nothing keeps no pipe from others.
    pub fn spill(&mut self, buffer: &mut Buffer) {
        let Some(ends) = &self.ends else { return };
        let all = self.held;
        while self.held > 0 {
            // What is in a pipe can be read; were it not so, the pipe would stay, as it was.
            let Ok(bytes) = rustix::io::read(&ends.out, buffer.room(all)) else { return };
            buffer.filled(bytes);
            self.held -= bytes;
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
                if let Ok(bytes) = &moved {
                    self.held -= bytes;
                }
                return Poll::Ready(moved);
            }
        }
    }
}

/// An end, or nothing now, as splice sees it: it goes no further than to a mark of urgent data (tcp(7)), and says the same
/// there. Reading does not stop.
fn beyond_a_mark(from: &TcpStream) -> io::Result<Option<usize>> {
    match SockRef::from(from).peek(&mut [MaybeUninit::uninit()]) {
        Ok(0) => Ok(Some(0)),
        Ok(_) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What a call came to, unless it is to be made again.
fn settled<T>(moved: io::Result<T>) -> Option<io::Result<T>> {
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
                let size = fcntl_setpipe_size(&ends.into, SIZE).or_else(|_| fcntl_getpipe_size(&ends.into));
                size.is_ok_and(|size| size >= LEAST).then_some(ends)
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    async fn wire() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (near.unwrap(), far.unwrap().0)
    }

    #[tokio::test]
    async fn bytes_go_through_and_what_is_not_taken_can_be_copied_out() {
        let ((mut sender, from), (to, mut receiver)) = (wire().await, wire().await);
        let bytes: Vec<u8> = (0..60_000u32).map(|number| (number % 251) as u8).collect();
        sender.write_all(&bytes).await.unwrap();
        let (mut pipe, mut through) = (Pipe::lend().unwrap(), Vec::new());
        while through.len() < bytes.len() {
            let filled = poll_fn(|cx| pipe.poll_fill(cx, &from, SIZE)).await.unwrap().unwrap();
            assert_eq!(pipe.len(), filled);
            let drained = poll_fn(|cx| pipe.poll_drain(cx, &to, filled / 2)).await.unwrap();
            let mut part = vec![0; drained];
            receiver.read_exact(&mut part).await.unwrap();
            through.extend(part);
            let mut buffer = Buffer::default();
            pipe.spill(&mut buffer);
            assert_eq!((pipe.len(), buffer.len()), (0, filled - drained));
            through.extend(buffer.bytes());
        }
        assert!(through == bytes);
        sender.shutdown().await.unwrap();
        assert_eq!(poll_fn(|cx| pipe.poll_fill(cx, &from, SIZE)).await.unwrap(), Some(0));
    }

    /// splice(2) says of a mark of urgent data what it says of an end, and of nothing.
    #[tokio::test]
    async fn a_mark_of_urgent_data_is_no_end() {
        for ends in [false, true] {
            let (sender, from) = wire().await;
            let socket = SockRef::from(&sender);
            for part in [&b"before"[..], b"after"] {
                assert_eq!(socket.send(part).unwrap(), part.len());
                if part == b"before" {
                    socket.send_out_of_band(b"!").unwrap();
                }
            }
            if ends {
                socket.shutdown(std::net::Shutdown::Write).unwrap();
            }
            let mut pipe = Pipe::lend().unwrap();
            let mut taken = 0;
            while let Some(bytes) = poll_fn(|cx| pipe.poll_fill(cx, &from, SIZE)).await.unwrap() {
                assert!(bytes > 0);
                taken += bytes;
                pipe.spill(&mut Buffer::default());
            }
            assert_eq!(taken, b"before".len());
            let mut rest = [0; 5];
            let mut from = from;
            from.read_exact(&mut rest).await.unwrap();
            assert_eq!(&rest, b"after");
        }
    }
}
