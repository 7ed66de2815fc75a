//! A client's stream as hyper sees it, with the two time-outs that hyper cannot tell apart: a head that began and does
//! not come whole, and a connection that is merely idle between requests.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWrite as _;
use tokio::time::Sleep;

use super::Stream;
use crate::base::clock;

/// How long a request head may take from its first byte to its last. Browsers send theirs in one piece; this is for
/// the slowest link of a clinic, and against those who hold connections open with a byte now and then.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may wait for its next request. Longer than the minute browsers keep an idle one.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long a client may take nothing of an answer. Servers commonly give it one minute; a paused download deserves
/// more.
pub const STALL: Duration = Duration::from_secs(300);

/// Where a connection stands between requests. Shared with who serves the requests.
#[derive(Debug, Default)]
pub struct Phase(AtomicU8);

const IDLE: u8 = 0;
const HEAD: u8 = 1;
const MESSAGE: u8 = 2;
const SLOW: u8 = 3;

impl Phase {
    /// Bytes came: of a head, where none was expected.
    fn head(&self) {
        let _ = self.0.compare_exchange(IDLE, HEAD, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// A head has come whole; no limit of this stage holds until the answer is given.
    pub fn message(&self) {
        self.0.store(MESSAGE, Ordering::Relaxed);
    }

    /// The answer was given; the next request may come.
    pub fn idle(&self) {
        self.0.store(IDLE, Ordering::Relaxed);
    }

    /// Whether the connection ended because a head did not come whole in time.
    pub fn was_slow(&self) -> bool {
        self.0.load(Ordering::Relaxed) == SLOW
    }

    /// Whether a head has begun to come, and has not come whole.
    pub fn is_head(&self) -> bool {
        self.now() == HEAD
    }

    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.now() == IDLE
    }

    fn now(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The answer to a head that does not come whole. It is plain, for no browser ever sees it.
fn slow_answer() -> String {
    let body = format!("the request head did not come whole within {} s\n", HEAD_TIMEOUT.as_secs());
    format!(
        "HTTP/1.1 408 Request Timeout\r\nproxy-status: clearway; error=http_request_error; details=\"slow-head\"\r\n\
         connection: close\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The stream. Reading fails with `TimedOut` when a limit passes; where that limit is the head's, an answer is written
/// first, as hyper would close without a word.
#[derive(Debug)]
pub struct Door {
    stream: TokioIo<Stream>,
    /// Read before hyper came.
    before: Bytes,
    phase: Arc<Phase>,
    keep_alive: Duration,
    /// The phase that the timer was set for.
    timed: Option<u8>,
    timer: Pin<Box<Sleep>>,
    /// Runs while the client takes nothing.
    stall: Option<Pin<Box<Sleep>>>,
}

impl Door {
    /// Wraps an accepted stream, of which these bytes were read.
    pub fn new(stream: Stream, before: Bytes, phase: Arc<Phase>, keep_alive: Duration) -> Self {
        let timer = Box::pin(tokio::time::sleep(keep_alive));
        Door { stream: TokioIo::new(stream), before, phase, keep_alive, timed: None, timer, stall: None }
    }

    /// The stream itself, for a tunnel, and what was read before hyper came and hyper did not read.
    pub fn into_parts(self) -> (Stream, Bytes) {
        (self.stream.into_inner(), self.before)
    }

    /// What it came to that the client should take something; where it takes nothing for too long, that fails. To flush and to
    /// close are to take something too: TLS keeps what the socket has no room for.
    fn poll_taken<T>(&mut self, cx: &mut Context<'_>, taken: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if taken.is_ready() {
            self.stall = None;
            return taken;
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep(STALL)));
        ready!(stall.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_limits(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let phase = self.phase.now();
        if self.timed != Some(phase) {
            self.timed = Some(phase);
            let limit = if phase == HEAD { HEAD_TIMEOUT } else { self.keep_alive };
            self.timer.as_mut().reset((clock::now() + limit).into());
        }
        if phase == MESSAGE {
            return Poll::Pending;
        }
        ready!(self.timer.as_mut().poll(cx));
        if phase == HEAD {
            self.phase.0.store(SLOW, Ordering::Relaxed);
            // What does not fit into the socket's buffer now never will: the client reads nothing.
            let mut stream = Pin::new(self.stream.inner_mut());
            let _ = stream.as_mut().poll_write(cx, slow_answer().as_bytes());
            let _ = stream.poll_flush(cx);
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Read for Door {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        if !self.before.is_empty() {
            let bytes = self.before.len().min(buf.remaining());
            buf.put_slice(&self.before.split_to(bytes));
            self.phase.head();
            return Poll::Ready(Ok(()));
        }
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                self.phase.head();
                Poll::Ready(Ok(()))
            }
            Poll::Ready(error) => Poll::Ready(error),
            Poll::Pending => self.poll_limits(cx),
        }
    }
}

impl Write for Door {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.poll_taken(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.poll_taken(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.poll_taken(cx, shut)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.poll_taken(cx, written)
    }
}
