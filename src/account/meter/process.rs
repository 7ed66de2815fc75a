//! What is told of the process as a whole: its configuration, its room, its log.

use jiff::Timestamp;
use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, Opts};

use super::known::Known;
use super::vectors::{Vectors, add};
use super::{MeterError, level, whole};

/// How a reload may end, as the label has it.
const APPLIED: &str = "applied";
const REFUSED: &str = "refused";

/// Counters and gauges without a tube.
pub(super) struct Process {
    reloads: IntCounterVec,
    successful: IntGauge,
    in_force: Gauge,
    generation: IntGauge,
    exceptions: GaugeVec,
    connections: IntGauge,
    most_connections: IntGauge,
    pub(super) journal_dropped: IntCounter,
    pub(super) journal_failing: IntGauge,
    pub(super) telemetry_dropped: IntCounter,
}

impl Process {
    pub(super) fn new(vectors: &Vectors<'_>) -> Result<Self, MeterError> {
        let gauge = |name: &str, help: &str| add(vectors.registry, IntGauge::with_opts(Opts::new(name, help)));
        let process = Process {
            reloads: vectors.counter(
                "clearway_reloads_total",
                "Reloads asked for, by what became of them.",
                &["result"],
            )?,
            successful: gauge(
                "clearway_config_last_reload_successful",
                "1 where the last reload, or the start, put its files in force; 0 where it was refused.",
            )?,
            in_force: add(
                vectors.registry,
                Gauge::with_opts(Opts::new(
                    "clearway_config_in_force_timestamp_seconds",
                    "When the configuration in force came to be so, in seconds since 1970.",
                )),
            )?,
            generation: gauge(
                "clearway_config_generation",
                "The number of the configuration in force; grows with each reload that is applied.",
            )?,
            exceptions: vectors.level(
                "clearway_exception_expires_timestamp_seconds",
                "When a rule with a last day ends, in seconds since 1970; it stays after that, until it leaves the policy.",
                &["rule"],
            )?,
            connections: gauge("clearway_connections_open", "Connections from clients that are open.")?,
            most_connections: gauge(
                "clearway_connections_limit",
                "Connections from clients that the process has room for; near it the lowest tubes are refused first.",
            )?,
            journal_dropped: add(
                vectors.registry,
                IntCounter::new(
                    "clearway_journal_dropped_total",
                    "Access records that were lost: the queue was full, or the log could not be written before the process ended.",
                ),
            )?,
            journal_failing: gauge(
                "clearway_journal_failing",
                "1 while the access log cannot be written and records are kept in memory; else 0.",
            )?,
            telemetry_dropped: add(
                vectors.registry,
                IntCounter::new(
                    "clearway_telemetry_dropped_total",
                    "Spans that were lost: the queue was full, or the collector refused them.",
                ),
            )?,
        };
        process.successful.set(1);
        for result in [APPLIED, REFUSED] {
            process.reloads.with_label_values(&[result]).inc_by(0);
        }
        Ok(process)
    }

    pub(super) fn know(&self, known: &Known) {
        self.generation.set(i64::try_from(known.generation).unwrap_or(i64::MAX));
        self.exceptions.reset();
        for (rule, end) in &known.exceptions {
            level(&self.exceptions, &[rule.as_str()], seconds(*end));
        }
    }

    pub(super) fn reloaded(&self, applied: bool) {
        self.reloads.with_label_values(&[if applied { APPLIED } else { REFUSED }]).inc();
        self.successful.set(i64::from(applied));
    }

    pub(super) fn in_force(&self, at: Timestamp) {
        self.in_force.set(seconds(at));
    }

    pub(super) fn room(&self, open: usize, most: usize) {
        self.connections.set(whole(open));
        self.most_connections.set(whole(most));
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}
