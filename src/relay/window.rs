//! How much one side may have under way: the receive buffer of a socket towards the link follows what its flow is given.

use std::time::Duration;

use crate::base::{Moment, Rate};

/// The least: not quite three segments of 1448 bytes.
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
    least: usize,
    size: usize,
    since: Moment,
    /// Bytes that had been moved then.
    moved: u64,
}

impl Window {
    /// Of a flow whose round trip takes so long and whose segments are so large, with the window that it begins with.
    pub fn new(round_trip: Duration, segment: usize, size: usize, now: Moment) -> Window {
        let least = LEAST.max(2 * segment);
        Window { round_trip, least, size: size.max(least), since: now, moved: 0 }
    }

    /// Nothing bounds the flow any more; the new size, if it is to change.
    pub fn open(&mut self) -> Option<usize> {
        (std::mem::replace(&mut self.size, MOST) != MOST).then_some(MOST)
    }

    /// What a flow of so much a second needs.
    #[allow(clippy::cast_possible_truncation)] // clamped
    pub fn needed(rate: Rate, round_trip: Duration) -> usize {
        let bytes = GAIN * rate.bytes_per_second() * (round_trip + SLACK).as_secs_f64();
        (bytes as usize).clamp(LEAST, MOST)
    }

    /// So many bytes have been moved, ever; the new size, if it is to change.
    pub fn moved(&mut self, moved: u64, now: Moment) -> Option<usize> {
        let time = now.saturating_duration_since(self.since);
        if time < LOOK.max(2 * self.round_trip) || moved == self.moved {
            return None;
        }
        let bits = u128::from(moved - self.moved) * 8 * 1_000_000_000 / time.as_nanos();
        (self.since, self.moved) = (now, moved);
        let rate = Rate::from_bits_per_second(u64::try_from(bits).ok()?)?;
        let size = Window::needed(rate, self.round_trip).max(self.least);
        if size * 4 > self.size * 5 || size * 2 < self.size {
            self.size = size;
            return Some(size);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock;

    fn rate(bits: u64) -> Rate {
        Rate::from_bits_per_second(bits).unwrap()
    }

    #[test]
    fn it_is_twice_what_the_flow_is_given_in_a_round_trip_within_its_bounds() {
        let path = Duration::from_millis(16);
        for (bits, size) in [(8_000_000, 48_000), (40_000_000, 240_000), (8_000, LEAST), (100_000_000_000, MOST)] {
            assert_eq!(Window::needed(rate(bits), path), size, "{bits}");
        }
    }

    /// What a window holds comes once in a round trip and the grants' own delay.
    #[test]
    fn a_flow_that_only_its_window_holds_back_has_a_larger_one_each_time() {
        let start = clock::now();
        let path = Duration::from_millis(16);
        let (mut window, mut size, mut moved) = (Window::new(path, 1448, LEAST, start), LEAST, 0);
        for look in 1..=8u32 {
            moved += size as u64 * 100 / 24;
            size = window.moved(moved, start + LOOK * look).unwrap_or(size);
        }
        assert!(size > 100 * LEAST, "{size}");
    }

    #[test]
    fn it_follows_down_what_a_crowd_leaves_and_stays_where_little_changes() {
        let start = clock::now();
        let mut window = Window::new(Duration::from_millis(16), 1448, 240_000, start);
        assert_eq!(window.moved(1_000, start + LOOK / 2), None, "too early to tell");
        assert_eq!(window.moved(500_000, start + LOOK), None, "as it was");
        assert_eq!(window.moved(600_000, start + 2 * LOOK), Some(48_000));
        assert_eq!(window.moved(600_000, start + 4 * LOOK), None, "at rest");
        assert_eq!(window.open(), Some(MOST));
        assert_eq!(window.open(), None);
    }
}
