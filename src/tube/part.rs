//! A tree whose budgets are shared with another process: what of each is its own, what it uses, and what there is to split.

use super::bucket::Depth;
use super::node::{Gate, least};
use super::split::{Ground, LEAST, Plot};
use super::tree::{LINK, Tree};
use crate::base::{Moment, Rate, TubeId};

/// What of a budget is this process's.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Part {
    /// All of it.
    #[default]
    Whole,
    /// No more than this.
    Most(Rate),
    /// All but what another holds.
    But(Rate),
}

impl Part {
    /// Of a budget.
    pub fn of(self, whole: Option<Rate>) -> Option<Rate> {
        match (self, whole) {
            (Part::Whole, whole) => whole,
            (Part::Most(most), whole) => Some(whole.map_or(most, |whole| whole.min(most))),
            (Part::But(_), None) => None,
            (Part::But(held), Some(whole)) => {
                let left = whole.bits_per_second().saturating_sub(held.bits_per_second());
                Some(Rate::BIT.times((left as f64).max(LEAST * whole.bits_per_second() as f64)))
            }
        }
    }
}

/// The parts of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Of the link.
    pub link: Part,
    /// Of the turns of clear flows.
    pub turns: Part,
    /// Of tubes; of one that is not named, all.
    pub tubes: Vec<(TubeId, Part)>,
}

/// What a process uses one way. Bytes are counted from its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All that passed.
    pub passed: u64,
    /// What of it was clear.
    pub clear: u64,
    /// Whether clear flows wait for their turn.
    pub clear_waits: bool,
    /// What each tube's own flows use.
    pub tubes: Vec<TubeUsage>,
}

/// What a tube's own flows use one way, the tubes within not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TubeUsage {
    /// The tube.
    pub id: TubeId,
    /// Bytes that they were granted; clear flows are not granted any.
    pub carried: u64,
    /// People, or flows where it is shared between those, who wait.
    pub sharers: u64,
    /// Flows that are open.
    pub flows: u64,
}

impl Tree {
    /// What it uses.
    pub fn usage(&self) -> Usage {
        let tube = |(id, node): (&TubeId, &usize)| {
            let node = &self.nodes[*node];
            let shaped = node.gate == Gate::Shaped;
            let sharers = if shaped { node.share.sharers_waiting() as u64 } else { 0 };
            TubeUsage { id: id.clone(), carried: node.carried, sharers, flows: node.share.flows() as u64 }
        };
        Usage {
            passed: self.passed(),
            clear: self.cleared,
            clear_waits: self.clear_waiting > 0,
            tubes: self.names.iter().map(tube).collect(),
        }
    }

    /// What there is to split, whoever has how much of it now.
    pub fn ground(&self) -> Ground {
        let names: Vec<(&TubeId, usize)> = self.names.iter().map(|(id, node)| (id, *node)).collect();
        let place = |node: usize| names.iter().position(|(_, other)| *other == node);
        let bits = |rate: Rate| rate.bits_per_second() as f64;
        let plot = |(id, node): &(&TubeId, usize)| {
            let node = &self.nodes[*node];
            Plot {
                id: (*id).clone(),
                within: place(node.parent),
                priority: node.priority,
                ceiling: node.ceiling.map(bits),
                floor: node.floor.map(bits),
            }
        };
        Ground {
            link: self.nodes[LINK].ceiling.map(bits),
            turns: self.turns_rate.map(bits),
            tubes: names.iter().map(plot).collect(),
        }
    }

    /// From now on only these parts of the budgets are its own.
    pub fn take_parts(&mut self, parts: &Parts, now: Moment) {
        self.turns_part = parts.turns;
        self.set_turns(self.turns_rate, now);
        for (_, node) in &mut self.nodes {
            node.part = Part::Whole;
        }
        self.nodes[LINK].part = parts.link;
        for (id, part) in &parts.tubes {
            if let Some(&node) = self.names.get(id) {
                self.nodes[node].part = *part;
            }
        }
        self.dress_again(now);
    }

    /// What clear flows that take turns may send, all processes together.
    pub(super) fn set_turns(&mut self, rate: Option<Rate>, now: Moment) {
        self.turns_rate = rate;
        self.clear.change(self.turns_part.of(rate), Depth::CLEAR, now, true);
    }

    /// The most that a tube may use now, all processes together.
    pub fn whole_limit(&self, tube: &TubeId) -> Option<Rate> {
        let mut at = *self.names.get(tube)?;
        let mut limit = self.nodes[LINK].ceiling;
        while at != LINK {
            limit = least(limit, self.nodes[at].ceiling);
            at = self.nodes[at].parent;
        }
        limit
    }
}
