//! How much of the link, one way, may be given out: what the wire itself carried, and the queue that stands in front of
//! it, correct what the configuration says and the payload adds up to. Pure.

use std::time::Duration;

use crate::base::{Moment, Rate};

/// Of the link's rate, what is given out. The rest absorbs what comes in bursts: at 100% any queue would stand for ever.
const SPENT: f64 = 0.95;
/// Over this the bytes that payload misses are averaged: headers, acknowledgements of the other way, handshakes, what
/// was sent again, traffic that does not pass this gateway. Shorter, and the delay between a grant and its bytes shows as
/// noise.
const MISSED_OVER: Duration = Duration::from_millis(200);
/// Of a standing queue so much is nothing: timers, a burst that is being served.
const FREE_QUEUE: Duration = Duration::from_millis(2);
/// A queue longer than that by this much halts what can wait.
const FULL_QUEUE: Duration = Duration::from_millis(25);
/// What always flows, of the link's rate.
const TRICKLE: f64 = 0.02;

/// What was seen of one way at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// When.
    pub now: Moment,
    /// Bytes that the interface has carried, ever.
    pub wire: Option<u64>,
    /// Bytes of payload that passed, ever.
    pub passed: u64,
    /// The queue that stands in this way, as far as round trips tell.
    pub queue: Option<Duration>,
}

/// What is to hold until the next look.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Setting {
    /// What may be given out.
    pub rate: Option<Rate>,
    /// How far the wire is behind what it was given: for so long nobody who can wait is given more.
    pub behind: Duration,
}

/// One way.
#[derive(Clone, Debug)]
pub struct Governor {
    link: Option<Rate>,
    last: Option<Sight>,
    /// Bits a second on the wire beyond the payload.
    missed: f64,
    /// Bits that the wire was given and cannot have carried yet.
    behind: f64,
}

impl Governor {
    /// Of a link of this rate.
    pub fn new(link: Option<Rate>) -> Governor {
        Governor { link, last: None, missed: 0.0, behind: 0.0 }
    }

    /// The link has another rate from now on.
    pub fn set_link(&mut self, link: Option<Rate>) {
        self.link = link;
    }

    /// Whether the wire is counted.
    pub fn counts(&self) -> bool {
        self.last.is_some_and(|last| last.wire.is_some())
    }

    /// Looks, and says what is to hold.
    pub fn look(&mut self, sight: Sight) -> Setting {
        let Some(link) = self.link.map(|rate| rate.bits_per_second() as f64) else {
            return Setting { rate: None, behind: Duration::ZERO };
        };
        if let Some(last) = self.last {
            self.count(&last, &sight, link);
        }
        self.last = Some(sight);
        let excess = sight.queue.unwrap_or_default().saturating_sub(FREE_QUEUE);
        let part = (1.0 - excess.as_secs_f64() / FULL_QUEUE.as_secs_f64()).max(0.0);
        let given = (SPENT * link * part - self.missed.max(0.0)).max(TRICKLE * link);
        Setting {
            rate: Rate::from_bits_per_second(given as u64),
            behind: Duration::from_secs_f64(self.behind / link),
        }
    }

    /// Counts the wire between two looks.
    fn count(&mut self, last: &Sight, sight: &Sight, link: f64) {
        let (Some(before), Some(wire)) = (last.wire, sight.wire) else {
            (self.missed, self.behind) = (0.0, 0.0);
            return;
        };
        let time = sight.now.saturating_duration_since(last.now).as_secs_f64();
        if time <= 0.0 || wire < before {
            return;
        }
        let carried = (wire - before) as f64 * 8.0;
        let payload = sight.passed.wrapping_sub(last.passed).cast_signed() as f64 * 8.0;
        let weight = 1.0 - (-time / MISSED_OVER.as_secs_f64()).exp();
        self.missed += weight * ((carried - payload) / time - self.missed);
        self.behind = (self.behind + carried - link * time).clamp(0.0, link);
    }
}
