//! The governor alone, then in a loop with a link that does what links do; both in virtual time.

use super::*;
use crate::base::TubeId;
use crate::base::clock;
use crate::tube::queue::Queue;
use crate::tube::share::Sharer;
use crate::tube::spec::ShareBy;
use crate::tube::tree::{FlowId, Layout, Stretch, Tree};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::net::IpAddr;

const MS: Duration = Duration::from_millis(1);
/// 40 Mbit/s: 5,000 bytes a millisecond.
const LINK: u64 = 40_000_000;
const BYTES_A_MS: u64 = LINK / 8000;

#[allow(clippy::cast_possible_truncation)] // a few gigabytes
fn bytes(count: f64) -> u64 {
    count as u64
}

/// One way of a link, looked at every two milliseconds.
struct Watch {
    governor: Governor,
    now: Moment,
    wire: Option<u64>,
    passed: u64,
    queue: Option<Duration>,
    clear: Option<Moment>,
}

impl Watch {
    fn new(direction: Direction) -> Watch {
        let mut governor = Governor::new(direction);
        governor.set_link(Rate::from_bits_per_second(LINK));
        Watch { governor, now: clock::now(), wire: Some(7_000_000), passed: 0, queue: None, clear: None }
    }

    fn look(&mut self) -> Setting {
        let Watch { now, wire, passed, queue, clear, .. } = *self;
        self.governor.look(Sight { now, wire, passed, queue, clear, known: None })
    }

    /// So long the wire carries and payload passes, both in parts of the link.
    fn run(&mut self, time: Duration, wire: f64, payload: f64) -> Setting {
        let mut setting = self.look();
        for _ in 0..time.as_millis() / 2 {
            self.now += MS * 2;
            self.wire = self.wire.map(|count| count + bytes(wire * 2.0 * BYTES_A_MS as f64));
            self.passed += bytes(payload * 2.0 * BYTES_A_MS as f64);
            setting = self.look();
        }
        setting
    }

    fn clear(&mut self) {
        self.clear = Some(self.now);
    }
}

/// Of the link, what may be given out.
fn part(setting: Setting) -> f64 {
    setting.rate.unwrap().bits_per_second() as f64 / LINK as f64
}

fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 0.005
}

#[test]
fn without_a_rate_nothing_is_said() {
    let mut watch = Watch::new(Direction::Down);
    watch.governor.set_link(None);
    assert_eq!(
        watch.run(MS * 20, 1.0, 0.5),
        Setting { rate: None, behind: Duration::ZERO, turns: None, counts_clear: false }
    );
    assert_eq!(watch.governor.behind(), Duration::ZERO);
}

#[test]
fn more_is_given_out_while_no_clear_traffic_could_meet_the_queue() {
    for (direction, beside) in [(Direction::Down, 0.92), (Direction::Up, 0.89)] {
        let mut watch = Watch::new(direction);
        assert!(near(part(watch.run(MS * 100, 0.5, 0.5)), 0.98));
        watch.clear();
        assert!(near(part(watch.run(MS * 9900, 0.5, 0.5)), beside), "{direction:?}");
        assert!(near(part(watch.run(MS * 200, 0.5, 0.5)), 0.98), "ten seconds after the last of it");
    }
}

#[test]
fn bytes_that_are_nobodys_are_taken_from_what_is_given_out_and_no_more() {
    for alien in [0.05, 0.2, 0.5] {
        let mut watch = Watch::new(Direction::Down);
        let setting = watch.run(MS * 2000, 0.4 + alien, 0.4);
        assert!(near(part(setting), 0.98 - alien), "{alien}: {setting:?}");
        // And given back when they are gone.
        assert!(near(part(watch.run(MS * 2000, 0.4, 0.4)), 0.98));
    }
    // More than the link carries, of the wire and not of payload, still leaves a trickle.
    assert!(near(part(Watch::new(Direction::Down).run(MS * 2000, 1.5, 0.1)), 0.02));
}

#[test]
fn clear_turns_leave_the_wire_to_drain_but_keep_half_of_the_link_whatever_is_on_it() {
    let part = |setting: Setting| setting.turns.unwrap().bits_per_second() as f64 / LINK as f64;
    for (alien, expected) in [(0.05, 0.95), (0.3, 0.7), (0.9, 0.5), (3.0, 0.5)] {
        let setting = Watch::new(Direction::Up).run(MS * 2000, alien, 0.0);
        assert!(near(part(setting), expected), "{alien}: {setting:?}");
    }
    // 15 ms of payload at once: 7 more than may stand are a quarter of what halts.
    let mut watch = Watch::new(Direction::Up);
    watch.run(MS * 1000, 0.5, 0.5);
    watch.run(MS * 2, 8.5, 8.5);
    assert_eq!(watch.governor.behind().as_millis(), 15);
    let setting = watch.look();
    assert!(near(part(setting), 1.0 - 7.0 / 30.0), "{setting:?}");
}

#[test]
fn a_trial_of_the_link_holds_clear_turns_to_what_is_known() {
    let mut governor = Governor::new(Direction::Up);
    governor.set_link(Rate::from_bits_per_second(LINK / 2));
    let known = Rate::from_bits_per_second(LINK);
    let sight = Sight { now: clock::now(), wire: Some(0), passed: 0, queue: None, clear: None, known };
    assert_eq!(governor.look(sight).turns, known);
}

#[test]
fn payload_that_has_not_reached_the_wire_is_no_reason_to_give_out_more() {
    assert!(near(part(Watch::new(Direction::Down).run(MS * 1000, 0.2, 0.6)), 0.98));
}

#[test]
fn a_counter_that_begins_anew_is_not_a_flood() {
    let mut watch = Watch::new(Direction::Up);
    for anew in [0, 3_000] {
        let before = watch.run(MS * 1000, 0.6, 0.5);
        watch.wire = Some(anew);
        watch.now += MS * 2;
        assert_eq!(watch.look(), before);
        let after = watch.run(MS * 200, 0.6, 0.5);
        assert!(near(part(after), part(before)) && after.behind < MS, "{after:?}");
    }
}

#[test]
fn two_looks_at_one_moment_say_the_same() {
    let mut watch = Watch::new(Direction::Up);
    let before = watch.run(MS * 500, 0.6, 0.5);
    assert_eq!(watch.look(), before);
}

#[test]
fn where_nobody_counts_headers_are_allowed_for() {
    let mut watch = Watch::new(Direction::Down);
    watch.wire = None;
    let setting = watch.run(MS * 100, 0.0, 0.8);
    assert!(near(part(setting), 0.98 - 0.06) && setting.behind.is_zero(), "{setting:?}");
    assert!(!watch.governor.counts());
    // Somebody begins to count, and stops again.
    watch.wire = Some(0);
    assert!(near(part(watch.run(MS * 3000, 0.8, 0.8)), 0.98));
    assert!(watch.governor.counts());
    watch.wire = None;
    assert!(near(part(watch.run(MS * 4, 0.8, 0.8)), 0.98 - 0.06));
}

#[test]
fn what_the_way_up_was_given_and_cannot_have_carried_is_behind_until_it_has_drained() {
    let mut watch = Watch::new(Direction::Up);
    watch.run(MS * 1000, 0.5, 0.5);
    // 20 ms of the link in one look: 2 of them have passed.
    watch.wire = watch.wire.map(|wire| wire + 20 * BYTES_A_MS);
    watch.now += MS * 2;
    let behind = watch.look().behind;
    assert!(behind.abs_diff(MS * 18) < MS / 10, "{behind:?}");
    assert_eq!(behind, watch.governor.behind());
    let behind = watch.run(MS * 10, 0.0, 0.0).behind;
    assert!(behind.abs_diff(MS * 8) < MS / 10, "{behind:?}");
    assert_eq!(watch.run(MS * 10, 0.0, 0.0).behind, Duration::ZERO);
    // It is never more than a second, so that a wrong rate does not halt the way up for ever.
    assert!(watch.run(MS * 20_000, 5.0, 0.5).behind <= MS * 1000);
}

#[test]
fn a_queue_slows_in_proportion_from_eight_to_thirty_eight_milliseconds() {
    for (queue, expected) in [(0, 0.98), (8, 0.98), (23, 0.49), (38, 0.02), (500, 0.02)] {
        let mut watch = Watch::new(Direction::Down);
        // Without pause, so that the wire does not contradict, but not for so long that it would itself tell.
        watch.run(MS * 40, 1.0, 1.0);
        watch.governor.busy = MS * 40;
        watch.queue = Some(MS * queue);
        let setting = watch.look();
        assert!(near(part(setting), expected), "{queue}: {setting:?}");
    }
}

#[test]
fn round_trips_are_not_believed_beyond_what_a_wire_without_pause_can_have_gathered() {
    let mut watch = Watch::new(Direction::Down);
    watch.queue = Some(MS * 500);
    assert!(near(part(watch.run(MS * 500, 0.8, 0.8)), 0.98), "the wire pauses: no queue stands, whatever they say");
    // Where nobody counts, they are all there is.
    watch.wire = None;
    assert!(near(part(watch.run(MS * 4, 0.8, 0.8)), 0.02));
}

#[test]
fn a_wire_without_pause_has_a_queue_though_no_round_trip_tells() {
    let mut watch = Watch::new(Direction::Down);
    assert!(near(part(watch.run(MS * 100, 1.0, 1.0)), 0.98));
    // A tenth of what it is busy beyond 40 ms, less the 8 that are free.
    let setting = watch.run(MS * 160, 1.0, 1.0);
    let busy = watch.governor.busy.as_secs_f64() * 1e3;
    assert!(
        near(part(setting), 0.98 * (1.0 - ((busy - 40.0) / 10.0 - 8.0) / 30.0)) && part(setting) < 0.6,
        "{setting:?}"
    );
    assert!(near(part(watch.run(MS * 500, 1.0, 1.0)), 0.02));
    assert!(near(part(watch.run(MS * 20, 0.5, 0.5)), 0.98), "after a pause");
}

/// A link: what is sent arrives a while later, waits in a FIFO, and is carried at its rate.
struct Wire {
    /// Bytes that arrive so much later.
    coming: VecDeque<f64>,
    fifo: f64,
    carried: f64,
    sent: f64,
    used: f64,
}

struct Scene {
    direction: Direction,
    /// From a grant to its bytes, in milliseconds.
    delay: usize,
    /// What the link carries of what it is said to carry.
    real: f64,
    /// Bytes that are nobody's, of the link, in each 50 ms.
    alien: Vec<f64>,
    counted: bool,
    clear: bool,
    seed: u64,
}

/// Use of the link and the queue in milliseconds, at each millisecond after the first second.
fn play(scene: &Scene, seconds: usize) -> (f64, Vec<f64>) {
    let start = clock::now();
    let mut watch = Watch::new(scene.direction);
    let rate = Rate::from_bits_per_second(LINK);
    let mut tree = Tree::new(start);
    let (id, share_by) = (TubeId::from("internet"), ShareBy::Client);
    let tube = Stretch { id: id.clone(), within: None, priority: 1, ceiling: None, floor: None, share_by };
    tree.apply(&Layout { link: rate, turns: false, tubes: vec![tube] }, start);
    let who = |number: u8| Sharer { client: IpAddr::from([10, 0, 0, number]), user: None };
    let flows: Vec<FlowId> = (0..20).filter_map(|number| tree.admit(&id, who(number))).collect();
    flows.iter().for_each(|flow| tree.enqueue(*flow, 16_384, start));
    let mut queue = Queue::default();
    let mut wire = Wire { coming: vec![0.0; scene.delay].into(), fifo: 0.0, carried: 0.0, sent: 0.0, used: 0.0 };
    let mut queues = Vec::new();
    let mut random = scene.seed;
    let real = BYTES_A_MS as f64 * scene.real;
    for millisecond in 0..seconds * 1000 {
        let now = start + MS * u32::try_from(millisecond).unwrap();
        let mut given = 0;
        while let Some(grant) = tree.next(now) {
            given += grant.bytes;
            tree.enqueue(grant.flow, 16_384, now);
        }
        // Headers make 4% more of it.
        wire.coming.push_back(given as f64 * 1.04);
        let alien = scene.alien[millisecond / 50 % scene.alien.len()] * BYTES_A_MS as f64;
        let arrives = wire.coming.pop_front().unwrap() + alien;
        wire.sent += arrives;
        wire.fifo += arrives;
        let carries = wire.fifo.min(real);
        wire.fifo -= carries;
        wire.carried += carries;
        let stands = wire.fifo / real;
        if millisecond >= 1000 {
            queues.push(stands);
            wire.used += carries;
        }
        // A handshake every 5 ms or so tells what it met.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if millisecond % 5 == 4 {
            let noise = (random >> 33) as f64 / (1u64 << 31) as f64 * 3.0;
            queue.seen(IpAddr::from([192, 0, 2, 1]), MS.mul_f64(16.0 + stands + noise), now);
        }
        if millisecond % 2 == 1 {
            let counter = if scene.direction == Direction::Up { wire.sent } else { wire.carried };
            watch.now = now;
            watch.wire = scene.counted.then_some(bytes(counter));
            watch.passed = tree.passed();
            watch.queue = queue.standing(now).filter(|_| scene.direction == Direction::Down || !scene.counted);
            if scene.clear {
                watch.clear();
            }
            let setting = watch.look();
            tree.govern(&setting, now);
        }
    }
    (wire.used / (real * (seconds - 1) as f64 * 1000.0), queues)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Senders who send all they are granted, a round trip later, beside traffic that nobody accounts for: the queue is
    /// bounded and the link is used.
    #[test]
    fn the_queue_is_bounded_and_the_link_used(
        up in any::<bool>(), counted in any::<bool>(), clear in any::<bool>(), delay in 1usize..40,
        alien in prop::collection::vec(0.0f64..0.2, 1..40), seed in any::<u64>(),
    ) {
        let (direction, delay) = if up { (Direction::Up, 1) } else { (Direction::Down, delay) };
        let (used, mut queues) = play(&Scene { direction, delay, real: 1.0, alien, counted, clear, seed }, 6);
        queues.sort_by(f64::total_cmp);
        let (most, nearly) = (queues[queues.len() - 1], queues[queues.len() * 95 / 100]);
        prop_assert!(used >= 0.88, "used {used}");
        prop_assert!(most <= 30.0 && nearly <= 20.0, "{most} {nearly}");
    }
}

/// A link that carries less than its file says: where only round trips tell, the queue is bounded all the same. (Where
/// the wire is counted and carries less than 0.93 of what it should, it seems to pause, and they are not believed.)
#[test]
fn a_link_that_carries_less_than_it_should_is_survived() {
    for (real, counted, delay) in [(0.9, false, 10), (0.7, false, 10), (0.7, false, 30), (0.5, false, 20)] {
        let direction = Direction::Down;
        let scene = Scene { direction, delay, real, alien: vec![0.0, 0.05], counted, clear: true, seed: 1 };
        let (used, mut queues) = play(&scene, 6);
        queues.sort_by(f64::total_cmp);
        let (most, nearly) = (queues[queues.len() - 1], queues[queues.len() * 95 / 100]);
        assert!(used >= 0.95 && most <= 60.0 && nearly <= 50.0, "{real} {counted} {delay}: {used} {most} {nearly}");
    }
}
