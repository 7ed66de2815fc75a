//! A link that is less than was said, and staff who take all of it.

#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // bytes of some minutes

use super::*;
use crate::base::clock;

const LOOK: Duration = Duration::from_millis(2);
/// The queue of a router, in seconds.
const FIFO: f64 = 0.15;

/// A link that carries `real` bits a second each way, with staff who take all that is held to be there, and round trips
/// that show both queues.
struct Lab {
    capacity: Capacity,
    real: [f64; 2],
    queues: [f64; 2],
    wire: [f64; 2],
    start: Moment,
    now: Moment,
    worst: f64,
    /// For how many looks a queue of 25 ms and more stood.
    long: u32,
}

impl Lab {
    fn new(said: [Option<u64>; 2], real: [f64; 2]) -> Lab {
        let said = said.map(|bits| bits.and_then(Rate::from_bits_per_second));
        let now = clock::now();
        let capacity = Capacity::new(said);
        Lab { capacity, real, queues: [0.0; 2], wire: [0.0; 2], start: now, now, worst: 0.0, long: 0 }
    }

    fn held(&self) -> [f64; 2] {
        self.capacity.held().map(|rate| rate.unwrap().bits_per_second() as f64)
    }

    fn run(&mut self, seconds: u32) {
        (self.worst, self.long) = (0.0, 0);
        for look in 0..seconds * 500 {
            self.now += LOOK;
            let time = LOOK.as_secs_f64();
            // Downwards, what senders bring comes in waves.
            let wave = if look % 60 < 30 { 1.2 } else { 0.8 };
            // What senders find lost they send no more of, whatever they are given.
            let given = [0.93 * self.held()[0] * wave, 0.93 * self.held()[1]];
            let offered = [0, 1].map(|way| f64::min(given[way], 1.3 * self.real[way]));
            for (way, offered) in offered.into_iter().enumerate() {
                let queue = self.queues[way] + (offered / self.real[way] - 1.0) * time;
                self.queues[way] = queue.clamp(0.0, FIFO);
                // Upwards the interface counts what is sent into the queue, also what is then lost.
                let busy = way == 0 && self.queues[way] > 0.0;
                self.wire[way] += if busy { self.real[way] } else { offered } * time / 8.0;
            }
            let queue = self.queues.iter().sum::<f64>();
            self.worst = self.worst.max(queue);
            self.long += u32::from(queue > 0.025);
            let queue = Duration::from_secs_f64(queue);
            self.capacity.look(Some(queue), self.wire.map(|bytes| bytes as u64), self.now);
            if look % 8 == 0 && self.now - self.start > Duration::from_secs(1) {
                self.capacity.trip(self.now, queue);
            }
        }
    }
}

#[test]
fn a_link_that_is_what_was_said_is_left_alone() {
    let mut lab = Lab::new([Some(50_000_000), Some(20_000_000)], [50e6, 20e6]);
    lab.run(60);
    assert_eq!(lab.held(), [50e6, 20e6]);
}

#[test]
fn whichever_way_is_slower_than_was_said_is_found_and_the_queue_goes() {
    for real in [[25e6, 20e6], [50e6, 10e6], [25e6, 10e6], [10e6, 2e6]] {
        let mut lab = Lab::new([Some(50_000_000), Some(20_000_000)], real);
        lab.run(12);
        lab.run(30);
        let held = lab.held();
        for way in 0..2 {
            assert!(held[way] > 0.93 * real[way] && held[way] < 1.15 * real[way], "{real:?}: {held:?}");
        }
        assert!(lab.worst < 0.1, "{real:?}: {}", lab.worst);
        assert!(lab.long < 500, "{real:?}: {}", lab.long);
    }
}

#[test]
fn a_link_of_which_nothing_was_said_is_found_out() {
    let mut lab = Lab::new([None, None], [50e6, 20e6]);
    lab.run(30);
    let held = lab.held();
    assert!((45e6..56e6).contains(&held[0]) && (18e6..23e6).contains(&held[1]), "{held:?}");
}

#[test]
fn a_link_far_below_what_was_said_is_found_out() {
    let mut lab = Lab::new([Some(100_000_000), Some(40_000_000)], [15e6, 5e6]);
    lab.run(30);
    let held = lab.held();
    assert!((13e6..17e6).contains(&held[0]) && (4e6..6e6).contains(&held[1]), "{held:?}");
}

/// Round trips of a busy server, and staff who only watch: nothing of that is the way up's doing.
#[test]
fn a_way_up_that_carries_next_to_nothing_is_not_suspected() {
    let mut capacity = Capacity::new([Rate::from_bits_per_second(50_000_000), Rate::from_bits_per_second(20_000_000)]);
    let (mut now, mut wire) = (clock::now(), [0.0; 2]);
    for look in 0..10_000 {
        now += LOOK;
        let wave = if look % 60 < 30 { 1.4 } else { 0.6 };
        wire[DOWN] += 30e6 * wave * LOOK.as_secs_f64() / 8.0;
        wire[UP] += 0.4e6 * LOOK.as_secs_f64() / 8.0;
        capacity.look(Some(Duration::from_millis(60)), wire.map(|bytes| bytes as u64), now);
        assert_eq!(capacity.known_up(), Rate::from_bits_per_second(20_000_000));
    }
    assert_eq!(capacity.held()[UP], Rate::from_bits_per_second(20_000_000));
}

/// Two late handshakes, ten seconds apart, are no queue that stands.
#[test]
fn what_single_round_trips_tell_is_not_taken_for_what_stands() {
    let said = [Rate::from_bits_per_second(50_000_000), Rate::from_bits_per_second(20_000_000)];
    let mut capacity = Capacity::new(said);
    let (mut now, mut wire) = (clock::now(), [0.0; 2]);
    for look in 0..15_000 {
        now += LOOK;
        let wave = if look % 60 < 30 { 1.4 } else { 0.6 };
        for (wire, rate) in wire.iter_mut().zip([30e6, 15e6]) {
            *wire += rate * wave * LOOK.as_secs_f64() / 8.0;
        }
        // Each is known for a tenth of a second.
        let queue = (look % 5_000 < 50).then_some(Duration::from_millis(60));
        capacity.look(queue, wire.map(|bytes| bytes as u64), now);
        assert_eq!(capacity.held(), said);
    }
}

#[test]
fn what_was_taken_is_given_back_when_the_link_is_well_again() {
    let mut lab = Lab::new([Some(50_000_000), Some(20_000_000)], [25e6, 10e6]);
    lab.run(20);
    lab.real = [50e6, 20e6];
    lab.run(120);
    assert!(lab.held()[0] > 45e6 && lab.held()[1] > 18e6, "{:?}", lab.held());
}

#[test]
fn a_slow_server_beyond_an_idle_link_is_not_the_links_doing() {
    let mut capacity = Capacity::new([Rate::from_bits_per_second(50_000_000); 2]);
    let (mut now, mut wire) = (clock::now(), [0; 2]);
    for _ in 0..5_000 {
        now += LOOK;
        wire = wire.map(|bytes| bytes + 250);
        capacity.look(Some(Duration::from_millis(200)), wire, now);
    }
    assert_eq!(capacity.held(), [Rate::from_bits_per_second(50_000_000); 2]);
}

#[test]
fn a_queue_that_neither_way_explains_costs_both_little() {
    // A server beyond a busy link: whatever is held back, its round trips stay long.
    let mut capacity = Capacity::new([Rate::from_bits_per_second(50_000_000), Rate::from_bits_per_second(20_000_000)]);
    let (mut now, mut wire, mut given) = (clock::now(), [0.0; 2], [0.0; 2]);
    for look in 0..30_000 {
        now += LOOK;
        let wave = if look % 60 < 30 { 1.2 } else { 0.8 };
        for way in 0..2 {
            let held = capacity.held()[way].unwrap().bits_per_second() as f64;
            wire[way] += 0.8 * wave * held * LOOK.as_secs_f64() / 8.0;
            given[way] += held / 30_000.0;
        }
        capacity.look(Some(Duration::from_millis(60)), wire.map(|bytes| bytes as u64), now);
    }
    assert!(given[0] > 0.98 * 50e6 && given[1] > 0.9 * 20e6, "{given:?}");
}
