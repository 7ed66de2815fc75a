//! The tree in virtual time.

use std::time::Duration;

use super::super::bucket::Depth;
use super::super::node::quantum;
use super::*;
use crate::base::clock;
use proptest::prelude::*;

pub(super) const MS: Duration = Duration::from_millis(1);

pub(super) fn megabits(rate: u64) -> Option<Rate> {
    Rate::from_bits_per_second(rate * 1_000_000)
}

pub(super) fn stretch(name: &str, within: Option<&str>, priority: u8, ceiling: Option<Rate>) -> Stretch {
    Stretch {
        id: TubeId::from(name),
        within: within.map(TubeId::from),
        priority,
        ceiling,
        floor: None,
        share_by: ShareBy::Client,
    }
}

fn sharer(number: usize) -> Sharer {
    Sharer { client: std::net::IpAddr::from([10, 0, 0, u8::try_from(number).unwrap()]), user: None }
}

/// A tree, its clock, and everything that was granted.
pub(super) struct World {
    pub(super) tree: Tree,
    pub(super) start: Moment,
    pub(super) now: Moment,
    pub(super) log: Vec<(Moment, FlowId, usize)>,
    /// Flows that ask for this again as soon as they are granted something.
    pub(super) greedy: HashMap<FlowId, usize>,
}

impl World {
    pub(super) fn new(link: Option<Rate>, tubes: Vec<Stretch>) -> World {
        let start = clock::now();
        let mut tree = Tree::new(start);
        tree.apply(&Layout { link, turns: false, tubes }, start);
        World { tree, start, now: start, log: Vec::new(), greedy: HashMap::new() }
    }

    pub(super) fn admit(&mut self, tube: &str, who: usize) -> FlowId {
        self.tree.admit(&TubeId::from(tube), sharer(who)).unwrap()
    }

    pub(super) fn greedy(&mut self, tube: &str, who: usize) -> FlowId {
        let flow = self.admit(tube, who);
        self.greedy.insert(flow, 16_384);
        self.tree.enqueue(flow, 16_384, self.now);
        flow
    }

    pub(super) fn give(&mut self) {
        while let Some(grant) = self.tree.next(self.now) {
            self.log.push((self.now, grant.flow, grant.bytes));
            if let Some(want) = self.greedy.get(&grant.flow) {
                self.tree.enqueue(grant.flow, *want, self.now);
            }
        }
    }

    /// Goes from due moment to due moment, each time late by what `late` says.
    pub(super) fn run(&mut self, time: Duration, mut late: impl FnMut() -> Duration) {
        let end = self.now + time;
        loop {
            self.give();
            match self.tree.wake_at(self.now) {
                Some(due) if due <= end => {
                    assert!(due > self.now, "due now, but nothing was given");
                    self.now = due + late();
                }
                _ => break,
            }
        }
        self.now = self.now.max(end);
        self.give();
    }

    pub(super) fn got(&self, flows: &[FlowId], from: Duration, to: Duration) -> usize {
        let span = self.start + from..self.start + to;
        self.log.iter().filter(|(at, flow, _)| span.contains(at) && flows.contains(flow)).map(|(.., bytes)| bytes).sum()
    }

    pub(super) fn rate(&self, flows: &[FlowId], from: Duration, to: Duration) -> f64 {
        self.got(flows, from, to) as f64 * 8.0 / (to - from).as_secs_f64() / 1e6
    }
}

fn example() -> Vec<Stretch> {
    vec![
        stretch("clinical", None, 0, None),
        stretch("internet", None, 1, megabits(60)),
        stretch("social", Some("internet"), 2, megabits(30)),
    ]
}

#[test]
fn a_ceiling_is_held_and_reached_though_every_timer_is_late() {
    for (flows, late) in [(1, 0), (1, 2), (16, 2), (16, 8), (200, 2)] {
        let mut world = World::new(megabits(100), example());
        let all: Vec<FlowId> = (0..flows).map(|number| world.greedy("social", number)).collect();
        let mut turn = 0;
        world.run(Duration::from_secs(3), || {
            turn += 1;
            MS * (turn % (late + 1))
        });
        let rate = world.rate(&all, MS * 1000, MS * 3000);
        assert!((29.4..=30.3).contains(&rate), "{flows} flows, late by {late}: {rate}");
    }
}

#[test]
fn a_crowd_that_starts_at_once_gets_no_more_at_first_than_a_few_milliseconds_of_its_tube() {
    let mut world = World::new(megabits(100), example());
    let all: Vec<FlowId> = (0..200).map(|number| world.greedy("social", number)).collect();
    world.give();
    // 4 ms of 30 Mbit/s and one grant.
    assert!(world.got(&all, Duration::ZERO, MS) <= 15_000 + 7_500);
}

#[test]
fn the_higher_priority_goes_first_and_the_lower_keeps_a_trickle() {
    let mut world = World::new(megabits(100), example());
    let internet: Vec<FlowId> = (0..4).map(|number| world.greedy("internet", number)).collect();
    let social: Vec<FlowId> = (0..4).map(|number| world.greedy("social", number)).collect();
    world.run(MS * 3000, || MS);
    let (internet, social) = (world.rate(&internet, MS * 1000, MS * 3000), world.rate(&social, MS * 1000, MS * 3000));
    assert!((0.55..=0.7).contains(&social), "{social}");
    assert!((58.5..=60.6).contains(&(internet + social)), "{internet}");
}

#[test]
fn what_one_tube_leaves_another_may_use_up_to_its_ceiling() {
    let mut world = World::new(megabits(50), example());
    let social: Vec<FlowId> = (0..4).map(|number| world.greedy("social", number)).collect();
    world.run(MS * 2000, || MS);
    assert!((29.4..=30.3).contains(&world.rate(&social, MS * 1000, MS * 2000)));
    let internet: Vec<FlowId> = (0..4).map(|number| world.greedy("internet", number)).collect();
    world.run(MS * 2000, || MS);
    let all: Vec<FlowId> = social.iter().chain(&internet).copied().collect();
    // The link is smaller than the ceiling of `internet`.
    assert!((49.0..=50.5).contains(&world.rate(&all, MS * 3000, MS * 4000)));
}

#[test]
fn tubes_of_one_priority_share_alike() {
    let tubes = vec![stretch("video", None, 1, None), stretch("web", None, 1, None)];
    let mut world = World::new(megabits(40), tubes);
    let video: Vec<FlowId> = (0..9).map(|number| world.greedy("video", number)).collect();
    let web = world.greedy("web", 100);
    world.run(MS * 2000, || MS);
    let (video, web) = (world.rate(&video, MS * 500, MS * 2000), world.rate(&[web], MS * 500, MS * 2000));
    assert!((video - web).abs() < 0.5 && video > 19.5, "{video} {web}");
}

#[test]
fn clear_traffic_never_waits_and_is_taken_from_the_others_but_for_their_trickle() {
    let mut world = World::new(megabits(50), example());
    assert_eq!(world.tree.gate(&TubeId::from("clinical")), Some(Gate::Clear));
    assert_eq!(world.tree.gate(&TubeId::from("internet")), Some(Gate::Shaped));
    let internet = world.greedy("internet", 1);
    for (clinical, expected) in [(0, 49.0..50.5), (30, 19.0..20.5), (80, 0.9..1.3), (0, 47.0..50.5)] {
        let from = world.now - world.start + MS * 200;
        for _ in 0..2200 {
            world.run(MS, || Duration::ZERO);
            world.tree.charge(clinical * 125, world.now);
        }
        let rate = world.rate(&[internet], from, from + MS * 2000);
        assert!(expected.contains(&rate), "beside {clinical} Mbit/s: {rate}");
    }
}

#[test]
fn a_tube_without_a_limit_around_it_is_free_and_one_within_a_ceiling_is_not_clear() {
    let mut tubes = example();
    tubes.push(stretch("urgent", Some("internet"), 0, None));
    tubes.push(stretch("guests", None, 3, None));
    for (link, name, gate) in [
        (megabits(50), "clinical", Gate::Clear),
        (megabits(50), "guests", Gate::Shaped),
        (megabits(50), "urgent", Gate::Shaped),
        (None, "clinical", Gate::Free),
        (None, "guests", Gate::Free),
        (None, "urgent", Gate::Shaped),
        (None, "social", Gate::Shaped),
    ] {
        let world = World::new(link, tubes.clone());
        assert_eq!(world.tree.gate(&TubeId::from(name)), Some(gate), "{name} on {link:?}");
    }
}

#[test]
fn flows_that_wait_when_their_tube_becomes_clear_are_served_at_once() {
    let mut tubes = vec![stretch("clinical", None, 0, megabits(1)), stretch("other", None, 1, None)];
    let mut world = World::new(megabits(2), tubes.clone());
    for number in 0..20 {
        let flow = world.admit("clinical", number);
        world.tree.enqueue(flow, 16_384, world.now);
    }
    world.give();
    assert!(world.log.len() < 20);
    tubes[0].ceiling = None;
    world.tree.apply(&Layout { link: megabits(2), turns: false, tubes }, world.now);
    world.give();
    assert_eq!(world.log.len(), 20);
    assert_eq!(world.tree.wake_at(world.now), None);
}

#[test]
fn a_change_of_ceiling_holds_from_that_moment() {
    let mut world = World::new(megabits(100), example());
    let all: Vec<FlowId> = (0..16).map(|number| world.greedy("social", number)).collect();
    for (ceiling, expected) in [(30, 29.4..30.4), (5, 4.8..5.2), (20, 19.5..20.4)] {
        let mut tubes = example();
        tubes[2].ceiling = megabits(ceiling);
        world.tree.apply(&Layout { link: megabits(100), turns: false, tubes }, world.now);
        let from = world.now - world.start;
        world.run(MS * 1000, || MS);
        let rate = world.rate(&all, from + MS * 20, from + MS * 1000);
        assert!(expected.contains(&rate), "{ceiling}: {rate}");
    }
}

#[test]
fn a_tube_that_is_gone_keeps_its_ceiling_until_its_flows_have_left() {
    let mut world = World::new(megabits(100), example());
    let flow = world.greedy("social", 1);
    let tubes = vec![stretch("clinical", None, 0, None)];
    let layout = Layout { link: megabits(100), turns: false, tubes };
    world.tree.apply(&layout, world.now);
    world.run(MS * 1000, || MS);
    assert!((29.0..=30.6).contains(&world.rate(&[flow], Duration::ZERO, MS * 1000)));
    world.tree.leave(flow);
    world.tree.apply(&layout, world.now);
    assert_eq!(world.tree.names.len(), 1);
    assert_eq!(world.tree.nodes.len(), 2);
}

#[test]
fn a_flow_that_moves_goes_on_waiting_in_the_other_tube() {
    let mut world = World::new(megabits(100), example());
    let tied: Vec<FlowId> = (0..30).map(|number| world.greedy("social", number)).collect();
    world.run(MS * 10, || MS);
    let flow = *tied.iter().find(|flow| world.log.iter().all(|(_, other, _)| other != *flow)).unwrap();
    let want = world.tree.wanted(flow);
    assert!(world.tree.shift(flow, &TubeId::from("internet"), world.now));
    assert_eq!(world.tree.wanted(flow), want);
    world.give();
    assert_eq!(world.log.last().map(|(_, flow, _)| *flow), Some(flow));
    assert!(!world.tree.shift(flow, &TubeId::from("nowhere"), world.now));
}

#[test]
fn another_way_of_sharing_takes_the_waiting_along() {
    let mut world = World::new(megabits(100), example());
    // One client with nine flows against one with one.
    let many: Vec<FlowId> = (0..9).map(|_| world.greedy("social", 1)).collect();
    let one = world.greedy("social", 2);
    for (share_by, part) in [(ShareBy::Client, 0.5), (ShareBy::Flow, 0.1), (ShareBy::Client, 0.5)] {
        let mut tubes = example();
        tubes[2].share_by = share_by;
        world.tree.apply(&Layout { link: megabits(100), turns: false, tubes }, world.now);
        let from = world.now - world.start;
        world.run(MS * 1000, || MS);
        let (one, many) = (world.rate(&[one], from, from + MS * 1000), world.rate(&many, from, from + MS * 1000));
        assert!((one / (one + many) - part).abs() < 0.02, "{share_by:?}: {one} {many}");
    }
}

/// Up to four tubes, each within the link or one before it.
fn trees() -> impl Strategy<Value = (Option<Rate>, Vec<Stretch>)> {
    let rate =
        prop_oneof![Just(None), (1_000u64..30_000).prop_map(|kilobits| Rate::from_bits_per_second(kilobits * 1000))];
    let tube = (0u8..4, rate.clone(), 0usize..5);
    (rate, prop::collection::vec(tube, 1..5)).prop_map(|(link, tubes)| {
        let tubes = tubes.into_iter().enumerate().map(|(number, (priority, ceiling, within))| {
            let within = (within < number).then(|| within.to_string());
            stretch(&number.to_string(), within.as_deref(), priority, ceiling)
        });
        (link, tubes.collect())
    })
}

#[derive(Clone, Debug)]
enum Step {
    Ask { flow: usize, want: usize },
    Cancel { flow: usize },
    Move { flow: usize, tube: usize },
    Charge { bytes: usize },
    Pass { micros: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0usize..24, 1usize..70_000).prop_map(|(flow, want)| Step::Ask { flow, want }),
        1 => (0usize..24).prop_map(|flow| Step::Cancel { flow }),
        1 => (0usize..24, 0usize..4).prop_map(|(flow, tube)| Step::Move { flow, tube }),
        1 => (0usize..20_000).prop_map(|bytes| Step::Charge { bytes }),
        4 => (0u64..9_000).prop_map(|micros| Step::Pass { micros }),
    ];
    prop::collection::vec(step, 1..400)
}

/// The tubes from one to the outermost, by number.
pub(super) fn path(tubes: &[Stretch], mut at: usize) -> Vec<usize> {
    let mut path = vec![at];
    while let Some(within) = &tubes[at].within {
        at = within.as_str().parse().unwrap();
        path.push(at);
    }
    path
}

/// The most a sequence of grants exceeded a rate by, over any interval, in bytes.
fn excess(grants: &[(Moment, usize)], rate: Rate) -> f64 {
    let (mut over, mut worst) = (0f64, 0f64);
    let mut before = None;
    for &(at, bytes) in grants {
        if let Some(before) = before {
            over = (over - at.duration_since(before).as_secs_f64() * rate.bytes_per_second()).max(0.0);
        }
        over += bytes as f64;
        worst = worst.max(over);
        before = Some(at);
    }
    worst
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Over any interval no tube gives more than its ceiling, its depth and one grant, whatever its flows and those of the
    /// tubes within do; nothing that waits is forgotten; and a tube that may give, gives.
    #[test]
    fn ceilings_hold_and_nobody_is_forgotten((link, tubes) in trees(), steps in steps()) {
        let mut world = World::new(link, tubes.clone());
        let mut homes: Vec<usize> = (0..24).map(|flow| flow % tubes.len()).collect();
        let flows: Vec<FlowId> = homes.iter().enumerate().map(|(flow, home)| world.admit(&home.to_string(), flow / 3)).collect();
        let mut wants = vec![0usize; flows.len()];
        let mut grants: Vec<Vec<(Moment, usize)>> = vec![Vec::new(); tubes.len()];
        for step in steps {
            match step {
                Step::Ask { flow, want } => {
                    world.tree.enqueue(flows[flow], want, world.now);
                    wants[flow] = wants[flow].max(want);
                }
                Step::Cancel { flow } => {
                    world.tree.cancel(flows[flow]);
                    wants[flow] = 0;
                }
                Step::Move { flow, tube } => {
                    let tube = tube % tubes.len();
                    prop_assert!(world.tree.shift(flows[flow], &TubeId::from(tube.to_string().as_str()), world.now));
                    homes[flow] = tube;
                }
                Step::Charge { bytes } => world.tree.charge(bytes, world.now),
                Step::Pass { micros } => world.now += Duration::from_micros(micros),
            }
            let logged = world.log.len();
            world.give();
            for &(at, id, bytes) in &world.log[logged..] {
                let flow = flows.iter().position(|flow| *flow == id).unwrap();
                prop_assert!(bytes > 0 && bytes <= wants[flow]);
                wants[flow] = 0;
                for tube in path(&tubes, homes[flow]) {
                    grants[tube].push((at, bytes));
                }
            }
            for (flow, want) in wants.iter().enumerate() {
                prop_assert_eq!(world.tree.wanted(flows[flow]), *want);
            }
            match world.tree.wake_at(world.now) {
                Some(due) => prop_assert!(due > world.now, "it may give, and does not"),
                None => prop_assert!(wants.iter().all(|want| *want == 0)),
            }
        }
        for (tube, grants) in tubes.iter().zip(&grants) {
            if let Some(rate) = tube.ceiling {
                let depth = (rate.bytes_per_second() * Depth::TUBE.busy.as_secs_f64()).max(3000.0);
                let grant = quantum(Some(rate)) as f64;
                prop_assert!(excess(grants, rate) <= depth + grant + 1.0, "{} {rate:?}", excess(grants, rate));
            }
        }
        // All that still wait are served in the end.
        world.run(Duration::from_secs(3600), || Duration::ZERO);
        prop_assert_eq!(world.tree.wake_at(world.now), None);
        prop_assert!(flows.iter().all(|flow| world.tree.wanted(*flow) == 0));
    }

}

proptest! {
    // Each case is seconds of saturated tubes; a debug build does some 100,000 grants a second.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// While greedy flows wait everywhere, every tube moves, and the link (or what the tubes' ceilings leave of it) is used.
    #[test]
    fn no_tube_starves_and_nothing_is_left_unused((link, tubes) in trees()) {
        let mut world = World::new(link, tubes.clone());
        let bounded = |tube: usize| link.is_some() || path(&tubes, tube).iter().any(|tube| tubes[*tube].ceiling.is_some());
        let mut flows = vec![Vec::new(); tubes.len()];
        for tube in (0..tubes.len()).filter(|tube| bounded(*tube)) {
            if world.tree.gate(&TubeId::from(tube.to_string().as_str())) == Some(Gate::Shaped) {
                flows[tube] = (0..3).map(|who| world.greedy(&tube.to_string(), who)).collect();
            }
        }
        world.run(Duration::from_secs(12), || Duration::from_micros(700));
        for (tube, flows) in flows.iter().enumerate().filter(|(_, flows)| !flows.is_empty()) {
            let last = world.log.iter().rev().find(|(_, flow, _)| flows.contains(flow));
            prop_assert!(last.is_some(), "tube {tube} starved");
        }
        // What a subtree can use at most: its ceiling, or what its members can.
        let mut most: Vec<f64> = vec![0.0; tubes.len() + 1];
        for tube in (0..tubes.len()).rev() {
            let own = if flows[tube].is_empty() { 0.0 } else { f64::INFINITY };
            let ceiling = tubes[tube].ceiling.map_or(f64::INFINITY, Rate::bytes_per_second);
            let usable = (most[tube] + own).min(ceiling);
            let parent = tubes[tube].within.as_ref().map_or(tubes.len(), |id| id.as_str().parse().unwrap());
            most[parent] += usable;
        }
        let most = most[tubes.len()].min(link.map_or(f64::INFINITY, Rate::bytes_per_second));
        if most.is_finite() && most > 0.0 {
            let all: Vec<FlowId> = flows.concat();
            let rate = world.rate(&all, MS * 1000, MS * 12_000) * 125_000.0;
            prop_assert!(rate >= 0.98 * most, "{rate} of {most}");
        }
    }
}
