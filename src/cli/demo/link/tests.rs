//! The link in virtual time: connections that always have something to send, and a clock that is only an argument.

#![allow(clippy::cast_possible_truncation)] // counts of packets, and their last bytes

use std::convert::Infallible;
use std::time::Duration;

use super::flight::{Flight, Took};
use super::{HEADERS, PACKET, Spec, Wire, Wires};
use crate::base::{Direction, Moment, clock};

const MS: Duration = Duration::from_millis(1);

fn spec() -> Spec {
    Spec { down: "20 Mbit/s".parse().unwrap(), up: "8 Mbit/s".parse().unwrap(), delay: MS * 8, queue: MS * 150 }
}

/// What a receiver that is not read holds.
const HOLDS: u64 = 10_000;
/// A receiver that always has room.
const ALL: u64 = 1 << 40;

/// Senders that always want to send down, and receivers that take so many bytes a millisecond.
struct World {
    now: Moment,
    wires: Wires,
    flights: Vec<(Flight, u64)>,
    got: Vec<Vec<u8>>,
    sent: Vec<u64>,
    taken: Vec<u64>,
}

impl World {
    fn new(takes: &[u64]) -> World {
        let now = clock::now();
        World {
            now,
            wires: Wires::new(&spec(), now),
            flights: takes.iter().map(|takes| (Flight::new(Direction::Down, HOLDS.max(*takes)), *takes)).collect(),
            got: vec![Vec::new(); takes.len()],
            sent: vec![0; takes.len()],
            taken: vec![0; takes.len()],
        }
    }

    /// A step of a millisecond for everybody, each time with another one first.
    fn step(&mut self, size: usize, most: u64) {
        self.now += MS;
        let count = self.flights.len();
        let first = self.sent.iter().sum::<u64>() as usize % count;
        for at in (first..count).chain(0..first) {
            let (flight, takes) = &mut self.flights[at];
            flight.advance(self.now, &mut self.wires);
            let got = &mut self.got[at];
            let handed: Result<(), Infallible> = flight.hand_over(|bytes| {
                got.extend_from_slice(bytes);
                Ok(Took::Some(bytes.len()))
            });
            handed.unwrap();
            self.taken[at] = (got.len() as u64).min(self.taken[at] + *takes);
            flight.offer_room(self.now, self.taken[at] + HOLDS.max(*takes), &self.wires);
            while let room @ 1.. = flight.wants() {
                // Each packet says in all of its bytes which it is.
                let parcel = if self.sent[at] < most { vec![self.sent[at] as u8; size.min(room)] } else { Vec::new() };
                self.sent[at] += 1;
                flight.send(self.now, parcel, &mut self.wires);
            }
        }
    }

    fn run(&mut self, for_ms: u32) {
        (0..for_ms).for_each(|_| self.step(PACKET, u64::MAX));
    }

    fn rates(&mut self, for_ms: u32) -> Vec<f64> {
        let before: Vec<usize> = self.got.iter().map(Vec::len).collect();
        self.run(for_ms);
        let seconds = f64::from(for_ms) / 1e3;
        self.got.iter().zip(before).map(|(got, before)| (got.len() - before) as f64 * 8e-6 / seconds).collect()
    }
}

#[test]
fn a_packet_takes_its_time_at_the_rate_and_then_the_delay() {
    let began = clock::now();
    let mut wire = Wire::new("8 Mbit/s".parse().unwrap(), MS * 8, MS * 150, began);
    assert_eq!(wire.offer(began, 1000), Some(began + MS * 9));
    assert_eq!(wire.offer(began, 1000), Some(began + MS * 10), "behind the first");
    assert_eq!(wire.queue(began), MS * 2);
    assert_eq!(wire.offer(began + MS * 50, 1000), Some(began + MS * 59), "an idle wire saves nothing up");
    assert!((wire.passed(began + MS * 51) - 3000.0).abs() < 1e-6);
}

#[test]
fn the_queue_ends_at_its_bound_and_a_small_packet_still_fits_where_a_large_one_does_not() {
    let began = clock::now();
    let mut wire = Wire::new("8 Mbit/s".parse().unwrap(), MS * 8, MS * 150, began);
    for sent in 0..149 {
        assert!(wire.offer(began, 1000).is_some(), "{sent}");
    }
    assert_eq!(wire.offer(began, 1500), None);
    assert!(wire.offer(began, 500).is_some());
    assert_eq!(wire.lost(), 1);
    assert!(wire.offer(began + MS * 10, 1500).is_some());
}

#[test]
fn one_connection_fills_the_link_and_its_bytes_come_in_order() {
    let mut world = World::new(&[ALL]);
    world.run(3_000);
    let payload = 20.0 * PACKET as f64 / (PACKET + HEADERS) as f64;
    let rate = world.rates(5_000)[0];
    assert!(rate > payload * 0.9 && rate < payload * 1.01, "{rate} of {payload} Mbit/s");
    assert!(world.wires.way(Direction::Down).lost() > 0, "nothing but loss ends its growth");
    for (number, packet) in world.got[0].chunks(PACKET).enumerate() {
        assert!(packet.iter().all(|byte| *byte == number as u8), "packet {number}");
    }
}

#[test]
fn slow_start_doubles_each_round_trip_from_ten_packets() {
    let mut world = World::new(&[ALL]);
    let mut at = 0;
    // A round trip is 16 ms and the time of the packets themselves, 0.6 ms each.
    for (ms, least, most) in [(15, 10, 10), (31, 28, 30), (52, 64, 74)] {
        world.run(ms - at);
        at = ms;
        assert!((least..=most).contains(&world.sent[0]), "{} after {ms} ms", world.sent[0]);
    }
}

#[test]
fn connections_share_the_link_and_its_losses_fairly() {
    let mut world = World::new(&[ALL; 10]);
    world.run(5_000);
    let rates = world.rates(30_000);
    let (sum, squares) = rates.iter().fold((0.0, 0.0), |(sum, squares), rate| (sum + rate, squares + rate * rate));
    assert!(sum > 18.0, "{sum} Mbit/s in all: {rates:?}");
    let jain = sum * sum / (10.0 * squares);
    assert!(jain > 0.9, "{jain}: {rates:?}");
}

#[test]
fn a_receiver_that_does_not_read_stops_its_sender_and_a_slow_one_slows_it() {
    // 125 bytes a millisecond are 1 Mbit/s.
    let mut world = World::new(&[0, 125]);
    world.run(2_000);
    assert_eq!(world.got[0].len() as u64, HOLDS);
    let rates = world.rates(4_000);
    assert!((rates[1] - 1.0).abs() < 0.05, "{rates:?}");
    let unread = world.got[1].len() as u64 - world.taken[1];
    assert!(unread <= HOLDS, "{unread}");
    assert!(world.wires.way(Direction::Down).queue(world.now) < MS * 5);
}

/// What has room for 10,000 bytes and is read at once gets them once in a round trip: 16 ms, and 3 ms for the packets.
#[test]
fn a_small_receive_buffer_that_is_read_at_once_bounds_what_is_under_way() {
    let mut world = World::new(&[HOLDS]);
    world.run(1_000);
    let rate = world.rates(4_000)[0];
    assert!((3.5..5.0).contains(&rate), "{rate} Mbit/s");
    assert!(world.wires.way(Direction::Down).queue(world.now) < MS * 5);
}

#[test]
fn an_end_arrives_behind_everything_that_was_sent_even_if_it_was_lost() {
    let mut world = World::new(&[ALL; 30]);
    for _ in 0..20_000 {
        world.step(PACKET, 300);
    }
    assert!(world.wires.way(Direction::Down).lost() > 0);
    for (at, (flight, _)) in world.flights.iter().enumerate() {
        assert!(flight.is_over(), "connection {at}");
        assert_eq!(world.got[at].len(), 300 * PACKET);
    }
}
