//! An HTTP body at the pace its tube gives.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::DropGuard;

use super::tally::Tally;
use crate::base::{Direction, Fault, Moment, Reason, Side, clock};
use crate::tube::Pass;

/// How a body is carried.
pub struct Course {
    /// Its leave to use a tube.
    pub pass: Arc<Pass>,
    /// Who counts.
    pub tally: Arc<dyn Tally>,
    /// Which way it goes.
    pub direction: Direction,
    /// The longest time without a byte.
    pub idle: Duration,
    /// Let go when the body came to its end, else dropped with it: what must not outlive a broken body.
    pub hold: Option<DropGuard>,
    /// What it means that the body is dropped before its end; [`Course::dropped`] is the usual.
    pub dropped: Fault,
}

impl Course {
    /// Who is to blame when a body that goes this way is dropped: the side that no longer takes it.
    pub const fn dropped(direction: Direction) -> Fault {
        match direction {
            Direction::Down => Fault::new(Side::Client, Reason::Reset),
            Direction::Up => Fault::new(Side::Origin, Reason::Reset),
        }
    }
}

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError<E> {
    /// No byte came for the idle limit.
    #[error("no byte came for the idle limit")]
    Idle,
    /// Its own source broke.
    #[error("the other side broke off")]
    Source(#[source] E),
}

impl<E> BodyError<E> {
    /// How it ends the flow, for a body that goes this way.
    pub fn fault(&self, direction: Direction) -> Fault {
        match (self, direction) {
            (BodyError::Idle, Direction::Down) => Fault::new(Side::Origin, Reason::Idle),
            (BodyError::Idle, Direction::Up) => Fault::new(Side::Client, Reason::Idle),
            (BodyError::Source(_), Direction::Down) => Fault::new(Side::Origin, Reason::Reset),
            (BodyError::Source(_), Direction::Up) => Fault::new(Side::Client, Reason::Reset),
        }
    }
}

/// A body whose bytes go on only when its tube has granted them. Reports its end once, also when it is dropped.
pub struct PacedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    body: B,
    course: Course,
    /// Read and not yet granted.
    held: Bytes,
    last: Moment,
    timer: Option<Pin<Box<Sleep>>>,
    ended: bool,
}

impl<B> PacedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Error,
{
    /// A body on its course.
    pub fn new(body: B, course: Course) -> PacedBody<B> {
        PacedBody { body, course, held: Bytes::new(), last: clock::now(), timer: None, ended: false }
    }

    fn end(&mut self, result: Result<(), Fault>) {
        if !std::mem::replace(&mut self.ended, true) {
            if let (Ok(()), Some(hold)) = (result, self.course.hold.take()) {
                hold.disarm();
            }
            self.course.tally.ended(self.course.direction, result);
        }
    }

    fn fail(&mut self, error: BodyError<B::Error>) -> BodyError<B::Error> {
        self.end(Err(error.fault(self.course.direction)));
        self.held = Bytes::new();
        error
    }

    /// The next part of what is held.
    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<Frame<Bytes>> {
        let Course { pass, tally, direction, .. } = &self.course;
        let grant = std::task::ready!(pass.poll_take(cx, *direction, self.held.len()));
        let part = self.held.split_to(grant.bytes);
        tally.moved(*direction, part.len() as u64, grant.waited);
        self.last = clock::now();
        Poll::Ready(Frame::data(part))
    }

    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let end = Instant::from_std(self.last + self.course.idle);
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if timer.deadline() >= end {
                return Poll::Ready(());
            }
            timer.as_mut().reset(end);
        }
    }
}

impl<B> Body for PacedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Error,
{
    type Data = Bytes;
    type Error = BodyError<B::Error>;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        loop {
            if !this.held.is_empty() {
                if let Poll::Ready(frame) = this.poll_held(cx) {
                    if this.is_end_stream() {
                        // Whoever reads us need not ask again.
                        this.end(Ok(()));
                    }
                    return Poll::Ready(Some(Ok(frame)));
                }
                // Waiting for its share is not the source's silence.
                return Poll::Pending;
            }
            match Pin::new(&mut this.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => this.held = data,
                    Err(trailers) => {
                        if this.body.is_end_stream() {
                            this.end(Ok(()));
                        }
                        return Poll::Ready(Some(Ok(trailers)));
                    }
                },
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(this.fail(BodyError::Source(error))))),
                Poll::Ready(None) => {
                    this.end(Ok(()));
                    return Poll::Ready(None);
                }
                Poll::Pending => break,
            }
        }
        match this.poll_idle(cx) {
            Poll::Ready(()) => Poll::Ready(Some(Err(this.fail(BodyError::Idle)))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held.len() as u64;
        let inner = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + held);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + held);
        }
        hint
    }
}

impl<B> Drop for PacedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // A body that says it is at its end need not be read to the `None`.
        let whole = self.held.is_empty() && self.body.is_end_stream();
        if whole && let Some(hold) = self.course.hold.take() {
            hold.disarm();
        }
        let result = if whole { Ok(()) } else { Err(self.course.dropped) };
        self.course.tally.ended(self.course.direction, result);
    }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
