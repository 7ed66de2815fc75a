//! One direction of a tunnel: read, ask the tube, write, and hand the end on. A state machine without a task of its own,
//! whose state outlives each call.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::buffer::{Buffer, SIZE};
use super::source::Source;
use super::tally::Tally;
use crate::base::{Direction, Fault, Reason, Side};
use crate::tube::{Grant, Pass};

/// One direction.
#[derive(Debug)]
pub struct Half {
    direction: Direction,
    buffer: Buffer,
    /// Of the bytes in the buffer, those that may be written.
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
    /// Bytes came or went since somebody asked.
    stirred: bool,
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
            granted: 0,
            waited: Duration::ZERO,
            delayed: Duration::ZERO,
            unflushed: false,
            stage: Stage::Open,
            moved: 0,
            stirred: false,
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
        W: AsyncWrite + Unpin,
    {
        loop {
            if self.granted > 0 && !self.buffer.is_empty() {
                ready!(self.poll_write(cx, writer, tally)).map_err(|_| self.broken(self.writer()))?;
            } else if !self.buffer.is_empty() {
                let grant = ready!(pass.poll_take(cx, self.direction, self.buffer.len()));
                self.take(grant);
            } else {
                match self.stage {
                    Stage::Open => match self.poll_granted_fill(cx, reader, pass) {
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

    /// Reads no more than may be passed on, where the reader can say how much waits.
    fn poll_granted_fill<R: Source>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        pass: &Pass,
    ) -> Poll<io::Result<Filled>> {
        if self.granted == 0
            && pass.is_shaped(self.direction)
            && let Some(waiting) = ready!(reader.poll_waiting(cx))?
        {
            let grant = ready!(pass.poll_take(cx, self.direction, waiting.min(SIZE)));
            self.take(grant);
        }
        let most = if self.granted > 0 { self.granted } else { SIZE };
        self.poll_fill(cx, reader, most.min(SIZE))
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
        self.buffer.release();
        ready!(answer)?;
        if bytes == 0 {
            self.stage = Stage::Ending;
            return Poll::Ready(Ok(Filled::End));
        }
        self.stirred = true;
        Poll::Ready(Ok(Filled::More))
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

    /// Whether bytes came or went since the last call.
    pub fn stirred(&mut self) -> bool {
        std::mem::take(&mut self.stirred)
    }

    fn poll_write<W>(&mut self, cx: &mut Context<'_>, writer: &mut W, tally: &dyn Tally) -> Poll<io::Result<()>>
    where
        W: AsyncWrite + Unpin,
    {
        let part = &self.buffer.bytes()[..self.granted.min(self.buffer.len())];
        let written = ready!(Pin::new(writer).poll_write(cx, part))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.buffer.advance(written);
        self.granted -= written;
        self.moved += written as u64;
        self.unflushed = true;
        self.stirred = true;
        tally.moved(self.direction, written as u64, std::mem::take(&mut self.waited));
        Poll::Ready(Ok(()))
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
