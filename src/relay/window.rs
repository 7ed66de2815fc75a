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

/// A round trip beyond this is not believed: the kernel takes a sender's pauses for a longer way.
const LONGEST: Duration = Duration::from_millis(300);
/// A flow that waited for less than this part of the time was held back by its window, or its sender.
const WAITED: u32 = 4;

/// What a flow has done, ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    /// Bytes moved.
    pub moved: u64,
    /// How long they had waited for their grants.
    pub waited: Duration,
}

/// The window of one flow.
#[derive(Debug)]
pub struct Window {
    /// What the handshake took.
    least_trip: Duration,
    round_trip: Duration,
    least: usize,
    size: usize,
    since: Moment,
    /// What had been done then.
    done: Done,
}

impl Window {
    /// Of a flow whose round trip takes so long and whose segments are so large, with the window that it begins with.
    pub fn new(round_trip: Duration, segment: usize, size: usize, now: Moment) -> Window {
        let least = LEAST.max(2 * segment);
        let done = Done::default();
        Window { least_trip: round_trip, round_trip, least, size: size.max(least), since: now, done }
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

    /// So much has been done; the new size, if it is to change. `trip` tells what a round trip takes now.
    ///
    /// A flow that waits for grants is not held back by its window, and a queue on the link must not widen that. One that
    /// does not wait, and whose way has become longer than its handshake's, would be held back by it, each time to less: at
    /// 60 ms after 5, a flow alone on 20 Mbit/s had 0.6. A way that is shorter again is followed at once.
    pub fn follow(&mut self, done: Done, trip: impl FnOnce() -> Option<Duration>, now: Moment) -> Option<usize> {
        let time = now.saturating_duration_since(self.since);
        if time < LOOK.max(2 * self.round_trip) || done.moved == self.done.moved {
            return None;
        }
        let before = std::mem::replace(&mut self.done, done);
        self.since = now;
        if let Some(trip) = trip() {
            let trip = trip.min(LONGEST).max(self.least_trip);
            let waits = (done.waited - before.waited) * WAITED >= time;
            self.round_trip = if waits { trip.min(self.round_trip) } else { trip };
        }
        let bits = u128::from(done.moved - before.moved) * 8 * 1_000_000_000 / time.as_nanos();
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

    fn moved(window: &mut Window, moved: u64, now: Moment) -> Option<usize> {
        window.follow(Done { moved, waited: Duration::ZERO }, || None, now)
    }

    /// What a window holds comes once in a round trip and the grants' own delay.
    #[test]
    fn a_flow_that_only_its_window_holds_back_has_a_larger_one_each_time() {
        let start = clock::now();
        let path = Duration::from_millis(16);
        let (mut window, mut size, mut moved) = (Window::new(path, 1448, LEAST, start), LEAST, 0);
        for look in 1..=8u32 {
            moved += size as u64 * 100 / 24;
            size = self::moved(&mut window, moved, start + LOOK * look).unwrap_or(size);
        }
        assert!(size > 100 * LEAST, "{size}");
    }

    #[test]
    fn it_follows_down_what_a_crowd_leaves_and_stays_where_little_changes() {
        let start = clock::now();
        let mut window = Window::new(Duration::from_millis(16), 1448, 240_000, start);
        assert_eq!(moved(&mut window, 1_000, start + LOOK / 2), None, "too early to tell");
        assert_eq!(moved(&mut window, 500_000, start + LOOK), None, "as it was");
        assert_eq!(moved(&mut window, 600_000, start + 2 * LOOK), Some(48_000));
        assert_eq!(moved(&mut window, 600_000, start + 4 * LOOK), None, "at rest");
        assert_eq!(window.open(), Some(MOST));
        assert_eq!(window.open(), None);
    }

    /// A flow alone over a way that takes 60 ms, though its handshake took 5: what it has after so many seconds.
    fn over_a_longer_way(trip: Option<Duration>, waits: bool, seconds: u32) -> usize {
        let start = clock::now();
        let mut window = Window::new(Duration::from_millis(5), 1448, 64_000, start);
        let (mut size, mut done) = (64_000, Done::default());
        for look in 1..=seconds * 10 {
            done.moved += size as u64 * 100 / 60;
            done.waited += if waits { LOOK / 2 } else { LOOK / 20 };
            size = window.follow(done, || trip, start + LOOK * look).unwrap_or(size);
        }
        size
    }

    #[test]
    fn a_way_that_became_longer_does_not_hold_a_flow_to_its_least() {
        let seen = Some(Duration::from_millis(60));
        assert!(over_a_longer_way(seen, false, 5) > 1_000_000);
        // Where the kernel does not tell, that is how it would be.
        assert!(over_a_longer_way(None, false, 5) < 2 * LEAST);
        // Where it waits for its grants, a queue is not to widen its window.
        assert!(over_a_longer_way(seen, true, 5) < 2 * LEAST);
        // What the kernel makes of a sender that pauses is not believed.
        let pauses = Some(Duration::from_secs(60));
        let start = clock::now();
        let mut window = Window::new(Duration::from_millis(5), 1448, 64_000, start);
        let done = Done { moved: 100_000, waited: Duration::ZERO };
        assert_eq!(window.follow(done, || pauses, start + LOOK * 10), None);
        assert_eq!(window.round_trip, LONGEST);
        // A shorter way is believed, waiting or not; one shorter than the handshake's is not.
        let done = Done { moved: 200_000, waited: LOOK * 10 };
        window.follow(done, || Some(Duration::from_millis(1)), start + LOOK * 20);
        assert_eq!(window.round_trip, Duration::from_millis(5));
    }
}
