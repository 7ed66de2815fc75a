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
    /// x
    pub spent: f64,
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
    /// Bits a second that the wire carried of late.
    carried: f64,
    /// For how long, up to now, the wire had no pause.
    busy: Duration,
}

impl Governor {
    /// Of a link of this rate.
    pub fn new(link: Option<Rate>) -> Governor {
        Governor { link, last: None, missed: 0.0, behind: 0.0, carried: 0.0, busy: Duration::ZERO }
    }

    /// The link has another rate from now on.
    pub fn set_link(&mut self, link: Option<Rate>) {
        self.link = link;
    }

    /// What the link carries.
    pub fn link(&self) -> Option<Rate> {
        self.link
    }

    /// Whether the wire is counted.
    pub fn counts(&self) -> bool {
        self.last.is_some_and(|last| last.wire.is_some())
    }

    /// How far the wire is behind.
    pub fn behind(&self) -> Duration {
        self.link.map_or(Duration::ZERO, |link| Duration::from_secs_f64(self.behind / link.bits_per_second() as f64))
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
        let queue = if self.counts() { sight.queue.unwrap_or_default().min(self.busy) } else { sight.queue.unwrap_or_default() };
        let queue = if self.counts() { queue.max(self.busy.saturating_sub(Duration::from_secs_f64(t("CW_BUSY0", 0.04))).mul_f64(t("CW_BUSYK", 0.1))) } else { queue };
        let excess = queue.saturating_sub(Duration::from_secs_f64(t("CW_FREE", 0.002)));
        let part = (1.0 - excess.as_secs_f64() / t("CW_FULL", 0.025)).max(0.0);
        let given = (sight.spent * link * part - self.missed.max(t("CW_NEG", 0.0))).max(TRICKLE * link);
        if std::env::var_os("CW_TRACE").is_some() { eprintln!("T {:?} q {:?} busy {:.1} carried {:.1} miss {:.2} behind {:.2} given {:.2} W {} P {}", sight.now, sight.queue.map(|q| q.as_secs_f64()*1e3), self.busy.as_secs_f64()*1e3, self.carried/1e6, self.missed/1e6, self.behind/link*1e3, given/1e6, sight.wire.unwrap_or(0), sight.passed); }
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
        let weight = 1.0 - (-time / t("CW_SAT", 0.008)).exp();
        self.carried += weight * (carried / time - self.carried);
        let pause = self.carried < t("CW_FULLRATE", 0.93) * link;
        self.busy = if pause { Duration::ZERO } else { self.busy + sight.now.saturating_duration_since(last.now) };
        self.behind = (self.behind + carried - link * time).clamp(0.0, link);
    }
}

/// x
pub fn t(name: &str, usual: f64) -> f64 {
    static M: std::sync::OnceLock<std::collections::HashMap<String, f64>> = std::sync::OnceLock::new();
    *M.get_or_init(|| std::env::vars().filter_map(|(k, v)| Some((k, v.parse().ok()?))).collect()).get(name).unwrap_or(&usual)
}
