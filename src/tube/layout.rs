//! What the tree is to look like, and how it comes to look so while flows wait in it.

use std::time::Duration;

use super::bucket::Depth;
use super::node::{Gate, LEAST_GRANT, Member, Node, Who, least, quantum, trickle, trickles};
use super::share::Share;
use super::spec::ShareBy;
use super::tree::{LINK, Tree};
use crate::base::{Moment, Rate, TubeId};

/// The link and its tubes as they are to be, one way.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// The link's rate.
    pub link: Option<Rate>,
    /// Whether clear flows take turns, where the link has a rate.
    pub turns: bool,
    /// The tubes, in any order.
    pub tubes: Vec<Stretch>,
}

/// A tube, one way.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// Its name.
    pub id: TubeId,
    /// The tube it lies in.
    pub within: Option<TubeId>,
    /// Lower is served first.
    pub priority: u8,
    /// The most it may use.
    pub ceiling: Option<Rate>,
    /// What it is to have before others of higher priority take it.
    pub floor: Option<Rate>,
    /// Between whom it is shared.
    pub share_by: ShareBy,
}

/// What lies around a tube.
#[derive(Clone, Copy)]
struct Around {
    /// The least of its rates.
    limit: Option<Rate>,
    /// One of the tubes has a ceiling.
    bounded: bool,
    /// How many compete in the innermost.
    members: usize,
}

impl Tree {
    /// Builds the link and the tubes as they are to be from now on. A tube that is no longer named goes, or stays as it
    /// is while it has flows; a change of rate neither gives nor takes more than [`super::bucket::LONGEST_DEBT`].
    pub fn apply(&mut self, layout: &Layout, now: Moment) {
        self.nodes[LINK].ceiling = layout.link;
        self.turns = layout.turns;
        self.set_turns(layout.link.filter(|_| layout.turns), now);
        for stretch in &layout.tubes {
            let &mut node = self.names.entry(stretch.id.clone()).or_insert_with(|| {
                self.nodes.insert(Node::new(stretch.priority, stretch.share_by, stretch.ceiling, now))
            });
            self.reshape(node, stretch);
        }
        for stretch in &layout.tubes {
            let parent = stretch.within.as_ref().and_then(|id| self.names.get(id)).copied().unwrap_or(LINK);
            if let Some(&node) = self.names.get(&stretch.id) {
                self.place(node, parent, stretch.priority);
            }
        }
        self.clear_out(layout);
        self.line_up();
        self.dress_again(now);
    }

    /// The rate of the link alone, from now on.
    pub fn set_link(&mut self, rate: Option<Rate>, now: Moment) {
        self.nodes[LINK].ceiling = rate;
        self.dress_again(now);
    }

    /// Sets all rates and counts the waiting afresh.
    pub(super) fn dress_again(&mut self, now: Moment) {
        self.dress_all(now);
        self.recount();
    }

    fn reshape(&mut self, node: usize, stretch: &Stretch) {
        self.nodes[node].ceiling = stretch.ceiling;
        self.nodes[node].floor = stretch.floor;
        if self.nodes[node].share.by() == stretch.share_by {
            return;
        }
        let mut share = Share::new(stretch.share_by);
        let here: Vec<usize> = self.flows.iter().filter(|(_, flow)| flow.tube == node).map(|(key, _)| key).collect();
        for flow in here {
            self.nodes[node].share.leave(&mut self.flows, flow);
            share.admit(&mut self.flows, flow);
            if self.flows[flow].want > 0 {
                share.join(&mut self.flows, flow);
            }
        }
        self.nodes[node].share = share;
    }

    /// Puts a tube into another, with a priority there. What it was given elsewhere, or by another priority, says nothing
    /// against those that it now competes with: it begins where they are.
    fn place(&mut self, node: usize, parent: usize, priority: u8) {
        let outer = self.nodes[parent].virtual_time(priority);
        let node = &mut self.nodes[node];
        let (moved, ranked) = (node.parent != parent, node.priority != priority);
        (node.parent, node.priority) = (parent, priority);
        if moved || ranked {
            node.stake.tag = outer;
        }
        if ranked {
            node.own.tag = node.virtual_time(priority);
        }
    }

    /// Tubes that are no longer named go, but for those with flows and those around them.
    fn clear_out(&mut self, layout: &Layout) {
        let named: Vec<usize> =
            layout.tubes.iter().filter_map(|stretch| self.names.get(&stretch.id)).copied().collect();
        let mut kept = vec![LINK];
        for (key, node) in &self.nodes {
            if named.contains(&key) || node.share.flows() > 0 {
                let mut at = key;
                while !kept.contains(&at) {
                    kept.push(at);
                    at = self.nodes[at].parent;
                }
            }
        }
        self.nodes.retain(|key, _| kept.contains(&key));
        self.names.retain(|_, node| kept.contains(node));
    }

    /// Who competes with whom, by priority; a tube's own flows stand before tubes of the same priority within it.
    fn line_up(&mut self) {
        let placed: Vec<(usize, usize, u8)> = self
            .nodes
            .iter()
            .filter(|(key, _)| *key != LINK)
            .map(|(key, node)| (key, node.parent, node.priority))
            .collect();
        for (key, node) in &mut self.nodes {
            node.members = Vec::new();
            if key != LINK {
                node.members.push(Member { priority: node.priority, who: Who::Own });
            }
            let children = placed.iter().filter(|(_, parent, _)| *parent == key);
            node.members.extend(children.map(|&(child, _, priority)| Member { priority, who: Who::Child(child) }));
            node.members.sort_by_key(|member| member.priority);
        }
    }

    /// Sets all rates.
    fn dress_all(&mut self, now: Moment) {
        self.dress(LINK, Around { limit: None, bounded: false, members: 1 }, now);
        let link = &self.nodes[LINK];
        let depth = Depth { idle: Duration::ZERO, busy: Duration::ZERO, least: LEAST_GRANT };
        self.trickles.change(trickles(link.limit), depth, now, link.waiting > 0);
    }

    /// Sets rates from one downwards.
    fn dress(&mut self, at: usize, around: Around, now: Moment) {
        let (free, turns) = (self.nodes[LINK].ceiling.is_none(), self.turns);
        let node = &mut self.nodes[at];
        let busy = node.waiting > 0;
        let most = node.part.of(node.ceiling);
        node.limit = least(most, around.limit);
        node.quantum = quantum(node.limit);
        let depth = if at == LINK { Depth::LINK } else { Depth::TUBE };
        node.bucket.change(most, depth, now, busy);
        let bounded = around.bounded || (at != LINK && most.is_some());
        node.gate = match (bounded, node.priority) {
            (true, _) => Gate::Shaped,
            (false, _) if free => Gate::Free,
            (false, 0) if turns => Gate::Turns,
            (false, 0) => Gate::Clear,
            (false, _) => Gate::Shaped,
        };
        let depth = Depth::floor(node.quantum);
        let members = node.members.len();
        node.own.floor.change(trickle(node.limit, members), depth, now, busy);
        let floor = node.floor.and_then(|floor| Some(floor.min(node.limit?)));
        node.stake.floor.change(floor.max(trickle(node.limit, around.members)), depth, now, busy);
        let around = Around { limit: node.limit, bounded, members };
        for nth in 0..members {
            if let Who::Child(child) = self.nodes[at].members[nth].who {
                self.dress(child, around, now);
            }
        }
    }

    /// Counts the waiting afresh: tubes may have been put elsewhere, or become clear.
    fn recount(&mut self) {
        self.clear_waiting = 0;
        let mut waiting = Vec::new();
        for (key, node) in &mut self.nodes {
            node.waiting = 0;
            waiting.push((key, node.share.waiting()));
            self.clear_waiting += if node.gate == Gate::Shaped { 0 } else { node.share.waiting() };
        }
        for (key, count) in waiting {
            let mut at = key;
            loop {
                self.nodes[at].waiting += count;
                if at == LINK {
                    break;
                }
                at = self.nodes[at].parent;
            }
        }
    }
}
