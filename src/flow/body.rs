//! The bodies of answers, and whose turn it is on a connection.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty};

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

/// Holds the connection's turn until the answer has been given.
pub fn phased(body: AnswerBody, turn: Arc<Turn>) -> AnswerBody {
    body.map_frame(move |frame| {
        let _ = &turn;
        frame
    })
    .boxed_unsync()
}

/// A request's turn on its connection. When its answer has been given and its own body is done with, the door times the
/// wait for the next.
#[derive(Debug)]
pub struct Turn {
    phase: Arc<Phase>,
    place: Arc<Place>,
}

impl Turn {
    /// Of the request that is being answered.
    pub fn new(phase: Arc<Phase>, place: Arc<Place>) -> Arc<Self> {
        place.begin();
        Arc::new(Turn { phase, place })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.place.end() {
            self.phase.idle();
        }
    }
}
