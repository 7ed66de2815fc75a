//! How much one side may have under way: the receive buffer of a socket towards the link follows what its flow is given.

use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;

use crate::base::Moment;

/// Bytes that the kernel may hold unread, and so what the sender may have under way (tcp(7), SO_RCVBUF).
pub fn set(stream: &TcpStream, bytes: usize) {
    if let Err(error) = SockRef::from(stream).set_recv_buffer_size(bytes) {
        tracing::debug!(%error, "cannot set SO_RCVBUF");
    }
}

/// The least: three segments, so that a lost one is noticed by what comes after it.
pub const LEAST: usize = 4 * 1024;
/// The most: what a flow alone on a link of 1 Gbit/s needs over 30 ms. The kernel may have a lower limit of its own
/// (net.core.rmem_max).
pub const MOST: usize = 4 * 1024 * 1024;
/// The window is this many times what the flow is given in a round trip: one is under way, one waits to be granted.
const GAIN: f64 = 2.0;
/// What a round trip takes here beyond the path's: grants, timers, window updates that are put off.
const SLACK: Duration = Duration::from_millis(8);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// The window of one flow.
#[derive(Debug)]
pub struct Window {
    round_trip: Duration,
    size: usize,
    since: Moment,
    bytes: usize,
}

impl Window {
    /// Of a flow whose round trip takes so long, with the window that it begins with.
    pub fn new(round_trip: Duration, size: usize, now: Moment) -> Window {
        Window { round_trip, size, since: now, bytes: 0 }
    }

    /// Nothing bounds the flow any more; the new size, if it is to change.
    pub fn open(&mut self) -> Option<usize> {
        (std::mem::replace(&mut self.size, MOST) != MOST).then_some(MOST)
    }

    /// What a flow of so many bits a second needs.
    pub fn needed(bits_per_second: f64, round_trip: Duration) -> usize {
        let bytes = GAIN * bits_per_second / 8.0 * (round_trip + SLACK).as_secs_f64();
        (bytes as usize).clamp(LEAST, MOST)
    }

    /// Bytes were read; the new size, if it is to change.
    pub fn moved(&mut self, bytes: usize, now: Moment) -> Option<usize> {
        self.bytes += bytes;
        let time = now.saturating_duration_since(self.since);
        if time < LOOK.max(2 * self.round_trip) {
            return None;
        }
        let size = Window::needed(self.bytes as f64 * 8.0 / time.as_secs_f64(), self.round_trip);
        (self.since, self.bytes) = (now, 0);
        if size * 4 > self.size * 5 || size * 2 < self.size {
            self.size = size;
            return Some(size);
        }
        None
    }
}
