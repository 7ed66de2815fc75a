//! One way of the link: a rate, a queue with an end, and a delay.

use std::time::Duration;

use crate::base::{Moment, Rate};

/// When a packet arrives follows from arithmetic and not from when a task woke up, so the rate is exact however busy the
/// machine is.
#[derive(Debug)]
pub struct Wire {
    rate: Rate,
    delay: Duration,
    most: Duration,
    /// When the last bit of what was taken has left the queue.
    free_at: Moment,
    taken: u64,
    offered: u64,
    arrived: u64,
    #[cfg(test)]
    lost: u64,
}

impl Wire {
    /// An idle one.
    pub fn new(rate: Rate, delay: Duration, most: Duration, now: Moment) -> Wire {
        Wire {
            rate,
            delay,
            most,
            free_at: now,
            taken: 0,
            offered: 0,
            arrived: 0,
            #[cfg(test)]
            lost: 0,
        }
    }

    /// A packet comes: when it arrives at the other end, or nothing where the queue has no room and it is lost.
    pub fn offer(&mut self, now: Moment, bytes: usize) -> Option<Moment> {
        self.offered += bytes as u64;
        let takes = Duration::from_secs_f64(bytes as f64 / self.rate.bytes_per_second());
        if self.queue(now) + takes > self.most {
            #[cfg(test)]
            {
                self.lost += 1;
            }
            return None;
        }
        self.free_at = self.free_at.max(now) + takes;
        self.taken += bytes as u64;
        Some(self.free_at + self.delay)
    }

    /// How long a packet that came now would wait.
    pub fn queue(&self, now: Moment) -> Duration {
        self.free_at.saturating_duration_since(now)
    }

    /// How long a packet that came now and had no size would be on its way.
    pub fn passage(&self, now: Moment) -> Duration {
        self.queue(now) + self.delay
    }

    /// Bytes that have left the queue, ever.
    pub fn passed(&self, now: Moment) -> f64 {
        self.taken as f64 - self.queue(now).as_secs_f64() * self.rate.bytes_per_second()
    }

    /// A packet is at the other end.
    pub fn arrive(&mut self, bytes: usize) {
        self.arrived += bytes as u64;
    }

    /// Bytes of packets that came to it, ever, and of those at the other end: what an interface counts that sends into
    /// it, and one that receives from it.
    pub fn counted(&self) -> [u64; 2] {
        [self.offered, self.arrived]
    }

    /// Packets that found it full, ever.
    #[cfg(test)]
    pub fn lost(&self) -> u64 {
        self.lost
    }
}
