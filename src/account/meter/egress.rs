//! How ways out fare.

use std::collections::BTreeMap;

use prometheus::{IntCounterVec, IntGaugeVec};

use super::vectors::Vectors;
use super::{MeterError, gauge};
use crate::base::EgressId;

/// A way out, as it is now.
#[derive(Clone, Debug)]
pub struct EgressLevel {
    /// Which.
    pub egress: EgressId,
    /// Different hosts in a row that could not be reached through it; 0 once a connection is made.
    pub failing: usize,
    /// How many connections came to what, since the process began: `made`, `abandoned` or a reason.
    pub connects: BTreeMap<&'static str, u64>,
}

/// What results are there at 0 from the start, so that the first of each shows as a rate. Others appear when they do.
const RESULTS: &[&str] = &[
    "made",
    "abandoned",
    "unreachable",
    "connect-timeout",
    "connect-refused",
    "parent-refused",
    "resolver-failed",
    "internal",
];

/// Set just before a scrape.
pub(super) struct Ways {
    failing: IntGaugeVec,
    connects: IntCounterVec,
}

impl Ways {
    pub(super) fn new(vectors: &Vectors<'_>) -> Result<Self, MeterError> {
        Ok(Ways {
            failing: vectors.gauge(
                "clearway_egress_failing_hosts",
                "Different hosts in a row that could not be reached through the egress, at most 16; 0 once a connection is made.",
                &["egress"],
            )?,
            connects: vectors.counter(
                "clearway_egress_connects_total",
                "Connections tried through the egress, by what came of them: made, abandoned by a client that waited, or a reason.",
                &["egress", "result"],
            )?,
        })
    }

    pub(super) fn know(&self, egresses: &[EgressId]) {
        self.failing.reset();
        for egress in egresses {
            gauge(&self.failing, &[egress.as_str()], 0);
            for result in RESULTS {
                self.connects.with_label_values(&[egress.as_str(), result]).inc_by(0);
            }
        }
    }

    pub(super) fn show(&self, level: &EgressLevel) {
        let egress = level.egress.as_str();
        gauge(&self.failing, &[egress], i64::try_from(level.failing).unwrap_or(i64::MAX));
        for (result, count) in &level.connects {
            let counter = self.connects.with_label_values(&[egress, result]);
            counter.inc_by(count.saturating_sub(counter.get()));
        }
    }
}
