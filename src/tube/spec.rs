//! What a configuration says of the link and its tubes.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::base::{Calendar, Direction, EgressId, Rate, TubeId, Window};

/// The link and the tubes within it.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// The one huge tube.
    pub link: Link,
    /// The tubes, in the order of the file. At least one; `within` never makes a cycle.
    pub tubes: Vec<Tube>,
}

/// `[link]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Link {
    /// What it carries; a direction without a rate is not limited as a whole.
    pub rate: Limit,
    /// The WAN side.
    pub interface: Option<String>,
    /// Something just beyond the link whose round trip may be timed.
    pub probe: Option<IpAddr>,
    /// Hold back when a queue stands.
    pub adapt: bool,
    /// The most that may go past the gateway; only the packet-level companion asks.
    pub rest: Limit,
}

impl Link {
    /// What is to be timed: without adapting, nothing would follow from it.
    pub fn timed(&self) -> Option<IpAddr> {
        self.probe.filter(|_| self.adapt)
    }
}

/// One `[tube.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tube {
    /// Its name.
    pub id: TubeId,
    /// The tube it lies in; `None`: the link itself.
    pub within: Option<TubeId>,
    /// Lower is served first. 0 is clear: it waits for no other, and what it takes is taken from them.
    pub priority: u8,
    /// The most it may use outside its peaks.
    pub ceiling: Limit,
    /// What it is to have before tubes of higher priority take it; no more than its ceiling. Clear traffic goes before
    /// it all the same.
    pub floor: Limit,
    /// Between whom it is shared fairly.
    pub share_by: ShareBy,
    /// The most flows it carries at once.
    pub flows: Option<u32>,
    /// How its flows leave; `None`: by the egress of the tube it lies in, then by the system's route.
    pub egress: Option<EgressId>,
    /// Other ceilings at other times; the first window that is open gives it.
    pub peak: Vec<Peak>,
}

/// A ceiling that holds in a window.
#[derive(Clone, Debug, PartialEq)]
pub struct Peak {
    /// When.
    pub when: Window,
    /// The ceiling; a direction without a rate keeps the tube's own.
    pub ceiling: Limit,
}

/// A rate each way; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// Towards clients.
    pub down: Option<Rate>,
    /// From clients.
    pub up: Option<Rate>,
}

impl Limit {
    /// The rate one way.
    pub fn of(&self, direction: Direction) -> Option<Rate> {
        match direction {
            Direction::Down => self.down,
            Direction::Up => self.up,
        }
    }
}

/// Between whom a tube is shared fairly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShareBy {
    /// Client addresses, then each one's flows.
    #[default]
    Client,
    /// Users where they are known, else client addresses; then each one's flows.
    User,
    /// Flows, whoever owns them.
    Flow,
}

impl Spec {
    /// The tube of this name.
    pub fn tube(&self, id: &TubeId) -> Option<&Tube> {
        self.tubes.iter().find(|tube| tube.id == *id)
    }

    /// The next moment after `after` at which a peak begins or ends.
    pub fn next_edge(&self, after: Timestamp, calendar: &Calendar) -> Option<Timestamp> {
        self.tubes.iter().flat_map(|tube| &tube.peak).filter_map(|peak| peak.when.next_edge(after, calendar)).min()
    }
}

impl Tube {
    /// The peak that is on at a moment.
    pub fn peak_at(&self, at: Timestamp, calendar: &Calendar) -> Option<&Peak> {
        self.peak.iter().find(|peak| peak.when.covers(at, calendar))
    }

    /// The ceiling at a moment.
    pub fn ceiling_at(&self, at: Timestamp, calendar: &Calendar) -> Limit {
        match self.peak_at(at, calendar) {
            Some(peak) => {
                Limit { down: peak.ceiling.down.or(self.ceiling.down), up: peak.ceiling.up.or(self.ceiling.up) }
            }
            None => self.ceiling,
        }
    }
}
