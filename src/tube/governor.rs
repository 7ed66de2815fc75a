//! How much of the link, one way, may be given out: what the wire itself carried, and the queue that stands in front of
//! it, correct what the configuration says and payload adds up to. Pure.

use std::time::Duration;

use super::pass::index;
use crate::base::{Direction, Moment, Rate};

/// Of the link, what is given out while clear traffic is about. The rest is what bursts drain into: a queue's length
/// grows with 1/(1 - use), and at 0.97 it was three times that of 0.92. Upwards what is given is on the wire at once;
/// downwards it comes a round trip later, as senders please, and some of it not at all.
const SPENT: [f64; 2] = [0.92, 0.89];
/// The same while there is no clear traffic that could meet the queue.
const SPENT_ALONE: f64 = 0.98;
/// Where clear traffic takes turns it always has this part of the link, whatever else is on the wire: what does not pass
/// this gateway would take all from who yields to it.
const TURNS: f64 = 0.5;
/// Over this such turns leave what is on the wire to drain.
const TURNS_QUEUE: Duration = Duration::from_millis(8);
/// Clear traffic is about until so long after its last byte: people who look things up do so again within a minute.
const ABOUT: Duration = Duration::from_secs(10);
/// Over this the bytes that payload misses are averaged: headers, acknowledgements of the other way, handshakes, what
/// was sent again, traffic that does not pass this gateway. Shorter, and the round trip between a grant and its bytes
/// shows as noise.
const MISSED_OVER: Duration = Duration::from_millis(200);
/// What is missed where nobody counts: headers are 4%, acknowledgements and handshakes some more.
const OVERHEAD: f64 = 0.06;
/// Over this the wire's rate is looked at to see whether it paused.
const PAUSED_OVER: Duration = Duration::from_millis(8);
/// Below this part of its rate the wire has paused, and no queue stands.
const PAUSED: f64 = 0.93;
/// A standing queue up to this is left to drain by itself: a correction comes a round trip late, and for less than that
/// would only make waves.
const FREE_QUEUE: Duration = Duration::from_millis(8);
/// So much beyond it halts all but a trickle.
const FULL_QUEUE: Duration = Duration::from_millis(30);
/// A wire without a pause for longer than this has a queue, even where no round trip tells.
const BUSY: Duration = Duration::from_millis(40);
/// The queue that is then assumed, of the time beyond it.
const BUSY_QUEUE: f64 = 0.1;
/// What always flows, of the link's rate.
const TRICKLE: f64 = 0.02;

/// What was seen of one way at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// When.
    pub now: Moment,
    /// Bytes that the interface has carried, ever; `None` where nobody counts.
    pub wire: Option<u64>,
    /// Bytes of payload that passed, ever.
    pub passed: u64,
    /// The queue that stands in this way, as far as round trips tell.
    pub queue: Option<Duration>,
    /// When clear traffic was seen last.
    pub clear: Option<Moment>,
    /// What the link is known to carry, where it is held to another rate for a trial.
    pub known: Option<Rate>,
}

/// What is to hold until the next look.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Setting {
    /// What may be given out.
    pub rate: Option<Rate>,
    /// How far the wire is behind what it was given: for so long nobody but clear traffic is given more.
    pub behind: Duration,
    /// What clear traffic may send together, where it takes turns.
    pub turns: Option<Rate>,
    /// Whether clear traffic is counted when the wire carries it, and so need not be charged when it is written.
    pub counts_clear: bool,
}

/// One way.
#[derive(Clone, Debug)]
pub struct Governor {
    direction: Direction,
    link: Option<Rate>,
    last: Option<Sight>,
    /// Bits a second on the wire beyond the payload.
    missed: f64,
    /// Bits that the wire was given and cannot have carried yet.
    behind: f64,
    /// Bits a second that the wire carried of late.
    carried: f64,
    /// For how long, up to now, the wire had no pause.
    busy: Duration,
    /// The queue that stood at the last look.
    stood: Duration,
    /// What is given out since.
    given: Option<Rate>,
}

impl Governor {
    /// Of a link without a rate yet.
    pub fn new(direction: Direction) -> Governor {
        Governor {
            direction,
            link: None,
            last: None,
            missed: 0.0,
            behind: 0.0,
            carried: 0.0,
            busy: Duration::ZERO,
            stood: Duration::ZERO,
            given: None,
        }
    }

    /// The link has this rate from now on.
    pub fn set_link(&mut self, link: Option<Rate>) {
        if self.link != link {
            self.given = link;
        }
        self.link = link;
    }

    /// What the link carries.
    pub fn link(&self) -> Option<Rate> {
        self.link
    }

    /// The queue that stood when it was looked at last.
    pub fn stood(&self) -> Duration {
        self.stood
    }

    /// What is given out now; `None` without a limit.
    pub fn given(&self) -> Option<Rate> {
        self.given
    }

    /// Whether the wire is counted.
    pub fn counts(&self) -> bool {
        self.last.is_some_and(|last| last.wire.is_some())
    }

    /// How far the wire is behind.
    pub fn behind(&self) -> Duration {
        self.link.map_or(Duration::ZERO, |link| Duration::from_secs_f64(self.behind / bits(link)))
    }

    /// What clear traffic may send where it takes turns.
    fn turns(&self, link: Rate, known: Option<Rate>) -> Rate {
        // In a trial the wire is behind the trial's rate, and not the link's.
        let behind = if known.is_none_or(|known| known == link) { self.behind() } else { Duration::ZERO };
        let link = known.unwrap_or(link);
        let excess = behind.saturating_sub(TURNS_QUEUE).as_secs_f64() / FULL_QUEUE.as_secs_f64();
        link.times((1.0 - excess - self.missed.max(0.0) / bits(link)).max(TURNS))
    }

    /// Looks, and says what is to hold.
    pub fn look(&mut self, sight: Sight) -> Setting {
        let Some(rate) = self.link else {
            self.last = Some(sight);
            return Setting { rate: None, behind: Duration::ZERO, turns: None, counts_clear: false };
        };
        let link = bits(rate);
        if let Some(last) = self.last {
            self.count(&last, &sight, link);
        }
        self.last = Some(sight);
        self.stood = self.standing(&sight);
        let excess = self.stood.saturating_sub(FREE_QUEUE).as_secs_f64() / FULL_QUEUE.as_secs_f64();
        let about = sight.clear.is_some_and(|clear| sight.now.saturating_duration_since(clear) < ABOUT);
        let spent = if about { SPENT[index(self.direction)] } else { SPENT_ALONE };
        let given = (spent * (1.0 - excess).max(0.0) - self.missed.max(0.0) / link).max(TRICKLE);
        self.given = Some(rate.times(given));
        Setting {
            rate: self.given,
            behind: self.behind(),
            turns: Some(self.turns(rate, sight.known)),
            // Downwards the wire has carried it already when it is read.
            counts_clear: self.counts() && self.direction == Direction::Up,
        }
    }

    /// The queue that stands: what round trips tell, but not more than a wire without a pause can have gathered, and not
    /// less than such a wire is likely to have.
    fn standing(&self, sight: &Sight) -> Duration {
        let told = sight.queue.unwrap_or_default();
        if !self.counts() {
            return told;
        }
        told.min(self.busy).max(self.busy.saturating_sub(BUSY).mul_f64(BUSY_QUEUE))
    }

    /// Counts the wire between two looks.
    fn count(&mut self, last: &Sight, sight: &Sight, link: f64) {
        let (Some(before), Some(wire)) = (last.wire, sight.wire) else {
            (self.missed, self.behind, self.busy) = (OVERHEAD * link, 0.0, Duration::ZERO);
            return;
        };
        let since = sight.now.saturating_duration_since(last.now);
        // Counters of an interface that was made anew begin again.
        if since.is_zero() || wire < before {
            return;
        }
        let time = since.as_secs_f64();
        let carried = (wire - before) as f64 * 8.0;
        let payload = sight.passed.wrapping_sub(last.passed).cast_signed() as f64 * 8.0;
        let toward = |over: Duration| 1.0 - (-time / over.as_secs_f64()).exp();
        self.missed += toward(MISSED_OVER) * ((carried - payload) / time - self.missed);
        self.carried += toward(PAUSED_OVER) * (carried / time - self.carried);
        self.busy = if self.carried < PAUSED * link { Duration::ZERO } else { self.busy + since };
        self.behind = (self.behind + carried - link * time).clamp(0.0, link);
    }
}

fn bits(rate: Rate) -> f64 {
    rate.bits_per_second() as f64
}

#[cfg(test)]
#[path = "governor_tests.rs"]
mod tests;
