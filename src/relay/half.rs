//! One direction of a tunnel: read, ask the tube, write, and hand the end on. A state machine without a task of its own,
//! whose state outlives each call.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::buffer::{Buffer, SIZE};
use super::pipe::{self, Pipe};
use super::source::Source;
use super::tally::Tally;
use crate::base::{Direction, Fault, Reason, Side};
use crate::tube::{Grant, Pass};

/// What a shaped flow asks for at a time, where it need not hold it.
const PIECE: usize = 128 * 1024;

/// So much at a time, then whoever else has work on this thread goes first: half a millisecond. With less, sixteen tunnels
/// at full speed come round only after their pages have left the processor's cache: a half costs 1.5 times as much for each
/// byte, and twice as much costs no less.
const AT_A_TIME: usize = 2 * pipe::SIZE;

/// Less than this is copied: a pipe is two calls as a copy is, and pages that are counted in and out.
const WORTH_A_PIPE: usize = 8 * 1024;

/// One direction.
#[derive(Debug)]
pub struct Half {
    direction: Direction,
    /// What was read and has not been written is here, or in the pipe.
    buffer: Buffer,
    pipe: Option<Pipe>,
    /// What a pipe is filled with at most: twice what its receiver took at once.
    reach: usize,
    /// Bytes read since nothing was left to read.
    burst: usize,
    /// Of the bytes in hand, those that may be written.
    granted: usize,
    /// How long the first of those waited.
    waited: Duration,
    /// How long bytes waited for their grants, ever.
    delayed: Duration,
    /// Written since the last flush.
    unflushed: bool,
    stage: Stage,
    /// Bytes written, ever.
    moved: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Open,
    /// The reader is at its end; what is left is to be written and the writer shut down.
    Ending,
    Done,
}

/// What a read without a write came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Filled {
    /// There are more bytes than before.
    More,
    /// The reader is at its end.
    End,
    /// There is no room.
    Full,
}

impl Half {
    /// A direction in which nothing went yet, but with bytes that were read before.
    pub fn new(direction: Direction, prefix: &[u8]) -> Half {
        Half {
            direction,
            buffer: Buffer::with(prefix),
            pipe: None,
            reach: pipe::LEAST,
            burst: 0,
            granted: 0,
            waited: Duration::ZERO,
            delayed: Duration::ZERO,
            unflushed: false,
            stage: Stage::Open,
            moved: 0,
        }
    }

    /// Carries on until the reader's end has been handed to the writer.
    pub fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        (reader, writer): (&mut R, &mut W),
        pass: &Pass,
        tally: &dyn Tally,
    ) -> Poll<Result<(), Fault>>
    where
        R: Source,
        W: Source + AsyncWrite,
    {
        let mut passed = 0;
        loop {
            let held = self.held();
            if self.granted > 0 && held > 0 {
                passed += ready!(self.poll_write(cx, writer, tally)).map_err(|_| self.broken(self.writer()))?;
            } else if passed >= AT_A_TIME {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            } else if held > 0 {
                let grant = ready!(pass.poll_take(cx, self.direction, held));
                self.take(grant);
            } else {
                match self.stage {
                    Stage::Open => match self.poll_next(cx, reader, writer.socket().is_some(), pass) {
                        Poll::Ready(Ok(_)) => {}
                        Poll::Ready(Err(_)) => return Poll::Ready(Err(self.broken(self.reader()))),
                        Poll::Pending => {
                            ready!(self.poll_flush(cx, writer))?;
                            return Poll::Pending;
                        }
                    },
                    Stage::Ending => {
                        ready!(self.poll_flush(cx, writer))?;
                        // Every byte has been handed over: a writer that is already gone shows in the other direction.
                        let _ = ready!(Pin::new(&mut *writer).poll_shutdown(cx));
                        self.stage = Stage::Done;
                        tally.ended(self.direction, Ok(()));
                    }
                    Stage::Done => return Poll::Ready(Ok(())),
                }
            }
        }
    }

    /// Reads no more than may be passed on, where the reader can say how much waits; through a pipe where that costs less.
    fn poll_next<R: Source>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        piped: bool,
        pass: &Pass,
    ) -> Poll<io::Result<Filled>> {
        let socket = reader.socket().filter(|_| piped);
        if self.granted == 0
            && pass.is_shaped(self.direction)
            && let Some(waiting) = ready!(reader.poll_waiting(cx))?
        {
            let most = if socket.is_some() { PIECE } else { SIZE };
            let grant = ready!(pass.poll_take(cx, self.direction, waiting.min(most)));
            self.take(grant);
        }
        let (most, piped) = match (self.granted, socket) {
            (0, Some(_)) if pass.is_free(self.direction) && self.burst >= SIZE => (self.reach, true),
            (0, _) => (SIZE, false),
            (granted, Some(_)) if granted >= WORTH_A_PIPE => (granted, true),
            (granted, _) => (granted.min(SIZE), false),
        };
        if let Some(socket) = socket.filter(|_| piped)
            && let Some(pipe) = self.lend()
        {
            let answer = pipe.poll_fill(cx, socket, most);
            if !matches!(answer, Poll::Ready(Ok(None))) {
                return self.filled(answer.map_ok(Option::unwrap_or_default));
            }
            self.pipe = None;
        }
        self.poll_fill(cx, reader, most.min(SIZE))
    }

    fn lend(&mut self) -> Option<&mut Pipe> {
        if self.pipe.is_none() {
            self.pipe = Pipe::lend();
        }
        self.pipe.as_mut()
    }

    /// What a read came to.
    fn filled(&mut self, answer: Poll<io::Result<usize>>) -> Poll<io::Result<Filled>> {
        let Poll::Ready(answer) = answer else {
            self.pipe = None;
            self.buffer.release();
            // Who brought much will again.
            self.burst = if self.burst > 2 * SIZE { SIZE } else { 0 };
            return Poll::Pending;
        };
        let bytes = answer?;
        if bytes == 0 {
            self.pipe = None;
            self.buffer.release();
            self.stage = Stage::Ending;
            return Poll::Ready(Ok(Filled::End));
        }
        self.burst = self.burst.saturating_add(bytes);
        Poll::Ready(Ok(Filled::More))
    }

    /// Bytes read and not written.
    fn held(&self) -> usize {
        self.buffer.len() + self.pipe.as_ref().map_or(0, Pipe::len)
    }

    fn take(&mut self, grant: Grant) {
        (self.granted, self.waited) = (grant.bytes, grant.waited);
        self.delayed += grant.waited;
    }

    /// Reads more behind what is in the buffer, up to `most` bytes, and writes nothing.
    pub fn poll_fill<R>(&mut self, cx: &mut Context<'_>, reader: &mut R, most: usize) -> Poll<io::Result<Filled>>
    where
        R: AsyncRead + Unpin,
    {
        if self.stage != Stage::Open {
            return Poll::Ready(Ok(Filled::End));
        }
        let room = self.buffer.room(most);
        if room.is_empty() {
            return Poll::Ready(Ok(Filled::Full));
        }
        let mut room = ReadBuf::new(room);
        let answer = Pin::new(reader).poll_read(cx, &mut room);
        let bytes = room.filled().len();
        self.buffer.filled(bytes);
        self.filled(answer.map_ok(|()| bytes))
    }

    /// The bytes that were read and have not been written.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.bytes()
    }

    /// Bytes written, ever.
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// How long they waited for their grants, ever.
    pub fn delayed(&self) -> Duration {
        self.delayed
    }

    /// Whether nothing has been written or is about to be.
    pub fn is_untouched(&self) -> bool {
        self.moved == 0 && self.granted == 0
    }

    /// Whether the reader is at its end.
    pub fn has_ended(&self) -> bool {
        self.stage != Stage::Open
    }

    /// Whether the end has been handed on.
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    fn poll_write<W>(&mut self, cx: &mut Context<'_>, writer: &mut W, tally: &dyn Tally) -> Poll<io::Result<usize>>
    where
        W: Source + AsyncWrite,
    {
        let written = match writer.socket().filter(|_| self.buffer.is_empty()) {
            Some(socket) => ready!(self.poll_drain(cx, socket))?,
            None => {
                let part = &self.buffer.bytes()[..self.granted.min(self.buffer.len())];
                let written = ready!(Pin::new(writer).poll_write(cx, part))?;
                self.buffer.advance(written);
                self.buffer.release();
                self.unflushed = true;
                written
            }
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.granted -= written;
        self.moved += written as u64;
        tally.moved(self.direction, written as u64, std::mem::take(&mut self.waited));
        Poll::Ready(Ok(written))
    }

    /// Moves what is in the pipe on, and gives the pipe back when nothing is in it.
    fn poll_drain(&mut self, cx: &mut Context<'_>, socket: &TcpStream) -> Poll<io::Result<usize>> {
        let Some(pipe) = &mut self.pipe else { return Poll::Ready(Ok(0)) };
        let answer = pipe.poll_drain(cx, socket, self.granted);
        if answer.is_pending() && pipe.len() <= pipe::LEAST {
            pipe.spill(&mut self.buffer);
        }
        if pipe.len() == 0 {
            self.pipe = None;
            if let Poll::Ready(Ok(written)) = &answer {
                self.reach = self.reach.max(2 * written).min(pipe::SIZE);
            }
        }
        answer
    }

    fn poll_flush<W>(&mut self, cx: &mut Context<'_>, writer: &mut W) -> Poll<Result<(), Fault>>
    where
        W: AsyncWrite + Unpin,
    {
        if self.unflushed {
            ready!(Pin::new(writer).poll_flush(cx)).map_err(|_| self.broken(self.writer()))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn reader(&self) -> Side {
        match self.direction {
            Direction::Down => Side::Origin,
            Direction::Up => Side::Client,
        }
    }

    fn writer(&self) -> Side {
        match self.direction {
            Direction::Down => Side::Client,
            Direction::Up => Side::Origin,
        }
    }

    fn broken(&self, side: Side) -> Fault {
        Fault::new(side, Reason::Reset)
    }
}
