//! The three acts: what each is, and how long.

use std::time::Duration;

use super::link::Spec;
use crate::base::Rate;

/// An act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Clinical work alone on the link.
    Unloaded,
    /// The lunch hour, straight over the link.
    Without,
    /// The same lunch hour, by way of a gateway.
    With,
}

/// How long an act is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    /// From its beginning to the last clinical question; the act ends when that is answered.
    pub asks: Duration,
    /// What comes first and does not count: the queues fill, and everybody begins.
    pub warm: Duration,
}

/// The shortest demo, in seconds: with less, an act would be over before its queues are full.
pub const SHORTEST: u64 = 12;
/// The longest: an hour of lunch.
pub const LONGEST: u64 = 3600;

impl Act {
    /// All of them, in order.
    pub const ALL: [Act; 3] = [Act::Unloaded, Act::Without, Act::With];

    /// Its name.
    pub fn title(self) -> &'static str {
        match self {
            Act::Unloaded => "unloaded",
            Act::Without => "without Clearway",
            Act::With => "with Clearway",
        }
    }

    /// How long it is in a demo of so many seconds. Of each act's time a tenth, or 1.5 s, is left for last answers.
    pub fn lengths(self, demo: Duration) -> Lengths {
        let whole = match self {
            Act::Unloaded => demo.mul_f64(0.15),
            Act::Without | Act::With => demo.mul_f64(0.425),
        };
        let last = whole.mul_f64(0.1).min(Duration::from_millis(1500));
        Lengths { asks: whole - last, warm: whole.mul_f64(0.2).min(Duration::from_secs(4)) }
    }
}

/// The link of all three: slow enough for any machine, its queue as long as many a router's.
pub fn link() -> Spec {
    let rate = |mbit: u64| Rate::from_bits_per_second(mbit * 1_000_000).unwrap_or(Rate::MAX);
    Spec { down: rate(20), up: rate(8), delay: Duration::from_millis(8), queue: Duration::from_millis(150) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_acts_fit_into_the_demo_and_most_of_each_counts() {
        for seconds in [SHORTEST, 40, LONGEST] {
            let demo = Duration::from_secs(seconds);
            let lengths = Act::ALL.map(|act| act.lengths(demo));
            assert!(lengths.iter().map(|lengths| lengths.asks).sum::<Duration>() < demo);
            assert!(lengths.iter().all(|lengths| lengths.warm * 3 < lengths.asks), "{lengths:?}");
        }
    }
}
