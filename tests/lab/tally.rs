//! Who received how much, and when.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::clock;

/// How finely it counts.
pub const BIN: u64 = 100 * clock::MILLI;

/// Bytes of each person in each tenth of a second.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tally {
    begun: u64,
    bins: BTreeMap<u32, Vec<u64>>,
}

impl Tally {
    /// One that begins now.
    pub fn new() -> Tally {
        Tally { begun: clock::now(), bins: BTreeMap::new() }
    }

    /// Counts bytes that came just now.
    pub fn add(&mut self, who: u32, bytes: usize) {
        let at = (clock::now().saturating_sub(self.begun) / BIN) as usize;
        let bins = self.bins.entry(who).or_default();
        if bins.len() <= at {
            bins.resize(at + 1, 0);
        }
        bins[at] += bytes as u64;
    }

    /// Whoever received anything.
    pub fn people(&self) -> impl Iterator<Item = u32> {
        self.bins.keys().copied()
    }

    /// What somebody received between two moments, to a tenth of a second.
    pub fn sum(&self, who: u32, from: u64, to: u64) -> u64 {
        let at = |moment: u64| (moment.saturating_sub(self.begun) / BIN) as usize;
        let Some(bins) = self.bins.get(&who) else { return 0 };
        let to = at(to).min(bins.len());
        bins[at(from).min(to)..to].iter().sum()
    }
}
