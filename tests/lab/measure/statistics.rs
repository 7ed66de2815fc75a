//! Arithmetic on samples.

use serde::{Deserialize, Serialize};

/// How samples are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    pub count: usize,
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

impl Spread {
    /// Of these samples, by the nearest rank.
    pub fn of(mut samples: Vec<f64>) -> Spread {
        samples.sort_by(f64::total_cmp);
        let count = samples.len();
        let at = |part: f64| match count {
            0 => 0.0,
            _ => samples[((part * count as f64).ceil() as usize).clamp(1, count) - 1],
        };
        let mean = samples.iter().sum::<f64>() / count.max(1) as f64;
        Spread { count, mean, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1.0) }
    }
}

/// Jain's index of fairness: 1 when all have the same, 1/n when one has all. Nothing for fewer than two.
pub fn jain(shares: &[f64]) -> Option<f64> {
    let (sum, squares) = shares.iter().fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
    (shares.len() > 1 && squares > 0.0).then(|| sum * sum / (shares.len() as f64 * squares))
}

/// The median of times of which some are not over yet, by Kaplan and Meier (1958): a time that is not over counts among
/// those it has outlasted, and as nothing more. Nothing where it lies beyond what was seen.
pub fn median_of_open(mut times: Vec<(f64, bool)>) -> Option<f64> {
    // Of two that are as long the one that is over comes first.
    times.sort_by(|one, other| one.0.total_cmp(&other.0).then(other.1.cmp(&one.1)));
    let mut longer = 1.0;
    for (at, (time, over)) in times.iter().enumerate() {
        let still = (times.len() - at) as f64;
        if *over {
            longer *= (still - 1.0) / still;
        }
        if longer <= 0.5 {
            return Some(*time);
        }
    }
    None
}
