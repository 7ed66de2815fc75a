//! One way of the link: a rate, a drop-tail queue and a delay, in virtual time.

use crate::clock::{self, MILLI, SECOND};

/// When each packet leaves follows from arithmetic, not from when somebody woke up, so the rate is exact however late
/// the process that carries packets may be.
#[derive(Debug)]
pub struct Wire {
    /// Bits a second.
    rate: u64,
    /// Propagation, in nanoseconds.
    delay: u64,
    /// How long the queue may be, in nanoseconds at this rate.
    most: u64,
    /// When the last packet that was accepted has left.
    free_at: u64,
}

/// When an accepted packet leaves the queue, and when it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// Its last bit leaves the queue.
    pub leaves: u64,
    /// Its last bit arrives at the other end.
    pub arrives: u64,
}

impl Wire {
    /// One way of this rate in bits a second, with its propagation and its queue in milliseconds.
    pub fn new(rate: u64, delay_ms: f64, fifo_ms: f64) -> Wire {
        let nanos = |ms: f64| (ms * MILLI as f64) as u64;
        Wire { rate, delay: nanos(delay_ms), most: nanos(fifo_ms), free_at: 0 }
    }

    /// How long a packet of this size is on the wire.
    fn takes(&self, bytes: usize) -> u64 {
        bytes as u64 * 8 * SECOND / self.rate
    }

    /// A packet comes at `now`; nothing when the queue has no room and it is lost.
    pub fn offer(&mut self, now: u64, bytes: usize) -> Option<Passage> {
        let takes = self.takes(bytes);
        if self.queue(now) + takes > self.most {
            return None;
        }
        self.free_at = self.free_at.max(now) + takes;
        Some(Passage { leaves: self.free_at, arrives: self.free_at + self.delay })
    }

    /// How long a packet that came now would wait.
    pub fn queue(&self, now: u64) -> u64 {
        self.free_at.saturating_sub(now)
    }

    /// The same in bytes.
    pub fn queued_bytes(&self, now: u64) -> u64 {
        (clock::seconds(self.queue(now)) * self.rate as f64 / 8.0) as u64
    }
}
