//! A stream that may say how much waits in it, so that nothing is read before there is leave to pass it on.

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::net::TcpStream;

use crate::base::{Rate, option};

/// What a direction reads from. Bytes that are not read keep the sender's window shut, so what is not granted yet is best
/// left where it is: it costs no memory here, and nobody sends more of it.
pub trait Source: AsyncRead + Unpin {
    /// How many bytes can be read now, at least one, or an end or an error; `None` for a stream that cannot tell.
    fn poll_waiting(&self, _cx: &mut Context<'_>) -> Poll<io::Result<Option<usize>>> {
        Poll::Ready(Ok(None))
    }

    /// How long what comes takes to answer what was sent, as far as the kernel knows.
    fn round_trip(&self) -> Option<Duration> {
        None
    }

    /// Has the kernel hold no more than so many bytes unread, and so the sender have no more under way (tcp(7),
    /// SO_RCVBUF and TCP_WINDOW_CLAMP).
    fn bound(&self, _bytes: usize) {}

    /// Has the kernel send no faster than this (socket(7), SO_MAX_PACING_RATE).
    fn pace(&self, _rate: Rate) {}
}

impl Source for TcpStream {
    fn poll_waiting(&self, cx: &mut Context<'_>) -> Poll<io::Result<Option<usize>>> {
        ready!(self.poll_read_ready(cx))?;
        let bytes = rustix::io::ioctl_fionread(self)?;
        // At none it is an end, or nothing after all: to read tells, and asks the kernel anew.
        Poll::Ready(Ok(usize::try_from(bytes).ok().filter(|bytes| *bytes > 0)))
    }

    fn round_trip(&self) -> Option<Duration> {
        option::answer_time(self).ok().flatten()
    }

    fn bound(&self, bytes: usize) {
        if let Err(error) = option::hold_unread(self, bytes) {
            tracing::debug!(%error, "cannot set SO_RCVBUF or TCP_WINDOW_CLAMP");
        }
    }

    fn pace(&self, rate: Rate) {
        if let Err(error) = option::pace(self, rate) {
            tracing::debug!(%error, "cannot set SO_MAX_PACING_RATE");
        }
    }
}

impl<T> Source for hyper_util::rt::TokioIo<T> where hyper_util::rt::TokioIo<T>: AsyncRead + Unpin {}

#[cfg(test)]
impl Source for tokio::io::DuplexStream {}
