//! How long what was granted in the last seconds had waited, counted without a lock.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::meter::{count_in, counted_in};
use crate::base::Moment;

/// A slot of time.
const SLOT: Duration = Duration::from_secs(1);
/// Ten seconds: short enough to tell of now, long enough that a tube with a few grants a second has a median.
const SLOTS: usize = 10;
/// Lengths: none, then two for each doubling from a microsecond to half a minute. A median is told to a quarter of
/// itself.
const LENGTHS: usize = 51;

/// Waits by slots of time and by length.
#[derive(Debug)]
pub struct Waits {
    origin: Moment,
    slots: [[AtomicU64; LENGTHS]; SLOTS],
}

impl Waits {
    /// Nothing counted; `origin` is before every later moment.
    pub fn new(origin: Moment) -> Waits {
        Waits { origin, slots: [const { [const { AtomicU64::new(0) }; LENGTHS] }; SLOTS] }
    }

    /// Counts a wait that ended now.
    pub fn add(&self, waited: Duration, now: Moment) {
        let number = self.number(now);
        count_in(&self.slot(number)[length_of(waited)], number, 1);
    }

    /// The wait that half of those of the last ten seconds did not exceed; `None` when there were none.
    pub fn median(&self, now: Moment) -> Option<Duration> {
        let number = self.number(now);
        let mut counts = [0; LENGTHS];
        for number in number.saturating_sub(SLOTS as u64 - 1).max(1)..=number {
            for (count, held) in counts.iter_mut().zip(self.slot(number)) {
                *count += counted_in(held, number);
            }
        }
        let half = counts.iter().sum::<u64>().div_ceil(2);
        let mut so_far = 0;
        let found = counts.iter().position(|count| {
            so_far += count;
            half > 0 && so_far >= half
        });
        found.map(middle_of)
    }

    /// From 1, so that an untouched slot belongs to none.
    fn number(&self, now: Moment) -> u64 {
        now.saturating_duration_since(self.origin).as_secs() / SLOT.as_secs() + 1
    }

    fn slot(&self, number: u64) -> &[AtomicU64; LENGTHS] {
        &self.slots[usize::try_from(number).unwrap_or(0) % SLOTS]
    }
}

fn length_of(waited: Duration) -> usize {
    let micros = waited.as_micros();
    let Some(doublings) = micros.checked_ilog2() else { return 0 };
    let upper_half = usize::from(micros >= 3 << doublings >> 1);
    (1 + 2 * doublings as usize + upper_half).min(LENGTHS - 1)
}

/// The middle of all waits of a length.
fn middle_of(length: usize) -> Duration {
    let Some(above) = length.checked_sub(1) else { return Duration::ZERO };
    let least = (1 << (above / 2)) * (2 + above as u64 % 2) / 2;
    Duration::from_micros(least + (1 << (above / 2)) / 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock;

    #[test]
    fn a_median_is_told_to_a_quarter_of_itself() {
        let start = clock::now();
        for micros in [0, 1, 2, 3, 7, 90, 1_000, 1_499, 1_500, 45_000, 999_999, 20_000_000] {
            let waits = Waits::new(start);
            let wait = Duration::from_micros(micros);
            waits.add(wait, start);
            let told = waits.median(start).unwrap();
            assert!(told.abs_diff(wait) <= wait / 4, "{wait:?} is told as {told:?}");
        }
        let waits = Waits::new(start);
        waits.add(Duration::from_secs(3600), start);
        assert!(waits.median(start).unwrap() > Duration::from_secs(25));
    }

    #[test]
    fn half_of_them_waited_no_longer() {
        let start = clock::now();
        let waits = Waits::new(start);
        assert_eq!(waits.median(start), None);
        for _ in 0..10 {
            waits.add(Duration::ZERO, start);
        }
        for _ in 0..9 {
            waits.add(Duration::from_millis(100), start);
        }
        assert_eq!(waits.median(start), Some(Duration::ZERO));
        for _ in 0..2 {
            waits.add(Duration::from_millis(100), start);
        }
        assert!(waits.median(start).unwrap() > Duration::from_millis(75));
    }

    #[test]
    fn what_is_older_than_ten_seconds_is_forgotten() {
        let start = clock::now();
        let waits = Waits::new(start);
        let after = |seconds| start + Duration::from_secs(seconds);
        waits.add(Duration::from_millis(100), after(1));
        waits.add(Duration::ZERO, after(9));
        waits.add(Duration::ZERO, after(9));
        waits.add(Duration::from_millis(100), after(1));
        waits.add(Duration::from_millis(100), after(1));
        assert!(waits.median(after(10)).unwrap() > Duration::from_millis(75));
        assert_eq!(waits.median(after(11)), Some(Duration::ZERO));
        assert_eq!(waits.median(after(19)), None);
        // The same slots again, an hour later.
        assert_eq!(waits.median(after(3601)), None);
    }
}
