//! What the link's interface carried over the last second.

use super::meter::Meter;
use super::pass::index;
use crate::base::{Direction, Moment};

/// Both ways.
#[derive(Debug)]
pub struct Wire {
    /// What the interface has carried, ever, when it was looked at last; `None`: nobody counts.
    last: Option<[u64; 2]>,
    meters: [Meter; 2],
}

impl Wire {
    /// Nothing seen; `origin` is before every later moment.
    pub fn new(origin: Moment) -> Wire {
        Wire { last: None, meters: [Meter::new(origin), Meter::new(origin)] }
    }

    /// The interface has carried so many bytes so far, down and up. Counters that went back are those of an interface
    /// that was made anew.
    pub fn seen(&mut self, carried: Option<[u64; 2]>, now: Moment) {
        if let (Some(before), Some(carried)) = (self.last, carried) {
            for (meter, (carried, before)) in self.meters.iter().zip(carried.into_iter().zip(before)) {
                meter.add(usize::try_from(carried.saturating_sub(before)).unwrap_or(usize::MAX), now);
            }
        }
        self.last = carried;
    }

    /// Bits over the last second; `None` where nobody counts.
    pub fn last_second(&self, direction: Direction, now: Moment) -> Option<u64> {
        self.last.map(|_| self.meters[index(direction)].last_second(now))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::clock;

    #[test]
    fn what_was_carried_between_looks_reads_as_a_rate_each_way() {
        let start = clock::now();
        let mut wire = Wire::new(start);
        assert_eq!(wire.last_second(Direction::Down, start), None);
        // The first look says only where the counters stand.
        for look in 0..1_000u64 {
            wire.seen(Some([(1 << 40) + look * 2_500, look * 250]), start + Duration::from_millis(2 * look));
        }
        let now = start + Duration::from_secs(2);
        assert_eq!(wire.last_second(Direction::Down, now), Some(10_000_000));
        assert_eq!(wire.last_second(Direction::Up, now), Some(1_000_000));
    }

    #[test]
    fn counters_that_begin_again_count_from_there_and_no_counters_are_no_reading() {
        let start = clock::now();
        let mut wire = Wire::new(start);
        let now = start + Duration::from_millis(500);
        wire.seen(Some([9_000_000, 9_000_000]), start);
        wire.seen(Some([0, 0]), start);
        wire.seen(Some([1_000, 0]), start);
        assert_eq!(wire.last_second(Direction::Down, now), Some(8_000));
        wire.seen(None, now);
        assert_eq!(wire.last_second(Direction::Down, now), None);
        wire.seen(Some([5_000_000, 0]), now);
        assert_eq!(wire.last_second(Direction::Down, now), Some(8_000));
    }
}
