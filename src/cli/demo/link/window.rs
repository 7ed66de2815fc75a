//! How much of a connection may be under way: what the network bears. What its receiver has room for is the flight's.

use std::time::Duration;

use super::PACKET;
use crate::base::Moment;

/// Ten packets (RFC 6928), as every system begins today.
const FIRST: f64 = 10.0 * PACKET as f64;
/// With less there would never be a second acknowledgement to wait for.
const LEAST: f64 = 2.0 * PACKET as f64;

/// The window of one direction of a connection, in bytes.
#[derive(Debug)]
pub struct Window {
    congestion: f64,
    /// From here on it grows by a packet a round trip.
    threshold: f64,
    /// Losses until then belong to the one that was answered.
    answered: Option<Moment>,
}

impl Default for Window {
    fn default() -> Window {
        Window { congestion: FIRST, threshold: f64::INFINITY, answered: None }
    }
}

impl Window {
    /// How much may be under way.
    pub fn size(&self) -> f64 {
        self.congestion
    }

    /// So many bytes are known to have arrived, and at most so many were under way in this round trip. A window that is
    /// not used does not grow (RFC 7661, in the way of Linux).
    pub fn acknowledged(&mut self, bytes: usize, most: usize) {
        let (bytes, most) = (bytes as f64, most as f64);
        if self.congestion < self.threshold {
            if self.congestion < 2.0 * most {
                self.congestion += bytes;
            }
        } else if self.congestion < most + PACKET as f64 {
            self.congestion += PACKET as f64 * bytes / self.congestion;
        }
    }

    /// A packet found the queue full.
    pub fn lost(&mut self, now: Moment, round_trip: Duration) {
        if self.answered.is_some_and(|answered| now < answered) {
            return;
        }
        self.congestion = (self.congestion / 2.0).max(LEAST);
        self.threshold = self.congestion;
        self.answered = Some(now + round_trip);
    }
}
