//! The emulated link: what every connection of the demo passes on its way to an origin. `wire` is the queue that all
//! share, `window` and `flight` are what one connection sends into it, all three pure; `carry` and `port` do so between
//! two sockets on this machine.
//!
//! Like TCP over a real link: one queue each way, with a rate, a delay and an end; packets of 1448 bytes with 52 of
//! headers; slow start from ten packets, a window that halves once a round trip when packets are lost and grows by one
//! a round trip when none are (Reno, with the selective acknowledgements of every TCP of today); a lost packet holds up
//! those behind it; acknowledgements wait in the queue of the other direction; connecting costs a round trip through
//! both queues; a sender has under way what its receiver has room for and no more: that is the window which the kernel
//! announces for the receiver's own socket as it is read, and the sender learns of it as late as of an acknowledgement.
//!
//! Unlike it: acknowledgements take no room and are never lost. There are no time-outs: what is lost goes again one
//! round trip later, also a connection's first packet, where a real one may wait for a second. No pacing, no HyStart, no
//! CUBIC or BBR. A kernel that grows its receive buffers by itself sees the round trips of loopback, so these stay at the
//! 64 KiB that they begin with; and of the gateway's send buffer only what has not yet left is in it, what is under way
//! comes on top. And connect(2) itself returns at once, for a kernel answers for loopback: it is the first bytes that wait
//! for the round trip, and a gateway that measures handshakes sees no queue and a path of no length. Where this errs it
//! is kinder to a full link than a real one, except in that last thing.

mod carry;
mod flight;
mod port;
mod window;
mod wire;

pub use port::{Link, Port};
pub use wire::Wire;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::base::{Direction, Moment, Rate};

/// The payload of one packet on a link with an MTU of 1500: 20 bytes of IP, 20 of TCP, 12 of timestamps.
pub const PACKET: usize = 1448;
/// Those headers.
pub const HEADERS: usize = 52;

/// What a link is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spec {
    /// Bits of IP packets a second, towards staff.
    pub down: Rate,
    /// The same from staff.
    pub up: Rate,
    /// Propagation one way.
    pub delay: Duration,
    /// How much the queue in front of each way holds, as time at its rate.
    pub queue: Duration,
}

/// Both ways of a link.
#[derive(Debug)]
pub struct Wires {
    down: Wire,
    up: Wire,
}

impl Wires {
    /// An idle link.
    pub fn new(spec: &Spec, now: Moment) -> Wires {
        let wire = |rate| Wire::new(rate, spec.delay, spec.queue, now);
        Wires { down: wire(spec.down), up: wire(spec.up) }
    }

    /// One way.
    pub fn way(&self, direction: Direction) -> &Wire {
        match direction {
            Direction::Down => &self.down,
            Direction::Up => &self.up,
        }
    }

    fn way_mut(&mut self, direction: Direction) -> &mut Wire {
        match direction {
            Direction::Down => &mut self.down,
            Direction::Up => &mut self.up,
        }
    }

    /// How long a packet that left now would be on its way there and its answer back.
    fn round_trip(&self, now: Moment) -> Duration {
        self.down.passage(now) + self.up.passage(now)
    }
}

/// The wires, as every connection shares them.
fn lock(wires: &Mutex<Wires>) -> MutexGuard<'_, Wires> {
    wires.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The other way.
fn back(direction: Direction) -> Direction {
    match direction {
        Direction::Down => Direction::Up,
        Direction::Up => Direction::Down,
    }
}

#[cfg(test)]
mod tests;
