//! An HTTP body at the pace its tube gives.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::tally::Tally;
use crate::base::{Direction, Fault, Reason, Side, clock};
use crate::tube::Pass;

/// How a body is carried.
pub struct Course<H> {
    /// Its leave to use a tube.
    pub pass: Arc<Pass>,
    /// Who counts.
    pub tally: Arc<dyn Tally>,
    /// Which way it goes.
    pub direction: Direction,
    /// The longest time without a byte; where there is none, somebody else looks.
    pub idle: Option<Duration>,
    /// Called when the body came to its end, else dropped with it: what must not outlive a broken body.
    pub whole: Option<H>,
}

/// Who is to blame when a body that goes this way is dropped: the side that no longer takes it.
const fn dropped(direction: Direction) -> Fault {
    match direction {
        Direction::Down => Fault::new(Side::Client, Reason::Reset),
        Direction::Up => Fault::new(Side::Origin, Reason::Reset),
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
pub struct PacedBody<B, H>
where
    B: Body<Data = Bytes> + Unpin,
    H: FnOnce() + Unpin,
{
    body: B,
    course: Course<H>,
    /// Read and not yet granted.
    held: Bytes,
    /// Runs while the source says nothing; it begins anew when that has `moved`.
    timer: Option<Pin<Box<Sleep>>>,
    moved: bool,
    ended: bool,
}

impl<B, H> PacedBody<B, H>
where
    B: Body<Data = Bytes> + Unpin,
    H: FnOnce() + Unpin,
{
    /// A body on its course.
    pub fn new(body: B, course: Course<H>) -> Self {
        PacedBody { body, course, held: Bytes::new(), timer: None, moved: true, ended: false }
    }

    fn end(&mut self, result: Result<(), Fault>) {
        if !std::mem::replace(&mut self.ended, true) {
            let whole = self.course.whole.take();
            if let (Ok(()), Some(whole)) = (result, whole) {
                whole();
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
        self.moved = true;
        Poll::Ready(Frame::data(part))
    }

    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(idle) = self.course.idle else { return Poll::Pending };
        let timer = match &mut self.timer {
            Some(timer) if !self.moved => timer,
            Some(timer) => {
                timer.as_mut().reset((clock::now() + idle).into());
                timer
            }
            none => none.insert(Box::pin(sleep(idle))),
        };
        self.moved = false;
        timer.as_mut().poll(cx)
    }
}

impl<B, H> Body for PacedBody<B, H>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Error,
    H: FnOnce() + Unpin,
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
                    // The last that a body has; nobody asks again after them (RFC 9112 section 7.1).
                    Err(trailers) => {
                        this.end(Ok(()));
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

impl<B, H> Drop for PacedBody<B, H>
where
    B: Body<Data = Bytes> + Unpin,
    H: FnOnce() + Unpin,
{
    fn drop(&mut self) {
        // A body that says it is at its end need not be read to the `None`.
        let whole = self.held.is_empty() && self.body.is_end_stream();
        self.end(if whole { Ok(()) } else { Err(dropped(self.course.direction)) });
    }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
