//! Who is served next inside one tube, one way: fair between sharers, then between each one's flows.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt as _};
use slab::Slab;

use super::ring::{Place, Ring, Waits};
use super::spec::ShareBy;

/// Sharers that have gone which an admission looks at: more than the one it may add, so that they cannot pile up.
const FORGOTTEN_AT_ONCE: usize = 4;

/// Whose flow it is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Sharer {
    /// The address it comes from.
    pub client: IpAddr,
    /// The user, where known.
    pub user: Option<Arc<str>>,
}

/// One flow, one way. All tubes of a tree keep their flows in one slab, so that a flow keeps its number when it moves.
#[derive(Debug)]
pub struct Flow {
    /// Whose it is.
    pub who: Sharer,
    /// The node of the tree it is in.
    pub tube: usize,
    /// The bytes it waits for; 0 when it does not wait.
    pub want: usize,
    holder: usize,
    place: Place,
}

impl Flow {
    /// A flow in no tube yet.
    pub fn new(who: Sharer, tube: usize) -> Flow {
        Flow { who, tube, want: 0, holder: usize::MAX, place: Ring::new().newcomer() }
    }
}

impl Waits for Flow {
    fn place(&self) -> &Place {
        &self.place
    }

    fn place_mut(&mut self) -> &mut Place {
        &mut self.place
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Key {
    Client(IpAddr),
    User(Arc<str>),
}

/// One sharer and its flows.
#[derive(Debug)]
struct Holder {
    /// `None` where each flow is its own sharer.
    key: Option<Key>,
    ring: Ring,
    place: Place,
    open: usize,
    /// Among the departed.
    departed: bool,
}

impl Waits for Holder {
    fn place(&self) -> &Place {
        &self.place
    }

    fn place_mut(&mut self) -> &mut Place {
        &mut self.place
    }
}

/// The flows of one tube, one way.
#[derive(Debug)]
pub struct Share {
    by: ShareBy,
    holders: Slab<Holder>,
    keys: HashMap<Key, usize>,
    ring: Ring,
    /// Sharers without a flow who have had their turn of this round: remembered until it ends, so that nobody gets a
    /// newcomer's turn by closing a connection and opening another.
    departed: VecDeque<usize>,
    flows: usize,
    waiting: usize,
    /// A turn has several grants, and who has begun one goes on before others. Not so where turns are grants: there those
    /// who ask for little would always be first, and their windows would open to more than they are given.
    whole: bool,
}

impl Share {
    /// No flows yet.
    pub fn new(by: ShareBy) -> Share {
        Share {
            by,
            holders: Slab::new(),
            keys: HashMap::new(),
            ring: Ring::new(),
            departed: VecDeque::new(),
            flows: 0,
            waiting: 0,
            whole: false,
        }
    }

    /// Between whom it is shared.
    pub fn by(&self) -> ShareBy {
        self.by
    }

    /// Flows here.
    pub fn flows(&self) -> usize {
        self.flows
    }

    /// Flows here that wait.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// A flow comes in. It does not wait yet.
    pub fn admit(&mut self, flows: &mut Slab<Flow>, flow: usize) {
        self.forget();
        let holder = self.holder(&flows[flow].who);
        self.holders[holder].open += 1;
        flows[flow].holder = holder;
        flows[flow].place = self.holders[holder].ring.newcomer();
        self.flows += 1;
    }

    /// A flow goes; if it waits it does so no longer.
    pub fn leave(&mut self, flows: &mut Slab<Flow>, flow: usize) {
        self.quit(flows, flow);
        let key = flows[flow].holder;
        let holder = &mut self.holders[key];
        holder.open -= 1;
        self.flows -= 1;
        if holder.open > 0 {
            return;
        }
        if holder.key.is_some() && self.ring.had_its_turn(&holder.place) {
            if !std::mem::replace(&mut holder.departed, true) {
                self.departed.push_back(key);
            }
        } else if !holder.departed {
            self.remove(key);
        }
    }

    /// A flow begins to wait.
    pub fn join(&mut self, flows: &mut Slab<Flow>, flow: usize) {
        if flows[flow].place.waits() {
            return;
        }
        let key = flows[flow].holder;
        self.holders[key].ring.join(flows, flow, self.whole);
        if !self.holders[key].place.waits() {
            self.ring.join(&mut self.holders, key, self.whole);
        }
        self.waiting += 1;
    }

    /// A flow waits no longer.
    pub fn quit(&mut self, flows: &mut Slab<Flow>, flow: usize) {
        if !flows[flow].place.waits() {
            return;
        }
        let key = flows[flow].holder;
        self.holders[key].ring.quit(flows, flow);
        if self.holders[key].ring.is_empty() {
            self.ring.quit(&mut self.holders, key);
        }
        self.waiting -= 1;
    }

    /// Sharers of whose flows some wait.
    pub fn sharers_waiting(&self) -> usize {
        self.holders.iter().filter(|(_, holder)| holder.place.waits()).count()
    }

    /// The next flow and its grant of at most `grant` bytes, of a turn that is worth `turn`; it then waits no longer.
    pub fn next(&mut self, flows: &mut Slab<Flow>, turn: usize, grant: usize) -> Option<(usize, usize)> {
        self.whole = turn > grant;
        let key = self.ring.turn(&mut self.holders, turn)?;
        let flow = self.holders[key].ring.turn(flows, turn)?;
        let bytes = flows[flow].want.min(grant);
        self.holders[key].ring.served(flows, flow, bytes, false);
        let waits = !self.holders[key].ring.is_empty();
        self.ring.served(&mut self.holders, key, bytes, waits);
        self.waiting -= 1;
        Some((flow, bytes))
    }

    fn holder(&mut self, who: &Sharer) -> usize {
        let client = Key::Client(who.client.to_canonical());
        let key = match (self.by, &who.user) {
            (ShareBy::Flow, _) => None,
            (ShareBy::User, Some(user)) => Some(Key::User(Arc::clone(user))),
            (ShareBy::User, None) | (ShareBy::Client, _) => Some(client),
        };
        if let Some(found) = key.as_ref().and_then(|key| self.keys.get(key)) {
            return *found;
        }
        let place = self.ring.newcomer();
        let holder =
            self.holders.insert(Holder { key: key.clone(), ring: Ring::new(), place, open: 0, departed: false });
        if let Some(key) = key {
            self.keys.insert(key, holder);
        }
        holder
    }

    fn forget(&mut self) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            let Some(&key) = self.departed.front() else { return };
            let holder = &mut self.holders[key];
            if holder.open == 0 && self.ring.had_its_turn(&holder.place) {
                return;
            }
            self.departed.pop_front();
            holder.departed = false;
            if holder.open == 0 {
                self.remove(key);
            }
        }
    }

    fn remove(&mut self, holder: usize) {
        if let Some(key) = self.holders.remove(holder).key {
            self.keys.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sharer(number: u8) -> Sharer {
        Sharer { client: IpAddr::from([10, 0, 0, number]), user: None }
    }

    struct World {
        share: Share,
        flows: Slab<Flow>,
    }

    impl World {
        fn new(by: ShareBy) -> World {
            World { share: Share::new(by), flows: Slab::new() }
        }

        fn admit(&mut self, who: Sharer) -> usize {
            let flow = self.flows.insert(Flow::new(who, 0));
            self.share.admit(&mut self.flows, flow);
            flow
        }

        fn ask(&mut self, flow: usize, want: usize) {
            self.flows[flow].want = want;
            self.share.join(&mut self.flows, flow);
        }

        fn next(&mut self, quantum: usize) -> Option<(usize, usize)> {
            self.share.next(&mut self.flows, quantum, quantum)
        }
    }

    #[test]
    fn one_with_many_flows_gets_no_more_than_one_with_a_single_flow() {
        let mut world = World::new(ShareBy::Client);
        let many: Vec<usize> = (0..64).map(|_| world.admit(sharer(1))).collect();
        let single = world.admit(sharer(2));
        for &flow in &many {
            world.ask(flow, 100_000);
        }
        world.ask(single, 100_000);
        let mut got = [0usize; 2];
        for _ in 0..1000 {
            let (flow, bytes) = world.next(5000).unwrap();
            got[usize::from(flow == single)] += bytes;
            world.ask(flow, 100_000);
        }
        assert!(got[0].abs_diff(got[1]) <= 5000, "{got:?}");
    }

    #[test]
    fn by_user_two_addresses_of_one_person_are_one_sharer_and_by_flow_everyone_counts() {
        for (by, most) in [(ShareBy::User, 5000), (ShareBy::Flow, 400_000)] {
            let mut world = World::new(by);
            let rhian = |number| Sharer { user: Some(Arc::from("rhian")), ..sharer(number) };
            let hers: Vec<usize> = (0..4).map(|number| world.admit(rhian(number))).collect();
            let other = world.admit(sharer(1));
            for flow in hers.iter().copied().chain([other]) {
                world.ask(flow, 5000);
            }
            let mut got = [0usize; 2];
            for _ in 0..100 {
                let (flow, bytes) = world.next(5000).unwrap();
                got[usize::from(flow == other)] += bytes;
                world.ask(flow, 5000);
            }
            assert!(got[0].abs_diff(got[1]) <= most, "{by:?} {got:?}");
            if by == ShareBy::Flow {
                assert_eq!(got, [400_000, 100_000]);
            }
        }
    }

    #[test]
    fn one_who_asks_in_small_pieces_gets_as_much_as_one_who_asks_for_all() {
        let mut world = World::new(ShareBy::Client);
        let (small, large) = (world.admit(sharer(1)), world.admit(sharer(2)));
        world.ask(small, 900);
        world.ask(large, 64_000);
        let mut got = [0usize; 2];
        for _ in 0..5000 {
            let (flow, bytes) = world.next(5000).unwrap();
            got[usize::from(flow == large)] += bytes;
            world.ask(flow, if flow == small { 900 } else { 64_000 });
        }
        assert!(got[0].abs_diff(got[1]) <= 2 * 5000, "{got:?}");
    }

    #[test]
    fn a_newcomer_is_served_before_those_who_had_their_turn() {
        let mut world = World::new(ShareBy::Client);
        for number in 0..12 {
            let flow = world.admit(sharer(number));
            world.ask(flow, 100_000);
        }
        for _ in 0..20 {
            let (flow, _) = world.next(5000).unwrap();
            world.ask(flow, 100_000);
        }
        let page = world.admit(sharer(200));
        world.ask(page, 1200);
        assert_eq!(world.next(5000), Some((page, 1200)));
    }

    #[test]
    fn opening_another_connection_is_no_way_to_a_newcomers_turn() {
        let mut world = World::new(ShareBy::Client);
        let honest = world.admit(sharer(1));
        world.ask(honest, 5000);
        let mut got = [0usize; 2];
        let mut cheat = world.admit(sharer(2));
        world.ask(cheat, 5000);
        for _ in 0..1000 {
            let (flow, bytes) = world.next(5000).unwrap();
            got[usize::from(flow == cheat)] += bytes;
            if flow == cheat {
                world.share.leave(&mut world.flows, cheat);
                world.flows.remove(cheat);
                cheat = world.admit(sharer(2));
                world.ask(cheat, 5000);
            } else {
                world.ask(honest, 5000);
            }
        }
        assert!(got[0].abs_diff(got[1]) <= 2 * 5000, "{got:?}");
    }

    /// Newcomers come first, but an endless stream of them, as new addresses or as one's own new connections, leaves those
    /// who were there one turn in seventeen.
    #[test]
    fn an_endless_stream_of_newcomers_starves_nobody() {
        for one_client in [false, true] {
            let mut world = World::new(ShareBy::Client);
            let old = world.admit(sharer(1));
            world.ask(old, 5000);
            world.next(5000).unwrap();
            world.ask(old, 5000);
            let mut since = 0;
            for number in 0..1000u32 {
                for half in 0..2 {
                    let client = if one_client {
                        sharer(1).client
                    } else {
                        (number * 2 + half + (1 << 28)).to_be_bytes().into()
                    };
                    let new = world.admit(Sharer { client, user: None });
                    world.ask(new, 5000);
                }
                since += 1;
                let (flow, _) = world.next(5000).unwrap();
                if flow == old {
                    world.ask(old, 5000);
                    since = 0;
                } else {
                    world.share.leave(&mut world.flows, flow);
                    world.flows.remove(flow);
                }
                assert!(since <= 17 + usize::from(number < 17), "{since} without a turn, {one_client}");
            }
        }
    }

    #[test]
    fn who_has_gone_is_forgotten() {
        let mut world = World::new(ShareBy::Client);
        for round in 0..10_000u32 {
            let address = IpAddr::from(round.to_be_bytes());
            let flow = world.admit(Sharer { client: address, user: None });
            world.ask(flow, 5000);
            assert_eq!(world.next(5000), Some((flow, 5000)));
            world.ask(flow, 5000);
            assert_eq!(world.next(5000), Some((flow, 5000)));
            world.share.leave(&mut world.flows, flow);
            world.flows.remove(flow);
        }
        assert!(world.share.holders.len() < 10, "{}", world.share.holders.len());
        assert_eq!(world.share.keys.len(), world.share.holders.len());
    }

    #[test]
    fn a_turn_that_was_not_used_up_goes_on_before_those_who_wait_for_theirs() {
        let mut world = World::new(ShareBy::Client);
        let (first, second) = (world.admit(sharer(1)), world.admit(sharer(2)));
        world.ask(first, 1000);
        world.ask(second, 1000);
        // A turn of five grants.
        for _ in 0..5 {
            assert_eq!(world.share.next(&mut world.flows, 5000, 1000), Some((first, 1000)));
            world.ask(first, 1000);
        }
        assert_eq!(world.share.next(&mut world.flows, 5000, 1000), Some((second, 1000)));
        // Where a turn is a grant, who asks for little is not always first.
        let mut world = World::new(ShareBy::Client);
        let (first, second) = (world.admit(sharer(1)), world.admit(sharer(2)));
        world.ask(first, 1000);
        world.ask(second, 1000);
        assert_eq!(world.next(5000), Some((first, 1000)));
        world.ask(first, 1000);
        assert_eq!(world.next(5000), Some((second, 1000)));
    }

    proptest! {
        /// Sharers with any number of flows, who come back after the next one or two grants to others: all get the same,
        /// and nobody waits longer than a few rounds.
        #[test]
        fn everyone_who_always_wants_more_gets_the_same(
            flows in prop::collection::vec(1usize..8, 2..12),
            lateness in prop::collection::vec(0usize..2, 600),
        ) {
            let quantum = 4000;
            let mut world = World::new(ShareBy::Client);
            for (number, count) in flows.iter().enumerate() {
                for _ in 0..*count {
                    let flow = world.admit(sharer(u8::try_from(number).unwrap()));
                    world.ask(flow, 20_000);
                }
            }
            let mut got = vec![0usize; flows.len()];
            let mut last = vec![0usize; flows.len()];
            let mut away: VecDeque<(usize, usize)> = VecDeque::new();
            for (step, late) in lateness.iter().enumerate() {
                let Some((flow, bytes)) = world.next(quantum) else { break };
                let IpAddr::V4(address) = world.flows[flow].who.client else { unreachable!() };
                let number = usize::from(address.octets()[3]);
                got[number] += bytes;
                prop_assert!(step - last[number] <= 8 * flows.len() + 8, "{number} waited {}", step - last[number]);
                last[number] = step;
                away.push_back((step + late, flow));
                while away.front().is_some_and(|(due, _)| *due <= step) {
                    let (_, flow) = away.pop_front().unwrap();
                    world.ask(flow, 20_000);
                }
            }
            let (least, most) = (got.iter().min().unwrap(), got.iter().max().unwrap());
            prop_assert!(most - least <= 4 * quantum, "{got:?}");
        }

        /// One person's flows, that ask for any pieces and come back after a few grants to others: none waits longer than
        /// a few rounds for its next.
        #[test]
        fn no_flow_of_one_sharer_waits_long(
            count in 2usize..30,
            asks in prop::collection::vec((1usize..20_000, 0usize..6), 800),
        ) {
            let mut world = World::new(ShareBy::Client);
            let flows: Vec<usize> = (0..count).map(|_| world.admit(sharer(1))).collect();
            let mut away: Vec<(usize, usize)> = flows.iter().map(|flow| (0, *flow)).collect();
            // Bytes given to others since it began to wait.
            let mut waited: HashMap<usize, usize> = HashMap::new();
            for (step, (want, late)) in asks.into_iter().enumerate() {
                away.retain(|(due, flow)| {
                    if *due <= step {
                        world.ask(*flow, want);
                        waited.insert(*flow, 0);
                    }
                    *due > step
                });
                let Some((flow, bytes)) = world.next(4000) else { continue };
                waited.remove(&flow);
                waited.values_mut().for_each(|sum| *sum += bytes);
                prop_assert!(waited.values().all(|sum| *sum <= 3 * count * 4000), "{waited:?}");
                away.push((step + late, flow));
            }
        }

        /// Whatever comes, asks, gives up and goes: the counts are right, and everyone who waits is served.
        #[test]
        fn nobody_is_lost(steps in prop::collection::vec((0u8..5, 0usize..20, 0u8..5), 1..300)) {
            let mut world = World::new(ShareBy::Client);
            let mut open: Vec<usize> = Vec::new();
            for (what, which, who) in steps {
                let chosen = open.get(which % open.len().max(1)).copied();
                match (what, chosen) {
                    (0, _) => { let flow = world.admit(sharer(who)); open.push(flow); }
                    (1 | 2, Some(flow)) => world.ask(flow, 700 * (which + 1)),
                    (3, Some(flow)) => world.share.quit(&mut world.flows, flow),
                    (4, Some(flow)) => {
                        world.share.leave(&mut world.flows, flow);
                        world.flows.remove(flow);
                        open.retain(|other| *other != flow);
                    }
                    _ => { world.next(1500); }
                }
                prop_assert_eq!(world.share.flows(), open.len());
                let waiting = open.iter().filter(|flow| world.flows[**flow].place.waits()).count();
                prop_assert_eq!(world.share.waiting(), waiting);
            }
            for left in (0..world.share.waiting()).rev() {
                prop_assert!(world.next(1500).is_some());
                prop_assert_eq!(world.share.waiting(), left);
            }
            prop_assert!(world.next(1500).is_none());
        }
    }
}
