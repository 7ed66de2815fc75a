//! What holds for any tree, whatever is asked of it and however it is changed meanwhile, in virtual time.

use super::super::bucket::{Depth, LONGEST_DEBT};
use super::super::node::{quantum, trickle};
use super::tests::{MS, World, megabits, path, stretch};
use super::*;
use proptest::prelude::*;
use std::time::Duration;

const FLOWS: usize = 24;

fn id(tube: usize) -> TubeId {
    TubeId::from(tube.to_string().as_str())
}

fn kilobits() -> impl Strategy<Value = Option<Rate>> {
    let rate = (64u64..60_000).prop_map(|kilobits| Rate::from_bits_per_second(kilobits * 1000));
    prop_oneof![1 => Just(None), 3 => rate]
}

/// Six tubes, each within the link or one before it.
fn layouts() -> impl Strategy<Value = Layout> {
    let floor = prop_oneof![2 => Just(None), 1 => (50u64..5_000).prop_map(|k| Rate::from_bits_per_second(k * 1000))];
    let tube = (0u8..4, kilobits(), floor, 0usize..9);
    let link = (500u64..60_000).prop_map(|kilobits| Rate::from_bits_per_second(kilobits * 1000));
    (link, prop::collection::vec(tube, 6)).prop_map(|(link, tubes)| {
        let tubes = tubes.into_iter().enumerate().map(|(number, (priority, ceiling, floor, within))| {
            let within = (within < number).then(|| within.to_string());
            Stretch { floor, ..stretch(&number.to_string(), within.as_deref(), priority, ceiling) }
        });
        Layout { link, turns: false, tubes: tubes.collect() }
    })
}

#[derive(Clone, Debug)]
enum Step {
    Ask { flow: usize, want: usize },
    Crowd { tube: usize, flows: usize },
    Cancel { flow: usize },
    Move { flow: usize, tube: usize },
    GiveBack { flow: usize, bytes: usize },
    Charge { bytes: usize },
    Apply { layout: Layout },
    Govern { percent: u64, behind: u64, counts: bool },
    Pass { micros: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..FLOWS, 1usize..70_000).prop_map(|(flow, want)| Step::Ask { flow, want }),
        1 => (0usize..6, 1usize..40).prop_map(|(tube, flows)| Step::Crowd { tube, flows }),
        1 => (0..FLOWS).prop_map(|flow| Step::Cancel { flow }),
        1 => (0..FLOWS, 0usize..6).prop_map(|(flow, tube)| Step::Move { flow, tube }),
        1 => (0..FLOWS, 1usize..2_000).prop_map(|(flow, bytes)| Step::GiveBack { flow, bytes }),
        1 => (0usize..200_000).prop_map(|bytes| Step::Charge { bytes }),
        1 => layouts().prop_map(|layout| Step::Apply { layout }),
        2 => (2u64..98, prop_oneof![3 => Just(0u64), 1 => 0u64..300_000], any::<bool>())
            .prop_map(|(percent, behind, counts)| Step::Govern { percent, behind, counts }),
        8 => (0u64..20_000).prop_map(|micros| Step::Pass { micros }),
    ];
    prop::collection::vec(step, 1..250)
}

/// By how much what was given exceeds what a rate brought since any earlier moment: the worst interval that ends now, in
/// bytes. That is the largest difference of two prefix sums, kept as it goes.
#[derive(Clone, Default)]
struct Over {
    rate: Option<Rate>,
    at: Option<Moment>,
    over: f64,
    /// The most a bucket of the rates so far holds, and one grant of them.
    bound: f64,
}

impl Over {
    fn rate(&mut self, rate: Option<Rate>, depth: Depth, now: Moment) {
        if rate == self.rate {
            return;
        }
        self.pass(now);
        // What the last grants owed at the old rate, the new one may forgive: a debt is never longer than its bound.
        self.over = self.rate.map_or(0.0, |old| (self.over - 2.0 * quantum(Some(old)) as f64).max(0.0));
        self.rate = rate;
        if let Some(rate) = rate {
            let held = (rate.bytes_per_second() * depth.busy.as_secs_f64()).max(depth.least as f64);
            self.bound = self.bound.max(held + quantum(Some(rate)) as f64 + 1.0);
        }
    }

    fn pass(&mut self, now: Moment) {
        let since = self.at.map_or(0.0, |at| now.duration_since(at).as_secs_f64());
        self.over = (self.over - self.rate.map_or(0.0, |rate| rate.bytes_per_second() * since)).max(0.0);
        self.at = Some(now);
    }

    fn give(&mut self, bytes: f64, now: Moment) {
        self.pass(now);
        self.over = (self.over + bytes).max(0.0);
    }

    fn holds(&self) -> bool {
        self.rate.is_none() || self.over <= self.bound
    }
}

/// The tree beside a model that knows only rates and what was given.
struct Play {
    world: World,
    layout: Layout,
    flows: Vec<FlowId>,
    homes: HashMap<FlowId, usize>,
    wants: HashMap<FlowId, usize>,
    granted: HashMap<FlowId, usize>,
    tubes: Vec<Over>,
    link: Over,
}

impl Play {
    fn new(layout: Layout) -> Play {
        let mut world = World::new(layout.link, layout.tubes.clone());
        let homes: Vec<(FlowId, usize)> =
            (0..FLOWS).map(|flow| (world.admit(&(flow % 6).to_string(), flow / 3), flow % 6)).collect();
        let mut play = Play {
            flows: homes.iter().map(|(flow, _)| *flow).collect(),
            homes: homes.into_iter().collect(),
            wants: HashMap::new(),
            granted: HashMap::new(),
            tubes: vec![Over::default(); 6],
            link: Over::default(),
            layout,
            world,
        };
        play.rates();
        play
    }

    fn rates(&mut self) {
        let now = self.world.now;
        for (over, tube) in self.tubes.iter_mut().zip(&self.layout.tubes) {
            over.rate(tube.ceiling, Depth::TUBE, now);
        }
        // Trickles may add a fiftieth to what the link is said to carry, and come one grant early.
        let link = self.world.tree.nodes[LINK].ceiling;
        self.link.rate(link.map(|rate| rate.times(1.02)), Depth::LINK, now);
        let held = |rate: Rate| (rate.bytes_per_second() * Depth::LINK.busy.as_secs_f64()).max(3000.0);
        let most = link.map_or(0.0, |rate| held(rate) + 2.0 * quantum(link) as f64 + 1501.0);
        self.link.bound = self.link.bound.max(most);
    }

    fn ask(&mut self, flow: FlowId, want: usize) {
        self.world.tree.enqueue(flow, want, self.world.now);
        let wanted = self.wants.entry(flow).or_default();
        *wanted = want.max(*wanted);
    }

    fn act(&mut self, step: Step) -> Result<(), TestCaseError> {
        let now = self.world.now;
        match step {
            Step::Ask { flow, want } => self.ask(self.flows[flow], want),
            Step::Crowd { tube, flows } => {
                for who in 0..flows {
                    let flow = self.world.admit(&tube.to_string(), who);
                    self.homes.insert(flow, tube);
                    self.ask(flow, 16_384);
                }
            }
            Step::Cancel { flow } => {
                self.world.tree.cancel(self.flows[flow]);
                self.wants.remove(&self.flows[flow]);
            }
            Step::Move { flow, tube } => {
                prop_assert!(self.world.tree.shift(self.flows[flow], &id(tube), now));
                self.homes.insert(self.flows[flow], tube);
            }
            Step::GiveBack { flow, bytes } => {
                let flow = self.flows[flow];
                let bytes = self.granted.remove(&flow).unwrap_or(0).min(bytes);
                self.world.tree.give_back(flow, bytes);
                for tube in path(&self.layout.tubes, self.homes[&flow]) {
                    self.tubes[tube].give(-(bytes as f64), now);
                }
                self.link.give(-(bytes as f64), now);
            }
            Step::Charge { bytes } => self.world.tree.charge(bytes, now),
            Step::Apply { layout } => {
                let before = self.debts();
                self.world.tree.apply(&layout, now);
                self.layout = layout;
                self.owes_no_more_than(&before)?;
            }
            Step::Govern { percent, behind, counts } => {
                let before = self.debts();
                let rate = self.layout.link.map(|link| link.times(percent as f64 / 100.0));
                let setting =
                    Setting { rate, behind: Duration::from_micros(behind), turns: rate, counts_clear: counts };
                self.world.tree.govern(&setting, now);
                self.owes_no_more_than(&before)?;
            }
            Step::Pass { micros } => return self.pass(now + Duration::from_micros(micros)),
        }
        self.rates();
        self.give()
    }

    /// Goes from one due moment to the next. At each something is given: nobody is woken for nothing.
    fn pass(&mut self, end: Moment) -> Result<(), TestCaseError> {
        while let Some(due) = self.world.tree.wake_at(self.world.now).filter(|due| *due <= end) {
            self.world.now = due;
            let logged = self.world.log.len();
            self.give()?;
            prop_assert!(self.world.log.len() > logged, "woken for nothing");
        }
        self.world.now = end;
        self.give()
    }

    fn give(&mut self) -> Result<(), TestCaseError> {
        let logged = self.world.log.len();
        self.world.give();
        let now = self.world.now;
        for &(_, flow, bytes) in &self.world.log[logged..] {
            let wanted = self.wants.remove(&flow).unwrap_or(0);
            prop_assert!(bytes > 0 && bytes <= wanted, "{bytes} of {wanted}");
            self.granted.insert(flow, bytes);
            for tube in path(&self.layout.tubes, self.homes[&flow]) {
                self.tubes[tube].give(bytes as f64, now);
            }
            if self.world.tree.gate(&id(self.homes[&flow])) == Some(Gate::Shaped) {
                self.link.give(bytes as f64, now);
            }
        }
        for (tube, over) in self.tubes.iter().enumerate() {
            prop_assert!(over.holds(), "tube {tube}: {} over {:?}, {} allowed", over.over, over.rate, over.bound);
        }
        prop_assert!(self.link.holds(), "link: {} over, {} allowed", self.link.over, self.link.bound);
        self.conserves()
    }

    /// Nobody waits whom every bucket from its tube to the link would let pass; and the next is due later than now.
    fn conserves(&self) -> Result<(), TestCaseError> {
        let permits = |node: usize| {
            let mut bucket = self.world.tree.nodes[node].bucket.clone();
            bucket.refill(self.world.now, true);
            bucket.permits()
        };
        for flow in self.wants.keys() {
            let tubes = path(&self.layout.tubes, self.homes[flow]);
            let open = tubes.into_iter().all(|tube| permits(self.world.tree.names[&id(tube)]));
            prop_assert!(!open || !permits(LINK), "a flow of tube {} might go and waits", self.homes[flow]);
        }
        match self.world.tree.wake_at(self.world.now) {
            Some(due) => prop_assert!(due > self.world.now),
            None => prop_assert!(self.wants.is_empty()),
        }
        Ok(())
    }

    /// How long each bucket and each floor permits nothing.
    fn debts(&self) -> HashMap<usize, [Duration; 3]> {
        let owed = |bucket: &Bucket| {
            let mut bucket = bucket.clone();
            bucket.refill(self.world.now, true);
            bucket.ready_at().saturating_duration_since(self.world.now)
        };
        let of = |node: &Node| [&node.bucket, &node.own.floor, &node.stake.floor].map(owed);
        self.world.tree.nodes.iter().map(|(key, node)| (key, of(node))).collect()
    }

    fn owes_no_more_than(&self, before: &HashMap<usize, [Duration; 3]>) -> Result<(), TestCaseError> {
        for (key, after) in self.debts() {
            let before = before.get(&key).copied().unwrap_or_default();
            for (before, after) in before.into_iter().zip(after) {
                let most = before.max(LONGEST_DEBT) + Duration::from_micros(1);
                prop_assert!(after <= most, "node {key} owes {after:?} after {before:?}");
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Over any interval no tube gives more than its ceiling brings, its bucket holds and one grant, nor the link more
    /// than its rate and its trickles, while tubes are put elsewhere, ceilings change and a governor turns the link down
    /// and up. Whoever may go, goes. A change leaves no debt longer than 100 ms that was not longer before. No timer
    /// comes back for nothing. In the end everybody is served.
    #[test]
    fn every_bound_holds_through_every_change(layout in layouts(), steps in steps()) {
        let mut play = Play::new(layout);
        for step in steps {
            play.act(step)?;
        }
        play.pass(play.world.now + Duration::from_secs(7200))?;
        prop_assert!(play.wants.is_empty(), "{} wait for ever", play.wants.len());
    }

    /// Ten thousand flows in up to forty tubes at one instant: at that instant the link gets a few milliseconds of what
    /// it carries, and no more than that beyond its rate in any interval after it.
    #[test]
    fn a_crowd_in_many_tubes_is_one_burst(tubes in 1usize..40, link in 2u64..1000, floors in any::<bool>()) {
        let rate = megabits(link);
        let names: Vec<Stretch> = (0..tubes).map(|tube| {
            let floor = floors.then(|| Rate::from_bits_per_second(link * 1_000_000 / 50)).flatten();
            Stretch { floor, ..stretch(&tube.to_string(), None, 1 + u8::try_from(tube % 3).unwrap(), None) }
        }).collect();
        let mut world = World::new(rate, names);
        let flows = if tubes % 8 == 0 { 10_000 } else { 500 };
        for number in 0..flows {
            let flow = world.admit(&(number % tubes).to_string(), number % 250);
            world.tree.enqueue(flow, 16_384, world.now);
        }
        world.give();
        let at_once: usize = world.log.iter().map(|(.., bytes)| bytes).sum();
        let grant = quantum(rate);
        let most = (link as f64 * 125.0 * 2.0).max(3000.0) + 2.0 * grant as f64 + 1500.0;
        prop_assert!(at_once as f64 <= most, "{at_once} at once, {most} allowed");
        world.run(MS * 300, || Duration::ZERO);
        let mut over = Over::default();
        over.rate(rate, Depth::LINK, world.start);
        over.bound += 2.0 * grant as f64 + 1500.0;
        for &(at, _, bytes) in &world.log {
            over.give(bytes as f64, at);
            prop_assert!(over.holds(), "{} over, {} allowed", over.over, over.bound);
        }
    }

    /// While a tube of higher priority waits and may be served, one of lower priority gets its floor and no more.
    #[test]
    fn priority_is_strict_but_for_the_floor(
        link in 4u64..200, floor in prop_oneof![Just(0u64), 1u64..1000], ceiling in kilobits(), within in any::<bool>(),
    ) {
        let kept = Rate::from_bits_per_second(link * floor * 500);
        let outer = within.then_some("outer");
        let mut world = World::new(megabits(link), vec![
            stretch("outer", None, 1, None),
            stretch("high", outer, 2, None),
            Stretch { floor: kept, ..stretch("low", outer, 3, ceiling) },
        ]);
        (0..5).for_each(|who| { world.greedy("high", who); });
        let low: Vec<FlowId> = (0..5).map(|who| world.greedy("low", who)).collect();
        world.run(MS * 4000, || MS / 3);
        let limit = ceiling.map_or(megabits(link), |ceiling| megabits(link).min(Some(ceiling)));
        let claim = trickle(limit, 3).max(limit.and_then(|limit| Some(kept?.min(limit)))).unwrap();
        let mut over = Over { rate: Some(claim), bound: 2.0 * quantum(limit) as f64 + claim.bytes_per_second() * Depth::floor(0).busy.as_secs_f64() + 1.0, ..Over::default() };
        for (at, _, bytes) in world.log.iter().filter(|(_, flow, _)| low.contains(flow)) {
            over.give(*bytes as f64, *at);
            prop_assert!(over.holds(), "{} over {claim}, {} allowed", over.over, over.bound);
        }
        // And it does get that.
        let got = world.rate(&low, MS * 1000, MS * 4000) * 1e6;
        let grant = quantum(limit) as f64 * 8.0 / 3.0;
        prop_assert!(got >= 0.97 * claim.bits_per_second() as f64 - grant, "{got} of {claim}");
    }

    /// Two tubes of one priority that both wait get the same, however long one of them was away and whatever a third of
    /// another priority did meanwhile: one who comes back neither catches up nor has to.
    #[test]
    fn tubes_of_one_priority_get_the_same_whenever_both_wait(
        turns in prop::collection::vec((any::<bool>(), any::<bool>(), 1u32..200), 1..20),
    ) {
        let mut world = World::new(megabits(50), vec![
            stretch("first", None, 1, megabits(30)), stretch("video", None, 2, None), stretch("web", None, 2, None),
        ]);
        let video: Vec<FlowId> = (0..3).map(|who| world.greedy("video", who)).collect();
        let first = world.admit("first", 1);
        let web = world.admit("web", 1);
        for (high, comes, time) in turns {
            for (flow, waits) in [(first, high), (web, comes)] {
                world.tree.cancel(flow);
                world.greedy.remove(&flow);
                if waits {
                    world.greedy.insert(flow, 16_384);
                    world.tree.enqueue(flow, 16_384, world.now);
                }
            }
            let from = world.now - world.start;
            world.run(MS * time, || MS / 3);
            let to = world.now - world.start;
            if comes {
                let (video, web) = (world.got(&video, from, to), world.got(&[web], from, to));
                prop_assert!(video.abs_diff(web) <= 3 * 12_500, "{video} {web} in {time} ms");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Everybody waits, all the time: nobody longer than a time that follows from the tree. A tube on its floor is served
    /// after the time its floor takes to bring a grant, once for each that competes with it; one within another after as
    /// many turns of that one. Within it, once in a round.
    #[test]
    fn nobody_waits_longer_than_its_turn(layout in layouts()) {
        let mut world = World::new(layout.link, layout.tubes);
        let mut flows = Vec::new();
        for tube in 0..6 {
            if world.tree.gate(&id(tube)) == Some(Gate::Shaped) {
                flows.extend((0..3).map(|who| (tube, world.greedy(&tube.to_string(), who))));
            }
        }
        fn turn(tree: &Tree, at: usize) -> f64 {
            let node = &tree.nodes[at];
            let outer = &tree.nodes[node.parent];
            let bytes = |rate: Option<Rate>| rate.map_or(f64::INFINITY, Rate::bytes_per_second);
            let floor = node.quantum as f64 / bytes(node.stake.floor.rate());
            let own = node.quantum as f64 / bytes(node.ceiling);
            let around = if node.parent == LINK {
                outer.quantum as f64 / bytes(trickle(outer.limit, outer.members.len()))
            } else {
                turn(tree, node.parent) * outer.members.len() as f64
            };
            0.002 + floor + own + around
        }
        world.run(MS * 3000, || MS / 2);
        let late = world.now;
        for (tube, flow) in flows {
            let node = &world.tree.nodes[world.tree.names[&id(tube)]];
            let own = node.quantum as f64 / node.own.floor.rate().map_or(f64::INFINITY, Rate::bytes_per_second);
            let turn = turn(&world.tree, world.tree.names[&id(tube)]) * node.members.len() as f64 + own;
            let bound = turn * 2.0 * 3.0;
            let times = world.log.iter().filter(|(_, other, _)| *other == flow).map(|(at, ..)| *at);
            let mut before = world.start;
            for at in times.chain([late]) {
                let waited = at.duration_since(before).as_secs_f64();
                prop_assert!(waited <= bound, "tube {tube} waited {waited} s, {bound} allowed");
                before = at;
            }
        }
    }
}
