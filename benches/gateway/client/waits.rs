//! How long things took.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Of many waits, what half of them and all but a hundredth stayed below, in microseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Waits {
    pub p50: f64,
    pub p99: f64,
}

impl Waits {
    pub fn of(mut times: Vec<Duration>) -> Waits {
        times.sort_unstable();
        let at = |part: f64| {
            let place = ((times.len() as f64 * part) as usize).min(times.len().saturating_sub(1));
            times.get(place).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
        };
        Waits { p50: at(0.5), p99: at(0.99) }
    }
}
