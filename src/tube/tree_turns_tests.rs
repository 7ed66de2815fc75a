//! Floors, trickles and turns between tubes: the cases that were found to matter, in virtual time.

use super::super::governor::{Governor, Sight};
use super::tests::{MS, World, megabits, stretch};
use super::*;
use crate::base::Direction;
use std::time::Duration;

#[test]
fn a_floor_is_kept_from_higher_priorities_but_not_from_clear_traffic() {
    let mut low = stretch("low", None, 2, megabits(30));
    low.floor = megabits(8);
    let mut world =
        World::new(megabits(50), vec![stretch("clear", None, 0, None), stretch("high", None, 1, None), low]);
    let high = world.greedy("high", 1);
    let low = world.greedy("low", 1);
    let mut share = |clear: usize, from: u32| {
        for _ in 0..2000 {
            world.run(MS, || Duration::ZERO);
            world.tree.charge(clear * 125, world.now);
        }
        let (from, to) = (MS * (from + 200), MS * (from + 2000));
        (world.rate(&[high], from, to), world.rate(&[low], from, to))
    };
    let (high, low) = share(0, 0);
    assert!((7.8..=8.4).contains(&low) && (49.0..=50.5).contains(&(high + low)), "{high} {low}");
    let (high, low) = share(40, 2000);
    assert!((7.8..=8.4).contains(&low) && (9.5..=10.5).contains(&(high + low)), "{high} {low}");
    let (high, low) = share(60, 4000);
    assert!(low >= 0.3 && high + low <= 1.05, "beside clear traffic that takes it all: {high} {low}");
}

#[test]
fn floors_that_are_more_than_there_is_are_each_kept_in_turn() {
    let tubes = ["a", "b", "c"].map(|name| Stretch { floor: megabits(8), ..stretch(name, None, 1, None) });
    let mut world = World::new(megabits(12), tubes.to_vec());
    let flows = ["a", "b", "c"].map(|name| world.greedy(name, 1));
    world.run(MS * 3000, || MS);
    for flow in flows {
        assert!((3.8..=4.2).contains(&world.rate(&[flow], MS * 500, MS * 3000)));
    }
}

#[test]
fn fifty_trickles_leave_priorities_their_say() {
    let mut tubes = vec![stretch("first", None, 1, None)];
    tubes.extend((0..60).map(|tube| stretch(&tube.to_string(), None, 2, None)));
    let mut world = World::new(megabits(100), tubes);
    let first = world.greedy("first", 1);
    let others: Vec<FlowId> = (0..60).map(|tube| world.greedy(&tube.to_string(), 2)).collect();
    world.run(MS * 3000, || Duration::ZERO);
    let (first, others) = (world.rate(&[first], MS * 1000, MS * 3000), world.rate(&others, MS * 1000, MS * 3000));
    assert!(first >= 79.0 && (17.0..=21.0).contains(&others), "{first} {others}");
}

#[test]
fn a_tube_put_elsewhere_starts_level_with_those_it_finds_there() {
    let tubes = |within| {
        vec![
            stretch("outer", None, 1, None),
            stretch("here", Some("outer"), 1, None),
            stretch("moved", within, 1, None),
        ]
    };
    let mut world = World::new(megabits(40), tubes(None));
    let moved = world.greedy("moved", 1);
    world.run(MS * 4000, || MS);
    world.tree.apply(&Layout { link: megabits(40), turns: false, tubes: tubes(Some("outer")) }, world.now);
    let here = world.greedy("here", 1);
    world.run(MS * 1000, || MS);
    let (moved, here) = (world.rate(&[moved], MS * 4000, MS * 5000), world.rate(&[here], MS * 4000, MS * 5000));
    assert!((moved - here).abs() < 1.0, "{moved} {here}");
}

#[test]
fn who_comes_back_is_level_with_its_equals_not_with_those_served_before_it() {
    let tubes =
        [stretch("first", None, 1, megabits(30)), stretch("video", None, 2, None), stretch("web", None, 2, None)];
    let mut world = World::new(megabits(40), tubes.to_vec());
    let video = world.greedy("video", 1);
    world.greedy("first", 1);
    world.run(MS * 5000, || Duration::ZERO);
    let web = world.greedy("web", 1);
    world.run(MS * 1000, || Duration::ZERO);
    let (video, web) = (world.rate(&[video], MS * 5000, MS * 6000), world.rate(&[web], MS * 5000, MS * 6000));
    assert!((4.5..=5.5).contains(&web) && (4.5..=5.5).contains(&video), "{video} {web}");
}

/// A link of 20 Mbit/s on which clear flows take turns.
fn turns(tubes: Vec<Stretch>) -> World {
    let mut world = World::new(megabits(20), tubes.clone());
    world.tree.apply(&Layout { link: megabits(20), turns: true, tubes }, world.now);
    world
}

#[test]
fn clear_uploads_go_whole_one_after_another_and_no_faster_than_the_link() {
    let mut world = turns(vec![stretch("clinical", None, 0, None), stretch("social", None, 1, None)]);
    assert_eq!(world.tree.gate(&TubeId::from("clinical")), Some(Gate::Turns));
    let social = world.greedy("social", 9);
    let referrals: Vec<FlowId> = (0..3).map(|who| world.admit("clinical", who)).collect();
    let mut left = [100_000usize; 3];
    let mut done = [Duration::ZERO; 3];
    // Each asks for the next piece only when the last has been granted, as a relay does.
    while left.iter().any(|left| *left > 0) {
        for (&flow, left) in referrals.iter().zip(&left) {
            world.tree.enqueue(flow, (*left).min(65_536), world.now);
        }
        let before = world.log.len();
        world.run(MS / 2, || Duration::ZERO);
        for &(_, flow, bytes) in &world.log[before..] {
            if let Some(nth) = referrals.iter().position(|referral| *referral == flow) {
                left[nth] -= bytes;
                done[nth] = world.now - world.start;
            }
        }
    }
    // 40 ms each at the link's rate, but for what may stand on the wire when the first begins.
    for (done, expected) in done.iter().zip([40, 80, 120]) {
        assert!((MS * (expected - 10)..=MS * (expected + 3)).contains(done), "{done:?}, not {expected} ms");
    }
    let clinical = world.got(&referrals, Duration::ZERO, MS * 1000);
    assert_eq!(clinical, 300_000);
    let beside = world.rate(&[social], MS * 10, MS * 110);
    assert!(beside <= 0.02 * 20.0 * 1.5, "a trickle and no more: {beside}");
}

#[test]
fn two_clear_tubes_have_the_same() {
    let mut world = turns(vec![stretch("clinical", None, 0, None), stretch("telephony", None, 0, None)]);
    let (one, other) = (world.greedy("clinical", 1), world.greedy("telephony", 2));
    world.run(MS * 1000, || Duration::ZERO);
    let (one, other) = (world.rate(&[one], MS * 100, MS * 1000), world.rate(&[other], MS * 100, MS * 1000));
    assert!((one - other).abs() < 0.5 && (19.5..=20.5).contains(&(one + other)), "{one} {other}");
}

#[test]
fn a_clear_upload_that_has_had_its_turn_lets_the_next_one_go_first() {
    let mut world = turns(vec![stretch("clinical", None, 0, None)]);
    let endless = world.greedy("clinical", 1);
    world.run(MS * 500, || Duration::ZERO);
    let referral = world.greedy("clinical", 2);
    world.run(MS * 200, || Duration::ZERO);
    // What is left of the turn of the first is 105 ms at most.
    let (got, other) = (world.got(&[referral], MS * 500, MS * 700), world.got(&[endless], MS * 500, MS * 700));
    assert!(got >= 200_000 && got + other <= 525_000, "{got} {other}");
}

/// Uploads that always have more, with a governor that looks every two milliseconds at a wire which carries what they were
/// granted and so much of somebody else's: they get what is left, or half of the link, and never more.
#[test]
fn clear_uploads_get_what_the_wire_leaves_or_half_of_the_link() {
    for (link, alien, expected) in [(1, 0.0, 1.0), (20, 0.0, 1.0), (20, 0.4, 0.6), (20, 0.9, 0.5), (1000, 0.3, 0.7)] {
        let rate = megabits(link).unwrap();
        let mut world = turns(vec![stretch("clinical", None, 0, None)]);
        let uploads: Vec<FlowId> = (0..5).map(|who| world.greedy("clinical", who)).collect();
        let mut governor = Governor::new(Direction::Up);
        governor.set_link(Some(rate));
        let mut wire = 0.0;
        for _ in 0..2000 {
            let passed = world.tree.passed();
            let carried = passed + bytes(wire);
            let (now, clear) = (world.now, Some(world.now));
            let sight = Sight { now, wire: Some(carried), passed, queue: None, clear, known: None };
            world.tree.govern(&governor.look(sight), now);
            world.run(MS * 2, || Duration::ZERO);
            wire += alien * rate.bytes_per_second() * 0.002;
        }
        let got = world.rate(&uploads, MS * 1000, MS * 4000) / link as f64;
        assert!((got - expected).abs() < 0.06, "{got} of {link} Mbit/s beside {alien}");
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a few gigabytes
fn bytes(count: f64) -> u64 {
    count as u64
}
