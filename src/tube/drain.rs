//! What the way up carries, told by the round trips that waited in its queue. Pure.
//!
//! What leaves a queue that stands, leaves when all before it has: at a moment that grows by one second for each second's
//! worth of what was put in. So does the moment a handshake left, which is when it began and what it waited. The slope of
//! the one over the other is the rate, whether the queue grows or drains.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::Moment;

/// Looks that are remembered, for a round trip that began before: a second of them.
const LOOKS: usize = 512;
/// Round trips that are remembered.
const TRIPS: usize = 64;
/// One that waited less may have found the queue empty.
const WAITED: Duration = Duration::from_millis(10);
/// So many are a line, over so much time: what the way down adds to one is some milliseconds.
const ENOUGH: usize = 5;
const SPAN: f64 = 0.1;

/// A round trip: when it began, what had been put in by then, and what it waited.
#[derive(Clone, Copy, Debug)]
struct Trip {
    began: Moment,
    before: u64,
    waited: Duration,
}

/// The last looks and round trips.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    looks: VecDeque<(Moment, u64)>,
    trips: VecDeque<Trip>,
}

impl Drain {
    /// The interface has sent so many bytes, ever.
    pub fn seen(&mut self, wire: u64, now: Moment) {
        if self.looks.back().is_some_and(|(_, before)| wire < *before) {
            *self = Drain::default();
        }
        self.looks.push_back((now, wire));
        if self.looks.len() > LOOKS {
            self.looks.pop_front();
        }
    }

    /// A round trip that began at a moment took so much longer than the least of its address.
    pub fn trip(&mut self, began: Moment, waited: Duration) {
        let before = self.looks.iter().rev().find(|(at, _)| *at <= began).map(|(_, wire)| *wire);
        let Some(before) = before else { return };
        self.trips.push_back(Trip { began, before, waited });
        if self.trips.len() > TRIPS {
            self.trips.pop_front();
        }
    }

    /// The rate, in bits a second, as far as round trips tell that began after a moment; `None` when they are too few.
    pub fn rate(&self, since: Moment) -> Option<f64> {
        // In seconds and bits since then.
        let put_in = |trip: &Trip| trip.before.saturating_sub(self.trips[0].before) as f64 * 8.0;
        let left = |trip: &Trip| (trip.began.saturating_duration_since(since) + trip.waited).as_secs_f64();
        let line: Vec<(f64, f64)> = self
            .trips
            .iter()
            .filter(|trip| trip.began >= since && trip.waited >= WAITED)
            .map(|trip| (put_in(trip), left(trip)))
            .collect();
        let count = line.len() as f64;
        let (first, last) = (line.iter().map(|at| at.1), line.iter().map(|at| at.1));
        let span = last.fold(0.0, f64::max) - first.fold(f64::INFINITY, f64::min);
        if line.len() < ENOUGH || span < SPAN {
            return None;
        }
        let middle = (line.iter().map(|at| at.0).sum::<f64>() / count, line.iter().map(|at| at.1).sum::<f64>() / count);
        let spread: f64 = line.iter().map(|at| (at.1 - middle.1).powi(2)).sum();
        let both: f64 = line.iter().map(|at| (at.0 - middle.0) * (at.1 - middle.1)).sum();
        let rate = both / spread;
        (rate.is_finite() && rate > 0.0).then_some(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock;

    /// What is told of a way that carries 10 Mbit/s, is sent this for half a second, and has so much queue at first.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // bytes of a second
    fn told(sent: f64, queue: f64, noise: f64) -> Option<f64> {
        let start = clock::now();
        let (mut drain, mut queue, mut put_in) = (Drain::default(), queue, 0.0);
        for look in 0..250u32 {
            let now = start + Duration::from_millis(2) * look;
            drain.seen(put_in as u64, now);
            if look % 7 == 0 {
                let more = noise * f64::from(look * 31 % 17) / 17.0;
                drain.trip(now, Duration::from_secs_f64(queue + more));
            }
            put_in += sent * 0.002 / 8.0;
            queue = f64::max(0.0, queue + (sent / 10e6 - 1.0) * 0.002);
        }
        drain.rate(start)
    }

    #[test]
    fn a_queue_tells_the_rate_while_it_grows_and_while_it_drains() {
        for (sent, queue) in [(15e6, 0.01), (11e6, 0.1), (7e6, 0.15), (7e6, 0.1), (9e6, 0.1)] {
            let exact = told(sent, queue, 0.0).unwrap();
            assert!((exact / 10e6 - 1.0).abs() < 0.01, "{sent} {queue}: {exact}");
            let noisy = told(sent, queue, 0.008).unwrap();
            assert!((noisy / 10e6 - 1.0).abs() < 0.05, "{sent} {queue}: {noisy}");
        }
    }

    #[test]
    fn without_a_queue_nothing_is_told() {
        assert_eq!(told(9e6, 0.0, 0.0), None);
        assert_eq!(Drain::default().rate(clock::now()), None);
    }
}
