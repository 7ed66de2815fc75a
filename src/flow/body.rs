//! The bodies of answers, and whose turn it is on a connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Frame, SizeHint};

use super::room::Place;
use crate::listen::door::Phase;

/// What a body can fail with; hyper breaks the connection then.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of every answer.
pub type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;

/// No body at all.
pub fn empty() -> AnswerBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body that holds the connection's turn until the answer has been given.
pub struct Phased {
    body: AnswerBody,
    _turn: Arc<Turn>,
}

impl Phased {
    /// The body of the answer to the request whose turn it is.
    pub fn new(body: AnswerBody, turn: Arc<Turn>) -> Self {
        Phased { body, _turn: turn }
    }
}

impl Body for Phased {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A request's turn on its connection. When its answer has been given and its own body is done with, the door times the
/// wait for the next.
#[derive(Debug)]
pub struct Turn {
    phase: Arc<Phase>,
    place: Arc<Place>,
    /// That of the connection, where this is one of its streams.
    around: Option<Arc<Turn>>,
}

impl Turn {
    /// Of the request that is being answered.
    pub fn new(phase: Arc<Phase>, place: Arc<Place>) -> Arc<Self> {
        place.begin(&phase);
        Arc::new(Turn { phase, place, around: None })
    }

    /// Of a request that is one of many on a connection, with a place of its own.
    pub fn within(around: Arc<Turn>, place: Arc<Place>) -> Arc<Self> {
        let phase = Arc::default();
        place.begin(&phase);
        Arc::new(Turn { phase, place, around: Some(around) })
    }

    /// Whether the connection had to make room for another before this began.
    pub fn is_too_late(&self) -> bool {
        self.place.made_room() || self.around.as_ref().is_some_and(|around| around.is_too_late())
    }
}

/// A turn that is no reason to keep its connection, for as long as this lives.
pub struct Rest<'a>(&'a Turn);

impl Turn {
    /// Has the connection wait among those who make room for others, behind all of them.
    pub fn rest(&self) -> Rest<'_> {
        self.place.end(&self.phase);
        Rest(self)
    }
}

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        self.0.place.begin(&self.0.phase);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.place.end(&self.phase);
    }
}
