//! The link, its tubes and the tubes within them, one way, in virtual time: who may send how much, and when the next
//! may. Nothing here reads a clock, knows a socket or takes a lock.

use foldhash::{HashMap, HashMapExt as _};
use slab::Slab;

use super::bucket::{Bucket, Depth};
pub use super::governor::Setting;
pub use super::layout::{Layout, Stretch};
pub use super::node::Gate;
use super::node::{LARGEST_GRANT, Node, Who, clear_turn, quantum};
use super::part::Part;
use super::share::{Flow, Sharer};
use super::spec::ShareBy;
use crate::base::{Moment, Rate, TubeId};

/// The link's own node.
pub(super) const LINK: usize = 0;

/// A flow's number in its tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FlowId(pub(super) usize);

/// What a flow may send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grant {
    /// Whose.
    pub flow: FlowId,
    /// How much: what it asked for, or less.
    pub bytes: usize,
}

/// The scheduler of one direction.
#[derive(Debug)]
pub struct Tree {
    pub(super) nodes: Slab<Node>,
    pub(super) names: HashMap<TubeId, usize>,
    pub(super) flows: Slab<Flow>,
    /// Waiting flows of clear tubes: those that take turns, and those whose tube became clear while they waited.
    pub(super) clear_waiting: usize,
    /// Whether clear flows take turns.
    pub(super) turns: bool,
    /// What they may send then, whatever others have.
    pub(super) clear: Bucket,
    /// The same of all processes together, and what of it is this one's.
    pub(super) turns_rate: Option<Rate>,
    pub(super) turns_part: Part,
    /// Bytes of clear flows so far.
    pub(super) cleared: u64,
    /// Grants so far.
    grants: u64,
    /// Bytes that passed so far.
    passed: u64,
    /// What those on their floor may take of a link that has nothing to give. However many tubes begin at once, their
    /// trickles come one after another.
    pub(super) trickles: Bucket,
    /// The wire's own count says when clear traffic is on the link: it is not charged when it is written.
    pub(super) wire_counts: bool,
}

impl Tree {
    /// A link without limit and without tubes.
    pub fn new(now: Moment) -> Tree {
        let mut nodes = Slab::new();
        nodes.insert(Node::new(u8::MAX, ShareBy::Flow, None, now));
        Tree {
            nodes,
            names: HashMap::new(),
            flows: Slab::new(),
            clear_waiting: 0,
            turns: false,
            clear: Bucket::new(None, Depth::CLEAR, now),
            turns_rate: None,
            turns_part: Part::Whole,
            cleared: 0,
            grants: 0,
            passed: 0,
            trickles: Bucket::new(None, Depth::LINK, now),
            wire_counts: false,
        }
    }

    /// Whether flows of a tube have to ask; `None` for a tube that is not there.
    pub fn gate(&self, tube: &TubeId) -> Option<Gate> {
        self.names.get(tube).map(|&node| self.nodes[node].gate)
    }

    /// The most a tube may use now: the least of its own ceiling and those around it.
    pub fn limit(&self, tube: &TubeId) -> Option<Rate> {
        self.names.get(tube).and_then(|&node| self.nodes[node].limit)
    }

    /// Flows of a tube, without those of the tubes within, that wait.
    pub fn waiting(&self, tube: &TubeId) -> usize {
        self.names.get(tube).map_or(0, |&node| self.nodes[node].share.waiting())
    }

    /// A flow comes into a tube; `None` for a tube that is not there.
    pub fn admit(&mut self, tube: &TubeId, who: Sharer) -> Option<FlowId> {
        let node = *self.names.get(tube)?;
        let flow = self.flows.insert(Flow::new(who, node));
        self.nodes[node].share.admit(&mut self.flows, flow);
        Some(FlowId(flow))
    }

    /// A flow goes.
    pub fn leave(&mut self, flow: FlowId) {
        self.cancel(flow);
        let node = self.flows[flow.0].tube;
        self.nodes[node].share.leave(&mut self.flows, flow.0);
        self.flows.remove(flow.0);
    }

    /// A flow goes on in another tube, and still waits if it did; `false` for a tube that is not there.
    pub fn shift(&mut self, flow: FlowId, tube: &TubeId, now: Moment) -> bool {
        let Some(&node) = self.names.get(tube) else { return false };
        let from = self.flows[flow.0].tube;
        if from == node {
            return true;
        }
        let want = self.flows[flow.0].want;
        self.cancel(flow);
        self.nodes[from].share.leave(&mut self.flows, flow.0);
        self.flows[flow.0].tube = node;
        self.nodes[node].share.admit(&mut self.flows, flow.0);
        if want > 0 {
            self.enqueue(flow, want, now);
        }
        true
    }

    /// A flow wants to send so many bytes; if it already waits it does so for the larger number.
    pub fn enqueue(&mut self, flow: FlowId, want: usize, now: Moment) {
        let already = self.flows[flow.0].want;
        self.flows[flow.0].want = already.max(want);
        if already > 0 || want == 0 {
            return;
        }
        let home = self.flows[flow.0].tube;
        if self.nodes[home].share.waiting() == 0 {
            let node = &mut self.nodes[home];
            node.own.tag = node.own.tag.max(node.virtual_time(node.priority));
        }
        self.nodes[home].share.join(&mut self.flows, flow.0);
        self.clear_waiting += usize::from(self.nodes[home].gate != Gate::Shaped);
        let mut at = home;
        loop {
            let node = &mut self.nodes[at];
            node.waiting += 1;
            let parent = node.parent;
            if node.waiting == 1 {
                // Until now nobody wanted what the bucket brought: it keeps no more of it than a burst.
                node.bucket.refill(now, false);
                if at != LINK {
                    let behind = self.nodes[parent].virtual_time(self.nodes[at].priority);
                    let stake = &mut self.nodes[at].stake;
                    stake.tag = stake.tag.max(behind);
                }
            }
            if at == LINK {
                return;
            }
            at = parent;
        }
    }

    /// What a flow still waits for.
    pub fn wanted(&self, flow: FlowId) -> usize {
        self.flows[flow.0].want
    }

    /// A flow no longer wants what it waits for.
    pub fn cancel(&mut self, flow: FlowId) {
        if self.flows[flow.0].want == 0 {
            return;
        }
        let home = self.flows[flow.0].tube;
        self.nodes[home].share.quit(&mut self.flows, flow.0);
        self.waits_no_longer(flow.0);
    }

    /// Bytes that passed so far, granted or clear.
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// What the wire says, one way, until it is looked at again.
    pub fn govern(&mut self, setting: &Setting, now: Moment) {
        self.wire_counts = setting.counts_clear;
        self.set_turns(setting.turns.filter(|_| self.turns), now);
        if setting.counts_clear {
            self.clear.refill(now, true);
            self.clear.fill_but(setting.behind);
        }
        let link = &mut self.nodes[LINK];
        link.bucket.refill(now, link.waiting > 0);
        if setting.rate != self.nodes[LINK].ceiling {
            self.set_link(setting.rate, now);
        }
        if !setting.behind.is_zero() {
            self.nodes[LINK].bucket.owe(setting.behind);
        }
    }

    /// A flow does not use what it was granted.
    pub fn give_back(&mut self, flow: FlowId, bytes: usize) {
        let mut at = self.flows[flow.0].tube;
        self.passed -= bytes as u64;
        self.nodes[at].carried = self.nodes[at].carried.saturating_sub(bytes as u64);
        loop {
            self.nodes[at].bucket.give_back(bytes);
            if at == LINK {
                return;
            }
            at = self.nodes[at].parent;
        }
    }

    /// Bytes that clear flows sent without asking, at some time since the last call.
    pub fn charge(&mut self, bytes: usize, now: Moment) {
        self.passed += bytes as u64;
        self.cleared += bytes as u64;
        // Who takes turns yields to it, but for no longer than to one of themselves.
        self.clear.refill(now, true);
        self.clear.take_within(bytes, quantum(self.clear.rate()));
        self.charge_link(bytes, now);
    }

    fn charge_link(&mut self, bytes: usize, now: Moment) {
        if self.wire_counts {
            return;
        }
        let link = &mut self.nodes[LINK];
        link.bucket.charge(bytes, now, link.waiting > 0);
    }

    /// The next grant at this moment, if there is one. The flow then waits no longer.
    pub fn next(&mut self, now: Moment) -> Option<Grant> {
        if self.nodes[LINK].waiting == 0 {
            return None;
        }
        self.clear.refill(now, true);
        if self.clear_waiting > 0 && self.clear.permits() {
            let clear = |(_, node): &(usize, &Node)| node.gate != Gate::Shaped && node.share.waiting() > 0;
            let longest_ago = self.nodes.iter().filter(clear).min_by_key(|(_, node)| node.own.served);
            if let Some(node) = longest_ago.map(|(key, _)| key) {
                return self.serve(node, now);
            }
        }
        let link = &mut self.nodes[LINK].bucket;
        link.refill(now, true);
        let open = link.permits();
        self.trickles.refill(now, true);
        if !open && !self.trickles.permits() {
            return None;
        }
        let node = self.choose(LINK, open, now)?;
        self.serve(node, now)
    }

    /// When the next grant is due, if nothing changes before; not before `now`. `None`: nobody waits.
    pub fn wake_at(&self, now: Moment) -> Option<Moment> {
        if self.nodes[LINK].waiting == 0 {
            return None;
        }
        let link = self.nodes[LINK].bucket.ready_at();
        let clear = (self.clear_waiting > 0).then(|| self.clear.ready_at());
        if clear.is_some_and(|clear| clear <= now) {
            return Some(now);
        }
        let trickles = self.trickles.ready_at();
        let children = self.nodes[LINK].members.iter().filter_map(|member| match member.who {
            Who::Own => None,
            Who::Child(child) => Some(child),
        });
        let due = children.filter_map(|child| {
            let floor = &self.nodes[child].stake.floor;
            let link = if floor.rate().is_some() { link.min(floor.ready_at().max(trickles)) } else { link };
            Some(self.ready(child, now)?.max(link))
        });
        due.chain(clear).min().map(|due| due.max(now))
    }

    /// The tube whose own flows are to be served next. Not `open`: the link has nothing to give, but to those on their
    /// floor.
    fn choose(&mut self, at: usize, open: bool, now: Moment) -> Option<usize> {
        if at != LINK {
            let bucket = &mut self.nodes[at].bucket;
            bucket.refill(now, true);
            if !bucket.permits() {
                return None;
            }
        }
        let mut tried = None;
        while let Some((rank, who)) = self.next_on_floor(at, tried, now) {
            if let Some(found) = self.enter(at, who, now) {
                return Some(found);
            }
            tried = Some(rank);
        }
        if !open {
            return None;
        }
        let mut tried = None;
        while let Some((rank, who)) = self.next_member(at, tried) {
            if let Some(found) = self.enter(at, who, now) {
                return Some(found);
            }
            tried = Some(rank);
        }
        None
    }

    fn enter(&mut self, at: usize, who: Who, now: Moment) -> Option<usize> {
        match who {
            Who::Own => (self.wants(at, Who::Own) > 0).then_some(at),
            Who::Child(child) => self.choose(child, true, now),
        }
    }

    /// The waiting member with something on its floor after the one of rank `tried`: who was served longest ago comes first,
    /// so that floors which together are more than there is still all get their part.
    fn next_on_floor(&mut self, at: usize, tried: Option<(u64, usize)>, now: Moment) -> Option<((u64, usize), Who)> {
        let mut best: Option<((u64, usize), Who)> = None;
        for nth in 0..self.nodes[at].members.len() {
            let who = self.nodes[at].members[nth].who;
            if self.wants(at, who) == 0 {
                continue;
            }
            let stake = match who {
                Who::Own => &mut self.nodes[at].own,
                Who::Child(child) => &mut self.nodes[child].stake,
            };
            stake.floor.refill(now, true);
            let rank = (stake.served, nth);
            // A member without a rate around it needs no floor: there is nothing to compete for.
            if stake.floor.rate().is_some()
                && stake.floor.permits()
                && tried.is_none_or(|tried| rank > tried)
                && best.is_none_or(|(least, _)| rank < least)
            {
                best = Some((rank, who));
            }
        }
        best
    }

    /// The waiting member after the one of rank `tried`: by priority, then by what it was given so far, then as declared.
    fn next_member(&self, at: usize, tried: Option<(u8, u64, usize)>) -> Option<((u8, u64, usize), Who)> {
        let node = &self.nodes[at];
        let mut best: Option<((u8, u64, usize), Who)> = None;
        for (nth, member) in node.members.iter().enumerate() {
            if best.is_some_and(|((priority, ..), _)| priority < member.priority) {
                break;
            }
            if self.wants(at, member.who) == 0 {
                continue;
            }
            let tag = match member.who {
                Who::Own => node.own.tag,
                Who::Child(child) => self.nodes[child].stake.tag,
            };
            let rank = (member.priority, tag, nth);
            if tried.is_none_or(|tried| rank > tried) && best.is_none_or(|(least, _)| rank < least) {
                best = Some((rank, member.who));
            }
        }
        best
    }

    fn wants(&self, at: usize, who: Who) -> usize {
        match who {
            // Clear flows are served before anybody is asked.
            Who::Own if self.nodes[at].gate != Gate::Shaped => 0,
            Who::Own => self.nodes[at].share.waiting(),
            Who::Child(child) => self.nodes[child].waiting,
        }
    }

    /// Gives the tube's next flow its grant, and counts it all the way up to the link.
    fn serve(&mut self, home: usize, now: Moment) -> Option<Grant> {
        let node = &mut self.nodes[home];
        let (turn, grant) = match node.gate {
            Gate::Shaped => (node.quantum, node.quantum),
            Gate::Turns => (clear_turn(node.limit), node.quantum),
            Gate::Clear | Gate::Free => (LARGEST_GRANT, LARGEST_GRANT),
        };
        let shaped = node.gate == Gate::Shaped;
        let (flow, bytes) = node.share.next(&mut self.flows, turn, grant)?;
        self.waits_no_longer(flow);
        self.grants += 1;
        self.passed += bytes as u64;
        let number = self.grants;
        let node = &mut self.nodes[home];
        if shaped {
            node.carried += bytes as u64;
        } else {
            self.cleared += bytes as u64;
        }
        node.virtual_time.insert(node.priority, node.own.tag);
        node.own.give(bytes, number, node.quantum);
        let mut at = home;
        while at != LINK {
            let node = &mut self.nodes[at];
            node.bucket.take(bytes);
            let (priority, tag) = (node.priority, node.stake.tag);
            node.stake.give(bytes, number, node.quantum);
            at = node.parent;
            self.nodes[at].virtual_time.insert(priority, tag);
        }
        let link = &mut self.nodes[LINK];
        if !shaped {
            self.clear.take(bytes);
            self.charge_link(bytes, now);
        } else if link.bucket.permits() {
            link.bucket.take(bytes);
        } else {
            // A trickle takes from the link even what it does not have.
            link.bucket.charge(bytes, now, true);
            self.trickles.take(bytes);
        }
        Some(Grant { flow: FlowId(flow), bytes })
    }

    fn waits_no_longer(&mut self, flow: usize) {
        self.flows[flow].want = 0;
        let home = self.flows[flow].tube;
        self.clear_waiting -= usize::from(self.nodes[home].gate != Gate::Shaped);
        let mut at = home;
        loop {
            self.nodes[at].waiting -= 1;
            if at == LINK {
                return;
            }
            at = self.nodes[at].parent;
        }
    }

    /// When a tube's own bucket and those of the tubes within permit somebody who waits there.
    fn ready(&self, at: usize, now: Moment) -> Option<Moment> {
        let node = &self.nodes[at];
        let due =
            node.members.iter().filter(|member| self.wants(at, member.who) > 0).filter_map(|member| match member.who {
                Who::Own => Some(now),
                Who::Child(child) => self.ready(child, now),
            });
        due.min().map(|due| due.max(node.bucket.ready_at()))
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "tree_bounds_tests.rs"]
mod bounds;

#[cfg(test)]
#[path = "tree_turns_tests.rs"]
mod turns;
