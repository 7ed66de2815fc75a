//! What is on now and what is over: where the story leaves it and the picture finds it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::act::{Act, Lengths};
use super::diary::Diary;
use super::outcome::Outcome;

/// The act that is on.
#[derive(Clone, Debug)]
pub struct Now {
    /// Which.
    pub act: Act,
    /// How long it is.
    pub lengths: Lengths,
    /// What happens in it.
    pub diary: Arc<Diary>,
}

/// The stage.
#[derive(Debug)]
pub struct Stage {
    /// How long the whole demo is.
    pub demo: Duration,
    on: Mutex<(Option<Now>, Vec<Outcome>)>,
}

impl Stage {
    /// An empty one.
    pub fn new(demo: Duration) -> Stage {
        Stage { demo, on: Mutex::new((None, Vec::new())) }
    }

    /// An act comes on.
    pub fn enter(&self, now: Now) {
        self.on().0 = Some(now);
    }

    /// It is over.
    pub fn leave(&self, outcome: Outcome) {
        let mut on = self.on();
        on.0 = None;
        on.1.push(outcome);
    }

    /// What is on, and what the acts before it came to.
    pub fn look(&self) -> (Option<Now>, Vec<Outcome>) {
        self.on().clone()
    }

    fn on(&self) -> MutexGuard<'_, (Option<Now>, Vec<Outcome>)> {
        self.on.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
