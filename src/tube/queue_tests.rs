//! What round trips tell, in virtual time.

use super::*;
use crate::base::clock;

const MS: Duration = Duration::from_millis(1);

fn peer(number: u16) -> IpAddr {
    let [high, low] = number.to_be_bytes();
    IpAddr::from([192, 0, high, low])
}

#[test]
fn no_round_trip_says_nothing_and_the_first_of_an_address_says_there_is_none() {
    let (mut queue, now) = (Queue::default(), clock::now());
    assert_eq!(queue.standing(now), None);
    queue.seen(peer(1), MS * 80, now);
    assert_eq!(queue.standing(now), Some(Duration::ZERO));
}

#[test]
fn the_queue_is_the_least_of_the_last_four_each_beyond_the_least_of_its_address() {
    let (mut queue, mut now) = (Queue::default(), clock::now());
    queue.seen(peer(1), MS * 10, now);
    queue.seen(peer(2), MS * 100, now);
    for (took, expected) in [(30, 0), (25, 0), (40, 0), (22, 12), (60, 12), (70, 12), (80, 12), (50, 40)] {
        now += MS;
        queue.seen(peer(1), MS * took, now);
        assert_eq!(queue.standing(now), Some(MS * expected), "{took}");
    }
    // Another address is measured against its own least.
    for _ in 0..4 {
        queue.seen(peer(2), MS * 103, now);
    }
    assert_eq!(queue.standing(now), Some(MS * 3));
}

#[test]
fn round_trips_of_long_ago_say_nothing_of_now() {
    let (mut queue, now) = (Queue::default(), clock::now());
    queue.seen(peer(1), MS * 10, now);
    for _ in 0..4 {
        queue.seen(peer(1), MS * 50, now + MS * 10);
    }
    assert_eq!(queue.standing(now + MS * 110), Some(MS * 40));
    assert_eq!(queue.standing(now + MS * 111), None);
}

#[test]
fn what_the_way_up_was_behind_when_it_began_is_not_the_way_downs() {
    let (mut queue, start) = (Queue::default(), clock::now() + MS * 1000);
    queue.seen(peer(1), MS * 10, start);
    for (at, behind) in [(10, 0), (20, 30), (30, 0)] {
        queue.behind(MS * behind, start + MS * at);
    }
    for (began, took, expected) in [(15, 45, 35), (20, 45, 5), (29, 45, 5), (29, 35, 0), (30, 45, 35), (2, 45, 35)] {
        let mut queue = queue.clone();
        let now = start + MS * (began + took);
        for _ in 0..4 {
            queue.seen(peer(1), MS * took, now);
        }
        assert_eq!(queue.standing(now), Some(MS * expected), "began at {began}, took {took}");
    }
}

#[test]
fn addresses_and_looks_are_remembered_within_bounds() {
    let (mut queue, now) = (Queue::default(), clock::now() + MS * 1000);
    for number in 0..10_000 {
        queue.seen(peer(number), MS, now);
        queue.behind(MS, now);
    }
    assert!(queue.least.len() <= REMEMBERED && queue.recent.len() <= LEAST_OF && queue.up.len() <= BEHIND);
    assert_eq!(queue.standing(now), Some(Duration::ZERO));
}

#[test]
fn handshakes_do_not_hide_what_echoes_show() {
    let (mut queue, start) = (Queue::default(), clock::now() + MS * 1000);
    queue.probed(peer(1), MS * 5, false, start);
    queue.probed(peer(1), MS * 45, false, start + MS * 110);
    queue.seen(peer(2), MS * 90, start + MS * 120);
    queue.seen(peer(3), MS * 70, start + MS * 130);
    assert_eq!(queue.standing(start + MS * 130), Some(MS * 40));
    // A server within the building.
    assert_eq!(queue.seen(peer(2), MS * 90, start + MS * 140), None);
    assert_eq!(queue.standing(start + MS * 140), Some(MS * 40));
    // Where echoes stay away, it is all there is.
    queue.seen(peer(4), MS * 70, start + MS * 400);
    assert_eq!(queue.standing(start + MS * 400), Some(Duration::ZERO));
}

#[test]
fn a_way_that_became_longer_is_known_again_once_the_link_has_rested() {
    let (mut queue, mut now) = (Queue::default(), clock::now() + MS * 1000);
    let mut echo = |queue: &mut Queue, took: u32, rests: bool| {
        now += MS * 1000;
        queue.probed(peer(1), MS * took, rests, now);
        queue.standing(now)
    };
    assert_eq!(echo(&mut queue, 5, true), Some(Duration::ZERO));
    // A link that carries something says nothing of its way, however long that lasts.
    for _ in 0..1_000 {
        assert_eq!(echo(&mut queue, 45, false), Some(MS * 40));
    }
    // Neither do a few that were late; the quickest of at least fifteen counts.
    for _ in 0..14 {
        assert_eq!(echo(&mut queue, 60, true), Some(MS * 55));
    }
    for took in (0..30).map(|echo| if echo % 15 == 3 { 45 } else { 70 }) {
        echo(&mut queue, took, true);
    }
    assert_eq!(echo(&mut queue, 45, false), Some(Duration::ZERO));
    assert_eq!(echo(&mut queue, 65, false), Some(MS * 20));
    // And one that became shorter is known at once.
    assert_eq!(echo(&mut queue, 30, false), Some(Duration::ZERO));
    assert_eq!(echo(&mut queue, 45, false), Some(MS * 15));
}
