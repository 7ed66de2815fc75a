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
/// So many readings of a link that rests are compared, and their least with that of as many before: a machine that is busy,
/// or a target that takes its time, does not delay all of them.
const RESTED: u32 = 15;
/// Addresses whose least round trip is remembered.
const REMEMBERED: usize = 4096;

/// What round trips were seen.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    least: HashMap<IpAddr, Duration>,
    recent: VecDeque<(Moment, Duration)>,
    /// What the way up was behind of late.
    up: VecDeque<(Moment, Duration)>,
    /// When the last echo was seen.
    probed: Option<Moment>,
    rested: Option<Rested>,
}

/// Echoes of one address while the link rested.
#[derive(Clone, Copy, Debug)]
struct Rested {
    peer: IpAddr,
    count: u32,
    least: Duration,
    /// The least of as many before.
    before: Option<Duration>,
}

impl Queue {
    /// A handshake with an address took so long: how much longer than the least, where that is known.
    pub fn seen(&mut self, peer: IpAddr, took: Duration, now: Moment) -> Option<Duration> {
        // Echoes come often enough, and from just beyond the link. The first handshake of an address has nothing to be
        // measured by, and one within the building meets no queue: these would hide the one that echoes show.
        if self.probed.is_some_and(|at| now.saturating_duration_since(at) <= RECENT) {
            self.remember(peer, took);
            return None;
        }
        Some(self.read(peer, took, now))
    }

    /// An echo took so long. Of a link that rests, so that there was no queue, it is the way itself: after enough of these
    /// the address has their least, in place of the least it ever had. When a link's way changes and is longer from then
    /// on, that would read as a queue for ever. How much longer than the least it took.
    pub fn probed(&mut self, peer: IpAddr, took: Duration, rests: bool, now: Moment) -> Duration {
        let waited = self.read(peer, took, now);
        self.probed = Some(now);
        if rests {
            let fresh = Rested { peer, count: 0, least: took, before: None };
            let rested = self.rested.get_or_insert(fresh);
            if rested.peer != peer {
                *rested = fresh;
            }
            if let Some(least) = rested.one_more(took) {
                self.least.insert(peer, least);
            }
        }
        waited
    }

    fn read(&mut self, peer: IpAddr, took: Duration, now: Moment) -> Duration {
        let waited = took - self.remember(peer, took);
        let extra = waited.saturating_sub(self.up_at(now - took));
        self.recent.push_back((now, extra));
        if self.recent.len() > LEAST_OF {
            self.recent.pop_front();
        }
        waited
    }

    /// Gives the least of an address.
    fn remember(&mut self, peer: IpAddr, took: Duration) -> Duration {
        if self.least.len() >= REMEMBERED && !self.least.contains_key(&peer) {
            self.least.clear();
        }
        let least = self.least.entry(peer).or_insert(took);
        *least = (*least).min(took);
        *least
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

impl Rested {
    /// One more; gives their least when there are enough.
    fn one_more(&mut self, took: Duration) -> Option<Duration> {
        self.count += 1;
        self.least = self.least.min(took);
        if self.count < RESTED {
            return None;
        }
        let least = self.least;
        let both = self.before.map(|before| before.min(least));
        *self = Rested { peer: self.peer, count: 0, least: Duration::MAX, before: Some(least) };
        both
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
