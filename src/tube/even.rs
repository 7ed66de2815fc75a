//! Whether a way carries the same all the time, as a wire with a queue in front of it does and hardly anything else. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::Moment;

/// A rate is taken over this at least, and over so many bytes: twenty packets, so that one more or less is 5%.
const PIECE: Duration = Duration::from_millis(20);
const BYTES: u64 = 30_000;
/// So many pieces in a row have to be alike: a quarter of a second.
const PIECES: usize = 12;
/// How alike. In the lab, pieces of a way with a queue were within 2% of their mean; of one that was held below what it
/// carries, or starved by a queue the other way, the least in 300 ms was at most 0.88 of the mean, mostly half of it.
const ALIKE: f64 = 0.07;

/// One way's last rates.
#[derive(Clone, Debug, Default)]
pub struct Even {
    since: Option<(Moment, u64)>,
    pieces: VecDeque<f64>,
}

impl Even {
    /// The interface has carried so many bytes, ever.
    pub fn seen(&mut self, wire: u64, now: Moment) {
        let (since, before) = *self.since.get_or_insert((now, wire));
        let time = now.saturating_duration_since(since);
        if wire < before {
            *self = Even::default();
        } else if time >= PIECE && wire - before >= BYTES {
            self.since = Some((now, wire));
            self.pieces.push_back((wire - before) as f64 * 8.0 / time.as_secs_f64());
            if self.pieces.len() > PIECES {
                self.pieces.pop_front();
            }
        }
    }

    /// The rate, in bits a second, if it was even.
    pub fn rate(&self) -> Option<f64> {
        let mean = self.pieces.iter().sum::<f64>() / PIECES as f64;
        let alike = |piece: &f64| (piece - mean).abs() <= ALIKE * mean;
        (self.pieces.len() == PIECES && self.pieces.iter().all(alike)).then_some(mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock;

    /// What is said of a way that carries, in turns of 20 ms, these rates for a second.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // bytes of a second
    fn told(rates: &[f64], packet: f64) -> Option<f64> {
        let (mut even, mut now, mut sent) = (Even::default(), clock::now(), 0.0);
        for look in 0..500 {
            sent += rates[look / 10 % rates.len()] * 0.002 / 8.0;
            now += Duration::from_millis(2);
            even.seen(((sent / packet).floor() * packet) as u64, now);
        }
        even.rate()
    }

    #[test]
    fn a_wire_that_always_has_something_to_carry_is_even_and_says_its_rate() {
        for rate in [10e6, 25e6, 50e6, 1e9] {
            let told = told(&[rate], 1500.0).unwrap();
            assert!((told / rate - 1.0).abs() < 0.02, "{told}");
        }
    }

    #[test]
    fn one_that_pauses_is_not() {
        assert_eq!(told(&[25e6, 25e6, 20e6], 1500.0), None);
        assert_eq!(told(&[25e6, 25e6, 25e6, 25e6, 25e6, 25e6, 12e6], 1500.0), None);
        assert_eq!(told(&[0.0], 1500.0), None);
    }
}
