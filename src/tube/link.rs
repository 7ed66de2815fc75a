//! What is known of the link, and what follows for both ways.

use std::net::IpAddr;
use std::time::Duration;

use super::capacity::Capacity;
use super::governor::{Governor, Setting, Sight};
use super::pass::index;
use super::queue::Queue;
use super::spec::{self, Limit};
use super::wire::Wire;
use crate::base::{Direction, Moment, Rate};

/// The link one way at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkReading {
    /// The queue that is taken to stand in front of it. `None` for a link without a rate: nothing follows from it there.
    pub queue: Option<Duration>,
    /// What is given out now, in bits per second; `None` is no limit.
    pub limit: Option<u64>,
    /// What its interface carried over the last second, headers and all; `None` where none is counted.
    pub used: Option<u64>,
}

/// What was seen at a moment; pairs are down and up.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// When.
    pub now: Moment,
    /// Bytes that the interface has carried, ever; `None` where nobody counts.
    pub wire: Option<[u64; 2]>,
    /// Bytes of payload that passed, ever.
    pub passed: [u64; 2],
    /// Whether clear traffic was among them since the last look.
    pub cleared: bool,
}

/// The link.
#[derive(Debug)]
pub struct Link {
    governors: [Governor; 2],
    /// What it really carries, where that is to be found out.
    capacity: Option<Capacity>,
    queue: Queue,
    wire: Wire,
    /// What it is said to carry.
    said: [Option<Rate>; 2],
    /// Whether it is held back for a queue.
    adapt: bool,
    /// Payload, counted as the wire is.
    payload: Wire,
    /// The last echo of what `[link] probe` names.
    probe: Option<(Moment, Duration)>,
    /// When clear traffic was seen last.
    clear: Option<Moment>,
    newcomers: Newcomers,
    /// Another process that carries flows on it says what it carries.
    led: bool,
}

/// A link that carries less than this of what is said has no queue.
const RESTS: f64 = 0.05;
/// The same of one of which nothing is said, in bits a second: less than any link that needs a gateway.
const RESTS_UNSAID: f64 = 500e3;
/// An echo that is older than this says nothing any more. One that rests is asked every second, and two may be lost.
const LAST_ECHO: Duration = Duration::from_secs(3);
/// What one connection may send of the link's rate.
const PACED: f64 = 0.85;

impl Link {
    /// A link of which nothing is known.
    pub fn new(now: Moment) -> Link {
        Link {
            governors: Direction::BOTH.map(Governor::new),
            capacity: None,
            queue: Queue::default(),
            wire: Wire::new(now),
            said: [None; 2],
            adapt: true,
            payload: Wire::new(now),
            probe: None,
            clear: None,
            newcomers: Newcomers { count: 0.0, at: now },
            led: false,
        }
    }

    /// Takes over what a specification says of the link, and gives what each way is to carry at first.
    pub fn said(&mut self, spec: &spec::Link) -> Limit {
        let said = [spec.rate.down, spec.rate.up];
        (self.said, self.adapt) = (said, spec.adapt);
        // A link that nobody describes can be found out where its interface is counted.
        let found_out = spec.adapt && spec.interface.is_some();
        if !found_out {
            self.capacity = None;
        } else if self.capacity.as_ref().is_none_or(|capacity| !capacity.was_said(said)) {
            self.capacity = Some(Capacity::new(said));
        }
        let held = self.capacity.as_ref().map_or(said, Capacity::held);
        self.hold(held);
        Limit { down: held[0], up: held[1] }
    }

    /// Looks, and says what is to hold until the next look.
    pub fn look(&mut self, look: &Look) -> [Setting; 2] {
        let Look { now, wire, passed, cleared } = *look;
        self.wire.seen(wire, now);
        self.payload.seen(Some(passed), now);
        let queue = self.queue.standing(now).filter(|_| self.adapt);
        if cleared {
            self.clear = Some(now);
        }
        if let Some((capacity, wire)) = self.capacity.as_mut().zip(wire).filter(|_| !self.led) {
            capacity.look(queue, wire, now);
            let held = capacity.held();
            self.hold(held);
        }
        let settings = Direction::BOTH.map(|direction| {
            let way = index(direction);
            let wire = wire.map(|wire| wire[way]);
            // Upwards the wire is counted where it begins, so that its queue is known without round trips.
            let queue = queue.filter(|_| direction == Direction::Down || wire.is_none());
            let known = self.known_up().filter(|_| direction == Direction::Up);
            self.governors[way].look(Sight { now, wire, passed: passed[way], queue, clear: self.clear, known })
        });
        self.queue.behind(settings[index(Direction::Up)].behind, now);
        settings
    }

    /// A round trip to an address beyond the link took so long.
    pub fn round_trip(&mut self, peer: IpAddr, took: Duration, now: Moment) {
        let waited = self.queue.seen(peer, took, now);
        self.trip(now - took, waited);
    }

    /// An echo of what is probed took so long.
    pub fn probed(&mut self, target: IpAddr, took: Duration, now: Moment) {
        let waited = self.queue.probed(target, took, self.rests(now), now);
        self.trip(now - took, Some(waited));
        self.probe = Some((now, took));
    }

    fn trip(&mut self, began: Moment, waited: Option<Duration>) {
        if let (Some(capacity), Some(waited)) = (&mut self.capacity, waited) {
            capacity.trip(began, waited);
        }
    }

    /// How long the last echo took, if there was one of late.
    pub fn probe(&self, now: Moment) -> Option<Duration> {
        self.probe.filter(|(at, _)| now.saturating_duration_since(*at) < LAST_ECHO).map(|(_, took)| took)
    }

    /// Whether it carries next to nothing either way.
    pub fn rests(&self, now: Moment) -> bool {
        Direction::BOTH.into_iter().all(|direction| {
            let wire = self.wire.last_second(direction, now).or_else(|| self.payload.last_second(direction, now));
            let rests = match self.said[index(direction)] {
                Some(rate) => RESTS * rate.bits_per_second() as f64,
                // Nothing follows from a queue then.
                None if self.capacity.is_none() => return true,
                None => RESTS_UNSAID,
            };
            (wire.unwrap_or_default() as f64) < rests
        })
    }

    /// What each way is taken to carry.
    pub fn carries(&self) -> [Option<Rate>; 2] {
        self.governors.each_ref().map(Governor::link)
    }

    /// What each way was found to carry where that is less than was said, in bits a second.
    pub fn found(&self) -> [Option<u64>; 2] {
        self.capacity.as_ref().map_or([None; 2], Capacity::found)
    }

    /// The same, as it was found before.
    pub fn find(&mut self, found: [Option<u64>; 2]) {
        if let Some(capacity) = &mut self.capacity {
            capacity.find(found);
            let held = capacity.held();
            self.hold(held);
        }
    }

    /// Another process says what each way carries, for two that try what it is would mislead each other; `None`: none does.
    pub fn led(&mut self, carries: Option<[Option<Rate>; 2]>) {
        self.led = carries.is_some();
        if let Some(carries) = carries {
            self.hold(carries);
        }
    }

    /// How fast one connection may send into the link, clear or not: a little less than it carries, so that no burst of
    /// one makes a queue for acknowledgements and everybody else. A transfer that has the link alone takes that much
    /// longer.
    pub fn pace(&self) -> Option<Rate> {
        Some(self.known_up().or(self.governors[index(Direction::Up)].link())?.times(PACED))
    }

    /// Whether there is a rate, said or found.
    pub fn is_bounded(&self) -> bool {
        self.governors.iter().any(|governor| governor.link().is_some())
    }

    fn known_up(&self) -> Option<Rate> {
        self.capacity.as_ref().and_then(Capacity::known_up)
    }

    /// A connection begins: how many did so of late, this one not counted.
    pub fn newcomer(&mut self, now: Moment) -> u64 {
        self.newcomers.one_more(now)
    }

    /// The link at a moment.
    pub fn readings(&self, now: Moment) -> [LinkReading; 2] {
        Direction::BOTH.map(|direction| {
            let governor = &self.governors[index(direction)];
            LinkReading {
                queue: governor.link().map(|_| governor.stood()),
                limit: governor.given().map(Rate::bits_per_second),
                used: self.wire.last_second(direction, now),
            }
        })
    }

    fn hold(&mut self, held: [Option<Rate>; 2]) {
        for (governor, rate) in self.governors.iter_mut().zip(held) {
            governor.set_link(rate);
        }
    }
}

/// Connections that began of late. When a bell rings for everyone, the first to come find nobody waiting.
#[derive(Debug)]
struct Newcomers {
    count: f64,
    at: Moment,
}

impl Newcomers {
    /// Over this a connection ceases to be new: it has had some round trips, and waits if there is anything to wait for.
    const NEW: Duration = Duration::from_millis(500);

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // how many connections begin in half a second
    fn one_more(&mut self, now: Moment) -> u64 {
        let age = now.saturating_duration_since(self.at).as_secs_f64() / Self::NEW.as_secs_f64();
        let before = self.count * (-age).exp();
        (self.count, self.at) = (before + 1.0, now);
        before as u64
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
