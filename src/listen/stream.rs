//! A client's stream: a socket as it is, one with TLS on it, or one of many streams of an HTTP/2 connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::http2::Laned;

/// A client's stream. What is seldom is in a place of its own, so that a tunnel over a plain socket is no larger for it.
#[derive(Debug)]
pub enum Stream {
    /// A socket.
    Plain(TcpStream),
    /// TLS over one.
    Tls(Box<TlsStream<TcpStream>>),
    /// A CONNECT within HTTP/2.
    Laned(Box<Laned>),
}

impl Stream {
    /// The socket that the bytes come from as they are.
    pub fn plain(&self) -> Option<&TcpStream> {
        match self {
            Stream::Plain(stream) => Some(stream),
            Stream::Tls(_) | Stream::Laned(_) => None,
        }
    }

    /// The socket below, where it is nobody else's too.
    pub fn socket(&self) -> Option<&TcpStream> {
        match self {
            Stream::Plain(stream) => Some(stream),
            Stream::Tls(stream) => Some(stream.get_ref().0),
            Stream::Laned(_) => None,
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Stream {
        Stream::Plain(stream)
    }
}

macro_rules! each {
    ($stream:expr, $of:ident => $call:expr) => {
        match $stream.get_mut() {
            Stream::Plain(stream) => {
                let $of = Pin::new(stream);
                $call
            }
            Stream::Tls(stream) => {
                let $of = Pin::new(&mut **stream);
                $call
            }
            Stream::Laned(stream) => {
                let $of = Pin::new(&mut **stream);
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match each!(self, stream => stream.poll_read(cx, buf)) {
            // Most clients of a proxy close without the farewell of TLS. What it would guard is guarded by what they speak
            // inside, as on a plain connection.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            read => read,
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
            Stream::Laned(_) => false,
        }
    }
}
