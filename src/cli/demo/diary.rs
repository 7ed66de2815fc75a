//! What everybody writes down during an act, and what the picture and the summary read.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::cast::{CAST, Habit};
use super::link::Wires;
use crate::base::{Direction, Moment, clock};

/// How a piece of clinical work went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exchange {
    /// When it was due, in seconds since the act's beginning.
    pub at: f64,
    /// From then to the whole answer, or to giving up, in milliseconds.
    pub took_ms: f64,
    /// Whether there was no answer.
    pub failed: bool,
}

/// What the link was like at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// In seconds since the act's beginning.
    pub at: f64,
    /// How long a packet would have waited, down and up, in milliseconds.
    pub queue_ms: [f64; 2],
    /// Bytes through the link so far, down and up.
    pub passed: [f64; 2],
    /// Bytes that staff had received or, of photos, sent so far, by habit.
    pub moved: [u64; 3],
}

/// The pages of a diary.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// Clinical work that is over.
    pub clinical: Vec<Exchange>,
    /// Seconds that each page load took.
    pub pages: Vec<f64>,
    /// For each member of staff since when they wait for a page.
    pub waiting: Vec<Option<f64>>,
    /// For each, bytes since what counts began: received, or of photos sent.
    pub counted: Vec<u64>,
    /// By habit, bytes ever.
    moved: [u64; 3],
    /// Things that went wrong for staff.
    pub trouble: u64,
    /// The link, every 50 ms.
    pub samples: Vec<Sample>,
}

/// A diary that everybody writes in.
#[derive(Debug)]
pub struct Diary {
    began: OnceLock<Moment>,
    counts_from: f64,
    notes: Mutex<Notes>,
}

impl Diary {
    /// An empty one. Only what comes after `warm` counts in the summary.
    pub fn new(warm: Duration) -> Diary {
        let people = CAST.people();
        let notes = Notes { waiting: vec![None; people], counted: vec![0; people], ..Notes::default() };
        Diary { began: OnceLock::new(), counts_from: warm.as_secs_f64(), notes: Mutex::new(notes) }
    }

    /// The act begins.
    pub fn begin(&self) {
        self.began();
    }

    /// When it began; at the latest when this is asked.
    pub fn began(&self) -> Moment {
        *self.began.get_or_init(clock::now)
    }

    /// Seconds since the act's beginning; none before it.
    pub fn now(&self) -> f64 {
        self.began.get().map_or(0.0, |began| clock::now().saturating_duration_since(*began).as_secs_f64())
    }

    /// From when on things count, in seconds since the act's beginning.
    pub fn counts_from(&self) -> f64 {
        self.counts_from
    }

    /// Reads or writes in it.
    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody received so many bytes.
    pub fn came(&self, who: usize, bytes: usize) {
        if CAST.habit(who).is_some_and(|habit| habit != Habit::Photos) {
            self.moved(who, bytes);
        }
    }

    /// An origin received so many bytes from somebody.
    pub fn went(&self, who: usize, bytes: usize) {
        if CAST.habit(who) == Some(Habit::Photos) {
            self.moved(who, bytes);
        }
    }

    fn moved(&self, who: usize, bytes: usize) {
        let counts = self.now() >= self.counts_from;
        let mut notes = self.notes();
        if let Some(habit) = CAST.habit(who) {
            notes.moved[habit as usize] += bytes as u64;
        }
        if let Some(counted) = notes.counted.get_mut(who).filter(|_| counts) {
            *counted += bytes as u64;
        }
    }

    /// Looks at the link.
    pub fn sample(&self, wires: &Wires) {
        let at = clock::now();
        let queue_ms = Direction::BOTH.map(|direction| wires.way(direction).queue(at).as_secs_f64() * 1e3);
        let passed = Direction::BOTH.map(|direction| wires.way(direction).passed(at));
        let at = at.saturating_duration_since(self.began()).as_secs_f64();
        let mut notes = self.notes();
        let sample = Sample { at, queue_ms, passed, moved: notes.moved };
        notes.samples.push(sample);
    }
}
