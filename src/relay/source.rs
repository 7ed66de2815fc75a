//! A stream that may be a socket of the kernel's, which can be asked and told more than to read.

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::net::TcpStream;

use crate::base::{Rate, option};

/// What a direction reads from. Bytes that are not read keep the sender's window shut, so what is not granted yet is best
/// left where it is: it costs no memory here, and nobody sends more of it.
pub trait Source: AsyncRead + Unpin {
    /// The socket that the bytes come from as they are; `None` where something is made of them on the way, as by TLS.
    fn socket(&self) -> Option<&TcpStream> {
        None
    }

    /// How many bytes can be read now, at least one, or an end or an error; `None` for a stream that cannot tell.
    fn poll_waiting(&self, cx: &mut Context<'_>) -> Poll<io::Result<Option<usize>>> {
        let Some(socket) = self.socket() else { return Poll::Ready(Ok(None)) };
        ready!(socket.poll_read_ready(cx))?;
        let bytes = rustix::io::ioctl_fionread(socket)?;
        // At none it is an end, or nothing after all: to read tells, and asks the kernel anew.
        Poll::Ready(Ok(usize::try_from(bytes).ok().filter(|bytes| *bytes > 0)))
    }

    /// How long what comes takes to answer what was sent, as far as the kernel knows.
    fn round_trip(&self) -> Option<Duration> {
        option::answer_time(self.socket()?).ok().flatten()
    }

    /// Has the kernel hold no more than so many bytes unread, and so the sender have no more under way (tcp(7),
    /// SO_RCVBUF and TCP_WINDOW_CLAMP).
    fn bound(&self, bytes: usize) {
        if let Some(Err(error)) = self.socket().map(|socket| option::hold_unread(socket, bytes)) {
            tracing::debug!(%error, "cannot set SO_RCVBUF or TCP_WINDOW_CLAMP");
        }
    }

    /// Has the kernel send no faster than this (socket(7), SO_MAX_PACING_RATE).
    fn pace(&self, rate: Rate) {
        if let Some(Err(error)) = self.socket().map(|socket| option::pace(socket, rate)) {
            tracing::debug!(%error, "cannot set SO_MAX_PACING_RATE");
        }
    }
}

impl Source for TcpStream {
    fn socket(&self) -> Option<&TcpStream> {
        Some(self)
    }
}

impl<T> Source for hyper_util::rt::TokioIo<T> where hyper_util::rt::TokioIo<T>: AsyncRead + Unpin {}

#[cfg(test)]
impl Source for tokio::io::DuplexStream {}
