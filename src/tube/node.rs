//! One tube in the tree, and what it and those beside it compete with.

use std::collections::BTreeMap;
use std::time::Duration;

use super::bucket::{Bucket, Depth};
use super::part::Part;
use super::share::Share;
use super::spec::ShareBy;
use super::tree::LINK;
use crate::base::{Moment, Rate};

/// A grant is what the tube carries in this time: short, so that shares are fine-grained and nobody is blocked for long.
const GRANT: Duration = Duration::from_millis(2);

/// The least grant: a full packet, whose header costs as much as a small one's.
pub(super) const LEAST_GRANT: usize = 1_500;

/// The largest grant: beyond it a byte costs hardly less to carry.
pub(super) const LARGEST_GRANT: usize = 128 * 1024;

/// A turn of a clear flow where those take turns is a referral with a picture: each goes whole, one after another, for were
/// they to share the link, each would take as long as all of them together.
const CLEAR_TURN: usize = 256 * 1024;

/// But no turn takes longer.
const LONGEST_TURN: Duration = Duration::from_millis(150);

/// A tube of lower priority always keeps this part of its own or its parent's rate, whichever is smaller: it slows, it is
/// not cut off. Connections and their acknowledgements stay alive on it.
const TRICKLE_PERCENT: u64 = 2;

/// All that compete for one rate keep no more than this part of it together: with fifty of them, trickles of 2% would
/// leave priorities nothing to say.
const TRICKLES_PERCENT: u64 = 20;

/// Whether flows of a tube have to ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gate {
    /// They do.
    Shaped,
    /// They never wait, but what they send is taken from the others on the link: [`super::tree::Tree::charge`].
    Clear,
    /// As clear, but what is large goes in turns, together no faster than the link carries: else it would wait in the
    /// link's own queue, where no look-up can overtake it.
    Turns,
    /// Nothing limits them, and they take nothing from anybody.
    Free,
}

/// What competes for a node's rate, in the order of priority: the tube's own flows, and the tubes within it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Member {
    pub(super) priority: u8,
    pub(super) who: Who,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Who {
    Own,
    Child(usize),
}

/// One competitor's standing.
#[derive(Debug)]
pub(super) struct Stake {
    /// While there is something in it, it is served before others of higher priority. When clear traffic has left the
    /// link nothing, so it is within what all trickles take together.
    pub(super) floor: Bucket,
    /// Bytes it was given, against others of the same priority.
    pub(super) tag: u64,
    /// The number of the tree's grant that it was given last.
    pub(super) served: u64,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) parent: usize,
    pub(super) priority: u8,
    pub(super) ceiling: Option<Rate>,
    /// What of the ceiling, or of the link, is this process's.
    pub(super) part: Part,
    /// What it is to have before others of higher priority take it, where that is more than a trickle.
    pub(super) floor: Option<Rate>,
    pub(super) bucket: Bucket,
    pub(super) share: Share,
    /// Flows that wait here and in the tubes within.
    pub(super) waiting: usize,
    pub(super) members: Vec<Member>,
    /// The tag of the member served last, of each priority.
    pub(super) virtual_time: BTreeMap<u8, u64>,
    /// Of its own flows among the members.
    pub(super) own: Stake,
    /// Among its parent's members.
    pub(super) stake: Stake,
    pub(super) quantum: usize,
    /// Bytes that its own flows were granted so far.
    pub(super) carried: u64,
    /// The least of the rates from here to the link.
    pub(super) limit: Option<Rate>,
    pub(super) gate: Gate,
}

impl Node {
    pub(super) fn new(priority: u8, by: ShareBy, ceiling: Option<Rate>, now: Moment) -> Node {
        Node {
            parent: LINK,
            priority,
            ceiling,
            part: Part::Whole,
            floor: None,
            bucket: Bucket::new(ceiling, Depth::TUBE, now),
            share: Share::new(by),
            waiting: 0,
            members: Vec::new(),
            virtual_time: BTreeMap::new(),
            own: Stake::new(now),
            stake: Stake::new(now),
            quantum: LARGEST_GRANT,
            carried: 0,
            limit: ceiling,
            gate: Gate::Shaped,
        }
    }

    /// How far those of a priority have come who compete here: who comes back begins there.
    pub(super) fn virtual_time(&self, priority: u8) -> u64 {
        self.virtual_time.get(&priority).copied().unwrap_or(0)
    }
}

impl Stake {
    pub(super) fn new(now: Moment) -> Stake {
        Stake { floor: Bucket::new(None, Depth::TUBE, now), tag: 0, served: 0 }
    }

    pub(super) fn give(&mut self, bytes: usize, number: u64, quantum: usize) {
        self.tag += u64::try_from(bytes).unwrap_or(u64::MAX / 2);
        self.served = number;
        // Who is well served by right has no claim on its floor, but is not kept from it for long afterwards.
        self.floor.take_within(bytes, quantum);
    }
}

pub(super) fn least(one: Option<Rate>, other: Option<Rate>) -> Option<Rate> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

pub(super) fn quantum(limit: Option<Rate>) -> usize {
    carried(limit, GRANT, LARGEST_GRANT)
}

/// What a turn of a clear flow is worth.
pub(super) fn clear_turn(limit: Option<Rate>) -> usize {
    carried(limit, LONGEST_TURN, CLEAR_TURN)
}

/// The bytes that a limit lets through in a time: a packet at least, and `most` at most.
fn carried(limit: Option<Rate>, time: Duration, most: usize) -> usize {
    let Some(rate) = limit else { return most };
    let bits = u128::from(rate.bits_per_second()) * time.as_nanos() / 1_000_000_000;
    usize::try_from(bits / 8).unwrap_or(most).clamp(LEAST_GRANT, most)
}

/// The trickle of one among so many.
pub(super) fn trickle(limit: Option<Rate>, among: usize) -> Option<Rate> {
    let among = u64::try_from(among).unwrap_or(u64::MAX).max(TRICKLES_PERCENT / TRICKLE_PERCENT);
    let bits = limit?.bits_per_second() * TRICKLES_PERCENT / 100 / among;
    Rate::from_bits_per_second(bits.max(1))
}

/// The trickles of all together, when clear traffic has left the link nothing.
pub(super) fn trickles(limit: Option<Rate>) -> Option<Rate> {
    Rate::from_bits_per_second((limit?.bits_per_second() * TRICKLE_PERCENT / 100).max(1))
}
