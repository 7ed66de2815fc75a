//! What was to be told of flows and was lost.

use prometheus::{IntCounter, Registry};

use super::MeterError;
use super::vectors::add;

/// Counts of it.
pub(super) struct Lost {
    pub(super) records: IntCounter,
    pub(super) spans: IntCounter,
}

impl Lost {
    pub(super) fn new(registry: &Registry) -> Result<Self, MeterError> {
        let records = IntCounter::new(
            "clearway_journal_dropped_total",
            "Access records that were lost: the queue was full, or the log could not be written before the process ended.",
        );
        let spans = IntCounter::new(
            "clearway_telemetry_dropped_total",
            "Spans that were lost: the queue was full, or the collector refused them.",
        );
        Ok(Lost { records: add(registry, records)?, spans: add(registry, spans)? })
    }
}
