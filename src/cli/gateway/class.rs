//! Lanes as classes of HTB, one way: who lies in whom, what each is sure of, and the most it may borrow.

use super::lane::Lanes;
use crate::base::Rate;

/// The link itself.
pub const LINK: u16 = 1;
/// What this machine sends without a mark: the gateway's clear connections, and what else it does.
pub const OWN: u16 = 2;
/// What goes past the gateway without a mark.
pub const REST: u16 = 0xfff0;
/// The first lane; each takes two numbers. A configuration has 1,000 tubes at most, so that they end before the rest.
const FIRST: u16 = 0x10;

/// What a tube is sure of while others are served before it, as in the gateway.
const TRICKLE: f64 = 0.02;
/// What may go past the gateway where `[link] rest` does not say: the gateway gives its own flows what others leave of the
/// link, so without a bound one backup would take all but clinical's.
const UNSAID: f64 = 0.2;
/// A ceiling counts what people send; the wire carries headers too: 1514 bytes for 1448 over IPv4, 1534 for 1448 over IPv6
/// with time stamps. A class below that would hold back what the gateway has measured out already.
const HEADERS: f64 = 1.06;
/// Acknowledgements of what comes the other way, one of 66 to 86 bytes for two segments.
const ACKNOWLEDGED: f64 = 0.03;
/// HTB knows priorities 0 to 7 (TC_HTB_NUMPRIO).
const LAST: u8 = 7;

/// A class. The rates are in bits per second, as they are on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// Its number.
    pub minor: u16,
    /// The class around it; 0 for the link, which lies in the queue itself.
    pub parent: u16,
    /// What it is sure of.
    pub rate: u64,
    /// What it may borrow up to.
    pub ceil: u64,
    /// Who borrows first; only asked of those that hold packets.
    pub prio: u8,
    /// Whether it holds packets itself.
    pub leaf: bool,
}

/// The number of the class that holds packets of a lane.
pub fn leaf(lanes: &Lanes, lane: usize) -> u16 {
    let inner = lanes.marked.iter().any(|other| other.within == Some(lane));
    outer(lane) + u16::from(inner)
}

/// The number of a lane's class.
fn outer(lane: usize) -> u16 {
    u16::try_from(lane).ok().and_then(|lane| lane.checked_mul(2)?.checked_add(FIRST)).unwrap_or(REST - 2)
}

/// What one way looks like.
pub struct Road {
    /// What the link carries this way.
    pub link: Rate,
    /// What it carries the other way, if that is known.
    pub back: Option<Rate>,
    /// What may go past the gateway, if it is said.
    pub rest: Option<Rate>,
    /// Which of the two rates of a lane is meant: 0 for down, 1 for up.
    pub way: usize,
}

impl Road {
    /// All classes, those around others first.
    pub fn classes(&self, lanes: &Lanes) -> Vec<Class> {
        let link = self.link.bits_per_second();
        let rest = self.rest.unwrap_or(self.link.times(UNSAID)).min(self.link).bits_per_second();
        let clear = |place: usize| lanes.marked[place].priority == 0;
        let tops = || (0..lanes.marked.len()).filter(|place| lanes.marked[*place].within.is_none());
        let trickle = self.link.times(TRICKLE).bits_per_second().min(rest);
        let taken = trickle + tops().filter(|place| !clear(*place)).map(|place| self.sure(lanes, place)).sum::<u64>();
        // Clear traffic is sure of all that nobody else is; where floors take more than the link, of a trickle of its own.
        let sharers = 1 + u64::try_from(tops().filter(|place| clear(*place)).count()).unwrap_or_default();
        let sure = link.saturating_sub(taken).max(self.link.times(TRICKLE).bits_per_second()) / sharers;

        let mut classes = vec![
            Class { minor: LINK, parent: 0, rate: link, ceil: link, prio: 0, leaf: false },
            Class { minor: OWN, parent: LINK, rate: sure, ceil: link, prio: 0, leaf: true },
        ];
        for place in tops() {
            let rate = if clear(place) { sure } else { self.sure(lanes, place) };
            self.add(lanes, place, LINK, rate, &mut classes);
        }
        classes.push(Class { minor: REST, parent: LINK, rate: trickle, ceil: rest, prio: LAST, leaf: true });
        classes
    }

    /// A lane and those within it.
    fn add(&self, lanes: &Lanes, place: usize, parent: u16, rate: u64, classes: &mut Vec<Class>) {
        let (minor, own) = (outer(place), leaf(lanes, place));
        let (ceil, prio) = (self.ceil(lanes, place), rank(lanes, place));
        let rate = rate.min(ceil);
        classes.push(Class { minor, parent, rate, ceil, prio, leaf: own == minor });
        if own == minor {
            return;
        }
        let inner: Vec<(usize, u64)> =
            inner(lanes, place).map(|inner| (inner, self.sure(lanes, inner).min(rate))).collect();
        let left = rate.saturating_sub(inner.iter().map(|(_, sure)| sure).sum());
        let sure = left.max(trickle(ceil)).min(rate);
        classes.push(Class { minor: own, parent: minor, rate: sure, ceil, prio, leaf: true });
        for (place, sure) in inner {
            self.add(lanes, place, minor, sure, classes);
        }
    }

    /// What a lane is sure of, with those within it: its floor or a trickle, and theirs.
    fn sure(&self, lanes: &Lanes, place: usize) -> u64 {
        let ceil = self.ceil(lanes, place);
        let floor = lanes.marked[place].floor[self.way].map_or(0, Rate::bits_per_second);
        let inner: u64 = inner(lanes, place).map(|inner| self.sure(lanes, inner)).sum();
        floor.max(trickle(ceil) + inner).min(ceil)
    }

    /// The most a lane may use on the wire.
    fn ceil(&self, lanes: &Lanes, place: usize) -> u64 {
        let lane = &lanes.marked[place];
        let own = lane.ceiling[self.way].map_or(self.link, |ceiling| {
            let back =
                lane.ceiling[1 - self.way].or(self.back).map_or(0, |back| back.times(ACKNOWLEDGED).bits_per_second());
            let wire = ceiling.times(HEADERS).bits_per_second() + back;
            Rate::from_bits_per_second(wire).unwrap_or(ceiling).min(self.link)
        });
        let around = lane.within.map_or(u64::MAX, |around| self.ceil(lanes, around));
        own.bits_per_second().min(around)
    }
}

fn trickle(ceil: u64) -> u64 {
    (ceil / 50).max(8_000)
}

fn inner(lanes: &Lanes, place: usize) -> impl Iterator<Item = usize> {
    (0..lanes.marked.len()).filter(move |other| lanes.marked[*other].within == Some(place))
}

/// Priorities of the configuration go to 255, those of HTB to 7: clear lanes have 0, what goes past the last, others stand
/// in their order between; the last of many share one.
fn rank(lanes: &Lanes, place: usize) -> u8 {
    let mut below: Vec<u8> = lanes.marked.iter().map(|lane| lane.priority).filter(|priority| *priority > 0).collect();
    below.sort_unstable();
    below.dedup();
    let own = lanes.marked[place].priority;
    let before = below.iter().filter(|priority| **priority <= own).count();
    u8::try_from(before).unwrap_or(LAST).min(LAST - 1)
}
