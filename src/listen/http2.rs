//! An explicit proxy spoken to by HTTP/2 (RFC 9113): many requests and tunnels (section 8.5) over one connection. Each has
//! a lane of its own, which can be closed without the others noticing.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io};

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

use super::Stream;
use super::door::{Door, Phase};
use super::explicit::{HEAD_LIMIT, ServeError};

/// Requests and tunnels at once over a connection: RFC 9113 section 6.5.2 advises against less than this. A browser has
/// one connection to its proxy for all that it does, and opens another when this many are not enough.
const STREAMS: u32 = 100;

/// What a client may have sent of one upload that nobody has read yet: what is not granted is not read, and so not sent.
/// RFC 9113 section 6.9.2 begins with as much; over the two milliseconds of a building it carries 250 Mbit/s.
const STREAM_WINDOW: u32 = 64 * 1024;

/// The same for the whole connection: as much as all of its uploads may have, so that however many of them wait for their
/// tubes, there is room for the next. It is the most that a connection can make this gateway keep.
const WINDOW: u32 = STREAMS * STREAM_WINDOW;

/// What of one download waits here for the client to take it: two pieces of a relay, so that the next is ready when the
/// first has gone. Anything more would be a queue that no tube knows of.
const UNSENT: usize = 32 * 1024;

/// Streams that were reset before anybody had looked at them. More is the flood of CVE-2023-44487, and ends the
/// connection; a browser's user who closes a window full of tabs does not get there, for requests are looked at at once.
const RESET_UNSEEN: usize = 20;

/// Streams that were reset because what came on them was wrong. The library's own number.
const RESET_WRONG: usize = 1024;

/// A client that vanished is asked after as often as by the kernel on a plain connection (`socket`), and missed as soon.
const PING: Duration = Duration::from_secs(60);
const PONG: Duration = Duration::from_secs(30);

/// How long a client that has nothing open may take to hear that it should go.
const FAREWELL: Duration = Duration::from_secs(1);

tokio::task_local! {
    /// The lane of the task that runs.
    static LANE: Arc<Lane>;
}

/// What is to be done for a lane.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Which of a lane's two tasks some work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The request and its answer.
    Answer,
    /// What takes a tunnel's bytes to the connection.
    Conveyor,
}

/// One stream, for as long as something is carried over it.
pub struct Lane {
    /// Closes it: what of it is under way is dropped, and the client is told that it was broken off.
    cut: CancellationToken,
    /// It is over: the client has reset it, or the connection is gone.
    over: CancellationToken,
    /// A tunnel's end has been sent.
    shut: AtomicBool,
    /// Who does the work.
    carry: Box<dyn Fn(Part, Work) + Send + Sync>,
}

impl Lane {
    /// One that `cut` closes, and whose work is done by `carry`.
    pub fn new(cut: CancellationToken, carry: impl Fn(Part, Work) + Send + Sync + 'static) -> Arc<Lane> {
        Arc::new(Lane { cut, over: CancellationToken::new(), shut: AtomicBool::new(false), carry: Box::new(carry) })
    }

    /// Whether it was closed from this side, or with its connection.
    pub fn is_cut(&self) -> bool {
        self.cut.is_cancelled()
    }

    /// What carries the stream: until its end, or until it is cut.
    async fn answer(self: Arc<Self>, work: impl Future<Output = ()>) {
        let work = LANE.scope(Arc::clone(&self), work);
        tokio::select! {
            biased;
            () = self.cut.cancelled() => {}
            () = work => {}
        }
    }

    /// What carries a tunnel's bytes to the connection. It ends with the tunnel, unless the client ends that.
    async fn convey(self: Arc<Self>, work: impl Future<Output = ()>) {
        tokio::select! {
            // First: what a tunnel that was cut has left unsent is not to end like one that is whole.
            biased;
            () = self.cut.cancelled() => {}
            () = work => {}
        }
        if !self.shut.load(Ordering::SeqCst) {
            self.over.cancel();
        }
    }

    /// Waits until the client has reset the stream, or is gone.
    pub async fn over(self: Arc<Self>) {
        self.over.cancelled().await;
    }
}

/// A tunnel over a lane. Dropped before both ways have ended, it is broken off.
pub struct Laned {
    stream: TokioIo<Upgraded>,
    lane: Arc<Lane>,
    ended: bool,
}

impl Laned {
    /// Of a CONNECT that was answered.
    pub fn new(upgraded: Upgraded, lane: Arc<Lane>) -> Laned {
        Laned { stream: TokioIo::new(upgraded), lane, ended: false }
    }

    /// Its lane.
    pub fn lane(&self) -> &Arc<Lane> {
        &self.lane
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("cut", &self.cut.is_cancelled()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Laned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Laned").field("lane", &self.lane).finish_non_exhaustive()
    }
}

impl AsyncRead for Laned {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Laned {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lane.shut.store(true, Ordering::SeqCst);
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.ended |= shut.is_ready();
        shut
    }
}

impl Drop for Laned {
    fn drop(&mut self) {
        if !self.ended {
            self.lane.cut.cancel();
        }
    }
}

/// Where the tasks of a connection's streams go: hyper makes two for a tunnel, and one for any other request.
#[derive(Clone, Default)]
struct Lanes {
    /// The lane of the request that was just taken, until its task comes.
    next: Arc<Mutex<Option<Arc<Lane>>>>,
}

impl<F> Executor<F> for Lanes
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, work: F) {
        // Within a stream's own task it is what conveys a tunnel's bytes.
        if let Ok(lane) = LANE.try_with(Arc::clone) {
            return (lane.carry)(Part::Conveyor, Box::pin(Arc::clone(&lane).convey(work)));
        }
        if let Some(lane) = self.next.lock().unwrap_or_else(PoisonError::into_inner).take() {
            (lane.carry)(Part::Answer, Box::pin(Arc::clone(&lane).answer(work)));
        }
    }
}

/// Serves one connection until it closes, or has had nothing to do for at least `keep_alive`. `take` is called for each
/// request as it comes, and says which lane it has. When `drain` is cancelled no new request is taken.
///
/// # Errors
/// When what came was not HTTP/2, or more of it than anybody means well by.
pub async fn serve<T, F, B>(
    stream: Stream,
    (phase, keep_alive): (Arc<Phase>, Duration),
    drain: &CancellationToken,
    take: T,
) -> Result<(), ServeError>
where
    T: Fn(Request<Incoming>) -> (Arc<Lane>, F),
    F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (lanes, taken) = (Lanes::default(), AtomicU64::new(0));
    let next = Arc::clone(&lanes.next);
    // To the door it is one long message: it has to see to it alone that the client takes what is sent.
    let busy = Arc::<Phase>::default();
    busy.message();
    let connection = builder(lanes).serve_connection(
        Door::new(stream, Bytes::new(), busy, keep_alive),
        service_fn(|request| {
            taken.fetch_add(1, Ordering::Relaxed);
            phase.message();
            let (lane, answer) = take(request);
            *next.lock().unwrap_or_else(PoisonError::into_inner) = Some(lane);
            answer
        }),
    );
    let mut connection = std::pin::pin!(connection);
    let (mut seen, mut leaving) = (None, false);
    let ended = loop {
        let leave = tokio::select! {
            biased;
            ended = connection.as_mut() => break ended,
            () = drain.cancelled(), if !leaving => true,
            () = tokio::time::sleep(if leaving { FAREWELL } else { keep_alive }) => {
                let idle = phase.is_idle().then(|| taken.load(Ordering::Relaxed));
                if leaving && idle.is_some() {
                    break Ok(());
                }
                // Nothing was asked since the last look, and nothing was open at both.
                std::mem::replace(&mut seen, idle) == idle && idle.is_some()
            }
        };
        if leave && !std::mem::replace(&mut leaving, true) {
            connection.as_mut().graceful_shutdown();
        }
    };
    match ended {
        Err(error) if is_ours(&error) => Err(ServeError::Parse(error)),
        // Every other ending happened to streams, whose flows keep the records, or to nobody.
        _ => Ok(()),
    }
}

fn builder<E: Clone>(lanes: E) -> http2::Builder<E> {
    let mut builder = http2::Builder::new(lanes);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_send_buf_size(UNSENT)
        .max_header_list_size(u32::try_from(HEAD_LIMIT).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(RESET_UNSEEN)
        .max_local_error_reset_streams(RESET_WRONG)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG);
    builder
}

/// Whether the connection ended because this side found fault with what came.
fn is_ours(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|error| error.is_library() && error.is_go_away())
}
