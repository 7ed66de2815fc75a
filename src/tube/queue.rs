//! The queue that stands on the link, as round trips tell it: the least of the last ones, each less the least that its
//! address ever had and what the way up was behind when it began. Pure.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use crate::base::Moment;

/// Round trips that are older say nothing of now.
const RECENT: Duration = Duration::from_millis(100);
/// The least of so many recent ones: one alone may have met a burst, or a machine that was busy.
const LEAST_OF: usize = 4;
/// Looks at the way up that are remembered, for a round trip that began before: a quarter of a second of them.
const BEHIND: usize = 128;
/// Addresses whose least round trip is remembered.
const REMEMBERED: usize = 4096;

/// What round trips were seen.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    least: HashMap<IpAddr, Duration>,
    recent: VecDeque<(Moment, Duration)>,
    /// What the way up was behind of late.
    up: VecDeque<(Moment, Duration)>,
}

impl Queue {
    /// A round trip to an address, a handshake's or a probe's: how much longer it took than the least.
    pub fn seen(&mut self, peer: IpAddr, took: Duration, now: Moment) -> Duration {
        if self.least.len() >= REMEMBERED && !self.least.contains_key(&peer) {
            self.least.clear();
        }
        let least = self.least.entry(peer).or_insert(took);
        *least = (*least).min(took);
        let waited = took - *least;
        let extra = waited.saturating_sub(self.up_at(now - took));
        self.recent.push_back((now, extra));
        if self.recent.len() > LEAST_OF {
            self.recent.pop_front();
        }
        waited
    }

    /// The way up is so far behind now.
    pub fn behind(&mut self, behind: Duration, now: Moment) {
        self.up.push_back((now, behind));
        if self.up.len() > BEHIND {
            self.up.pop_front();
        }
    }

    fn up_at(&self, at: Moment) -> Duration {
        self.up.iter().rev().find(|(then, _)| *then <= at).map_or(Duration::ZERO, |(_, behind)| *behind)
    }

    /// What stands now; `None` when no round trip was seen lately.
    pub fn standing(&mut self, now: Moment) -> Option<Duration> {
        while self.recent.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > RECENT) {
            self.recent.pop_front();
        }
        self.recent.iter().map(|(_, extra)| *extra).min()
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
