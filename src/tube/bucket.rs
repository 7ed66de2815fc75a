//! A token bucket in whole numbers: nothing is rounded, so nothing drifts.

use std::time::Duration;

use crate::base::{Moment, Rate};

/// Levels count bits times nanoseconds per second: what a rate of one bit per second brings in one nanosecond.
const NANO: i128 = 1_000_000_000;

/// The longest a bucket may be in debt for what could not wait: long enough that others yield to a burst of clear
/// traffic, short enough that they are not silent for longer than a page load notices.
pub const LONGEST_DEBT: Duration = Duration::from_millis(100);

/// How much a bucket may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// In time at its rate, when nobody was waiting: the burst with which a tube may begin.
    pub idle: Duration,
    /// In time at its rate, while somebody waits: a timer that is late by less than this loses no rate.
    pub busy: Duration,
    /// Bytes, whatever the rate.
    pub least: usize,
}

impl Depth {
    /// Of the link: what its queue may see when a crowd starts at once. The driver is late by 0.1 ms in the middle and by
    /// 1 ms once in a thousand times, on a machine of two cores that did everything else too. At least two full packets.
    pub const LINK: Depth = Depth { idle: Duration::from_millis(2), busy: Duration::from_millis(4), least: 3_000 };

    /// Of a tube: within the link's, so that it may wait longer for a driver that is late and still have its rate.
    pub const TUBE: Depth = Depth { idle: Duration::from_millis(4), busy: Duration::from_millis(12), least: 3_000 };

    /// Of what clear flows send in turns: what may stand on the wire when the next begins. With twice as much look-ups met it
    /// there, and nothing was won for the uploads.
    pub const CLEAR: Depth = Depth { idle: Duration::from_millis(4), busy: Duration::from_millis(4), least: 3_000 };

    /// Of a floor: beside what clear traffic takes, a grant to somebody else may take as long as ten of a link's own.
    pub fn floor(grant: usize) -> Depth {
        Depth { idle: Duration::ZERO, busy: Duration::from_millis(30), least: grant }
    }
}

/// Fills at a rate up to its depth. Who finds anything in it may take a whole grant, so that it can be in debt by at most
/// one grant; no rate is no limit.
#[derive(Clone, Debug)]
pub struct Bucket {
    rate: Option<Rate>,
    depth: Depth,
    level: i128,
    at: Moment,
}

impl Bucket {
    /// A bucket filled to its idle depth.
    pub fn new(rate: Option<Rate>, depth: Depth, now: Moment) -> Bucket {
        let mut bucket = Bucket { rate, depth, level: 0, at: now };
        bucket.level = bucket.cap(false);
        bucket
    }

    /// The rate at which it fills.
    pub fn rate(&self) -> Option<Rate> {
        self.rate
    }

    /// Fills it up to now. `busy`: somebody has been waiting since the last time.
    pub fn refill(&mut self, now: Moment, busy: bool) {
        self.level += self.earned(now);
        self.level = self.level.min(self.cap(busy));
    }

    /// Whether a grant may be taken.
    pub fn permits(&self) -> bool {
        self.rate.is_none() || self.level > 0
    }

    /// Takes a grant.
    pub fn take(&mut self, bytes: usize) {
        if self.rate.is_some() {
            self.level -= nanobits(bytes);
        }
    }

    /// Takes a grant, but is not left deeper in debt than `debt` bytes.
    pub fn take_within(&mut self, bytes: usize, debt: usize) {
        let floor = self.level.min(-nanobits(debt));
        self.take(bytes);
        self.level = self.level.max(floor);
    }

    /// Gives back what was taken and not used.
    pub fn give_back(&mut self, bytes: usize) {
        if self.rate.is_some() {
            self.level = (self.level + nanobits(bytes)).min(self.cap(true).max(self.level));
        }
    }

    /// Permits nothing for at least so long.
    pub fn owe(&mut self, time: Duration) {
        self.level = self.level.min(-self.volume(time.min(LONGEST_DEBT)));
    }

    /// What was taken has not come: it holds all it can but what its rate brings in this time, if that is more.
    pub fn fill_but(&mut self, time: Duration) {
        self.level = self.level.max(self.cap(true) - self.volume(time));
    }

    /// Counts bytes that passed without asking at some time since the last refill; the debt is bounded.
    pub fn charge(&mut self, bytes: usize, now: Moment, busy: bool) {
        let floor = self.level.min(-self.volume(LONGEST_DEBT));
        self.level += self.earned(now);
        self.take(bytes);
        self.level = self.level.clamp(floor, self.cap(busy).max(floor));
    }

    /// When it permits a grant, if nothing is taken before.
    pub fn ready_at(&self) -> Moment {
        let Some(rate) = self.rate.filter(|_| self.level <= 0) else { return self.at };
        let rate = i128::from(rate.bits_per_second());
        let nanos = (1 - self.level + rate - 1) / rate;
        self.at + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX / 2))
    }

    /// Another rate or depth from now on; `busy`: somebody waits. What is in it stays, within the new depth; a debt stays
    /// too, but at the new rate it takes no longer than [`LONGEST_DEBT`], or no longer than it would have.
    pub fn change(&mut self, rate: Option<Rate>, depth: Depth, now: Moment, busy: bool) {
        if self.rate == rate && self.depth == depth {
            return;
        }
        self.refill(now, busy);
        if self.rate.is_none() {
            // Nothing was counted: neither a full burst nor a debt is owed.
            self.level = 0;
        }
        // A grant is a packet at least, which a slow rate pays for longer than the bound. A rate that changes all the
        // time must not forgive it each time.
        let debt = self.ready_at().saturating_duration_since(self.at).max(LONGEST_DEBT);
        self.rate = rate;
        self.depth = depth;
        self.level = self.level.clamp(-self.volume(debt), self.cap(busy));
    }

    /// What the time since the last refill brings; that time is then spent.
    fn earned(&mut self, now: Moment) -> i128 {
        let since = now.saturating_duration_since(self.at);
        self.at = self.at.max(now);
        self.volume(since)
    }

    fn cap(&self, busy: bool) -> i128 {
        let time = if busy { self.depth.busy.max(self.depth.idle) } else { self.depth.idle };
        self.volume(time).max(nanobits(self.depth.least))
    }

    /// What its rate brings in a time.
    fn volume(&self, time: Duration) -> i128 {
        // u64 nanoseconds are 584 years.
        let nanos = i128::from(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        self.rate.map_or(0, |rate| i128::from(rate.bits_per_second()) * nanos)
    }
}

fn nanobits(bytes: usize) -> i128 {
    i128::try_from(bytes).unwrap_or(i128::from(u64::MAX)) * 8 * NANO
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock;
    use proptest::prelude::*;

    fn rate(bits: u64) -> Option<Rate> {
        Rate::from_bits_per_second(bits)
    }

    fn drained(bits: u64, now: Moment) -> Bucket {
        let mut bucket = Bucket::new(rate(bits), Depth::TUBE, now);
        bucket.level = 0;
        bucket
    }

    #[test]
    fn without_a_rate_everything_passes() {
        let now = clock::now();
        let mut bucket = Bucket::new(None, Depth::TUBE, now);
        bucket.take(usize::MAX / 16);
        bucket.charge(1 << 40, now, true);
        assert!(bucket.permits());
        assert!(bucket.ready_at() <= now);
    }

    #[test]
    fn ready_at_is_the_first_moment_that_permits() {
        let start = clock::now();
        for bits in [1, 7, 64_000, 20_000_000, 999_999_999, 100_000_000_000_000] {
            let mut bucket = drained(bits, start);
            bucket.take(1500);
            let ready = bucket.ready_at();
            let mut early = bucket.clone();
            early.refill(ready - Duration::from_nanos(1), true);
            assert!(!early.permits() || ready - Duration::from_nanos(1) < start, "{bits}");
            bucket.refill(ready, true);
            assert!(bucket.permits(), "{bits}");
        }
    }

    #[test]
    fn what_passed_without_asking_is_owed_but_for_no_longer_than_the_bound() {
        let start = clock::now();
        let mut bucket = drained(8_000_000, start);
        bucket.charge(50_000, start, true);
        assert!(bucket.ready_at() - start >= Duration::from_millis(50));
        bucket.charge(10_000_000, start, true);
        assert!(bucket.ready_at() - start <= LONGEST_DEBT + Duration::from_nanos(1));
    }

    #[test]
    fn what_passed_steadily_below_the_rate_leaves_no_debt() {
        let start = clock::now();
        let mut bucket = Bucket::new(rate(8_000_000), Depth::TUBE, start);
        bucket.charge(900_000, start + Duration::from_secs(1), false);
        assert!(bucket.permits());
    }

    #[test]
    fn only_while_somebody_waits_does_a_late_timer_keep_its_tokens() {
        let start = clock::now();
        for (busy, bytes) in [(false, 4_000), (true, 12_000)] {
            let mut bucket = drained(8_000_000, start);
            bucket.refill(start + Duration::from_millis(500), busy);
            let mut taken = 0;
            while bucket.permits() {
                bucket.take(1);
                taken += 1;
            }
            assert_eq!(taken, bytes);
        }
    }

    proptest! {
        /// However finely time is cut, the same is earned: no rounding is lost or won.
        #[test]
        fn nothing_drifts(bits in 1u64..10_000_000_000, cuts in prop::collection::vec(1u64..3_000_000, 1..200)) {
            let start = clock::now();
            let mut fine = drained(bits, start);
            fine.take(1 << 30);
            let mut coarse = fine.clone();
            let mut now = start;
            for cut in cuts {
                now += Duration::from_nanos(cut);
                fine.refill(now, true);
            }
            coarse.refill(now, true);
            prop_assert_eq!(fine.level, coarse.level);
        }

        #[test]
        fn a_change_of_rate_never_owes_longer_than_the_bound_or_than_it_was(
            before in 1_000u64..10_000_000_000,
            after in 1_000u64..10_000_000_000,
            taken in 0usize..1_000_000,
        ) {
            let start = clock::now();
            let mut bucket = drained(before, start);
            bucket.take(taken);
            let owed = bucket.ready_at() - start;
            bucket.change(rate(after), Depth::TUBE, start, false);
            prop_assert!(bucket.ready_at() - start <= owed.max(LONGEST_DEBT) + Duration::from_millis(1));
            prop_assert!(bucket.level <= bucket.cap(false));
        }

        /// A governor says another rate every few milliseconds: that neither forgives what is owed nor loses what a late
        /// timer left.
        #[test]
        fn a_rate_that_changes_all_the_time_is_what_it_says(
            bits in 20_000u64..100_000_000,
            wobble in prop::collection::vec(0u64..50, 50..300),
            every in 100u64..3_900,
        ) {
            let start = clock::now();
            let (mut bucket, mut now, mut taken, mut meant) = (drained(bits, start), start, 0usize, 0f64);
            for more in wobble {
                let grant = usize::try_from(bucket.rate.unwrap().bits_per_second() / 4000).unwrap().max(1500);
                while bucket.permits() {
                    bucket.take(grant);
                    taken += grant;
                }
                meant += bucket.rate.unwrap().bytes_per_second() * every as f64 * 1e-6;
                now += Duration::from_micros(every);
                bucket.change(rate(bits + bits * more / 1000), Depth::LINK, now, true);
                bucket.refill(now, true);
            }
            // One grant may be owed and one not given yet; rates of 5% more or less shorten a debt by as much.
            let grant = (bits as f64 / 3800.0).max(1500.0);
            prop_assert!((taken as f64 - meant).abs() <= 1.1 * grant + 0.05 * meant + 1.0, "{taken} of {meant}");
        }
    }
}
