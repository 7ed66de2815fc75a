//! How much a tube used over the last second, counted without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::base::Moment;

/// A slot of time. A second's worth of whole slots is always behind the one that is being filled.
const SLOT: Duration = Duration::from_millis(50);
const SLOTS_A_SECOND: u64 = 20;
const SLOTS: usize = 32;

/// Bytes by slots of time: 7 years of them, 687 Gbit/s.
#[derive(Debug)]
pub struct Meter {
    origin: Moment,
    slots: [AtomicU64; SLOTS],
}

impl Meter {
    /// Nothing counted; `origin` is before every later moment.
    pub fn new(origin: Moment) -> Meter {
        Meter { origin, slots: [const { AtomicU64::new(0) }; SLOTS] }
    }

    /// Counts.
    pub fn add(&self, bytes: usize, now: Moment) {
        let number = self.number(now);
        count_in(self.slot(number), number, u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// Bits over the last second, up to the last whole slot.
    pub fn last_second(&self, now: Moment) -> u64 {
        let number = self.number(now);
        let whole = number.saturating_sub(SLOTS_A_SECOND)..number;
        whole.map(|number| counted_in(self.slot(number), number) * 8).sum()
    }

    /// From 1, so that an untouched slot belongs to none.
    fn number(&self, now: Moment) -> u64 {
        let slots = now.saturating_duration_since(self.origin).as_nanos() / SLOT.as_nanos();
        u64::try_from(slots).unwrap_or(0) + 1
    }

    fn slot(&self, number: u64) -> &AtomicU64 {
        &self.slots[usize::try_from(number).unwrap_or(0) % SLOTS]
    }
}

/// Counts in a slot of time. It holds its number in the upper half and the count in the lower, so that one exchange both
/// begins a new slot and counts.
pub fn count_in(slot: &AtomicU64, number: u64, more: u64) {
    let counted = |held: u64| {
        let sum = if held >> 32 == number { held & 0xffff_ffff } else { 0 };
        Some(number << 32 | sum.saturating_add(more).min(0xffff_ffff))
    };
    let _ = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, counted);
}

/// What was counted in a slot of time; none, where it holds another's count by now.
pub fn counted_in(slot: &AtomicU64, number: u64) -> u64 {
    let held = slot.load(Ordering::Relaxed);
    if held >> 32 == number { held & 0xffff_ffff } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock;

    #[test]
    fn a_steady_rate_reads_as_it_is_and_an_hour_later_as_nothing() {
        let start = clock::now();
        let meter = Meter::new(start);
        for millisecond in 0..3000u64 {
            meter.add(1000, start + Duration::from_millis(millisecond));
        }
        for (after, bits) in [(3000, 8_000_000), (3500, 4_000_000), (4100, 0), (3_600_000, 0)] {
            assert_eq!(meter.last_second(start + Duration::from_millis(after)), bits, "{after}");
        }
    }

    #[test]
    fn nothing_is_lost_between_threads() {
        let start = clock::now();
        let meter = Meter::new(start);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|_| meter.add(1, start)));
            }
        });
        assert_eq!(meter.last_second(start + Duration::from_millis(60)), 320_000);
    }
}
