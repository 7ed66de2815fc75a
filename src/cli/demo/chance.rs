//! Chance that is the same for the same seed: what people and clinical work ask for is drawn from here, so that the
//! lunch hours with and without Clearway are the same one.

/// A stream of numbers (splitmix64: Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The stream of a seed, and of one of its purposes: streams of two purposes do not depend on each other.
    pub fn new(seed: u64, purpose: u64) -> Chance {
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ purpose.wrapping_mul(0xd1b5_4a32_d192_ed03));
        chance.next();
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// At least 0, less than 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Between two numbers, each as likely.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// How long until the next of events that come at this rate, independent of each other.
    pub fn gap(&mut self, rate: f64) -> f64 {
        -(1.0 - self.unit()).ln() / rate
    }

    /// Bytes, log-normal with this median and sigma, kept within bounds.
    pub fn bytes(&mut self, median: f64, sigma: f64, low: f64, high: f64) -> u64 {
        let normal = (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos();
        whole((median * (sigma * normal).exp()).clamp(low, high))
    }
}

/// A number without its fraction; what is less than nothing is nothing.
#[allow(clippy::cast_possible_truncation)] // saturates, as is meant
pub fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_purpose_draw_the_same_and_another_purpose_does_not() {
        let draw = |seed, purpose| (0..5).map(|_| Chance::new(seed, purpose).next()).collect::<Vec<_>>();
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }

    #[test]
    fn draws_keep_their_bounds_and_their_mean() {
        let mut chance = Chance::new(7, 0);
        assert!((0..1000).all(|_| (3.0..4.0).contains(&chance.between(3.0, 4.0))));
        assert!((0..1000).all(|_| (200..=900).contains(&chance.bytes(500.0, 1.0, 200.0, 900.0))));
        let mean = (0..10_000).map(|_| chance.gap(5.0)).sum::<f64>() / 1e4;
        assert!((mean - 0.2).abs() < 0.01, "{mean}");
        assert_eq!(whole(-1.0), 0);
    }
}
