//! The handles of one tube.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec};

use super::vectors::Vectors;
use super::{MeterError, SPANS, WAITS};
use crate::base::Direction;

/// The handles of one tube, looked up once a flow, so that counting bytes costs a few atomics and no look-up.
pub(in crate::account) struct TubeMeter {
    label: Box<str>,
    open: AtomicI64,
    bytes: [IntCounter; 2],
    wait: [Histogram; 2],
    admission: Histogram,
    connect: Histogram,
    first_byte: Histogram,
    span: Histogram,
}

/// What is counted by tube.
pub(super) struct TubeVectors {
    bytes: IntCounterVec,
    wait: HistogramVec,
    admission: HistogramVec,
    connect: HistogramVec,
    first_byte: HistogramVec,
    span: HistogramVec,
}

impl TubeVectors {
    pub(super) fn new(vectors: &Vectors<'_>) -> Result<Self, MeterError> {
        let (tube, both): (&[&str], &[&str]) = (&["tube"], &["tube", "direction"]);
        Ok(TubeVectors {
            bytes: vectors.counter(
                "clearway_bytes_total",
                "Payload bytes carried: down is to the client, up is from it.",
                both,
            )?,
            wait: vectors.histogram(
                "clearway_tube_wait_seconds",
                "How long bytes waited for their share of the tube, one observation each time some were let through.",
                WAITS,
                both,
            )?,
            admission: vectors.histogram(
                "clearway_tube_admission_seconds",
                "How long new connections waited to be made until the tube had room for what they bring.",
                WAITS,
                tube,
            )?,
            connect: vectors.histogram(
                "clearway_connect_seconds",
                "How long making a connection to the origin or parent took.",
                WAITS,
                tube,
            )?,
            first_byte: vectors.histogram(
                "clearway_first_byte_seconds",
                "From the opening of a flow to the first byte from the origin.",
                WAITS,
                tube,
            )?,
            span: vectors.histogram("clearway_flow_seconds", "From the opening of a flow to its end.", SPANS, tube)?,
        })
    }
}

impl TubeMeter {
    pub(super) fn new(label: &str, vectors: &TubeVectors) -> Result<Self, prometheus::Error> {
        let TubeVectors { bytes, wait, admission, connect, first_byte, span } = vectors;
        let [down, up] = Direction::BOTH.map(Direction::as_str);
        Ok(TubeMeter {
            label: Box::from(label),
            open: AtomicI64::new(0),
            bytes: [
                bytes.get_metric_with_label_values(&[label, down])?,
                bytes.get_metric_with_label_values(&[label, up])?,
            ],
            wait: [
                wait.get_metric_with_label_values(&[label, down])?,
                wait.get_metric_with_label_values(&[label, up])?,
            ],
            admission: admission.get_metric_with_label_values(&[label])?,
            connect: connect.get_metric_with_label_values(&[label])?,
            first_byte: first_byte.get_metric_with_label_values(&[label])?,
            span: span.get_metric_with_label_values(&[label])?,
        })
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// Flows that are in it now.
    pub(super) fn open(&self) -> i64 {
        self.open.load(Relaxed)
    }

    pub(super) fn ended(&self, after: Duration) {
        self.span.observe(after.as_secs_f64());
    }

    pub(in crate::account) fn entered(&self) {
        self.open.fetch_add(1, Relaxed);
    }

    pub(in crate::account) fn left(&self) {
        self.open.fetch_sub(1, Relaxed);
    }

    pub(in crate::account) fn moved(&self, direction: Direction, bytes: u64, waited: Duration) {
        let [down, up] = &self.bytes;
        let [down_wait, up_wait] = &self.wait;
        let (counter, wait) = match direction {
            Direction::Down => (down, down_wait),
            Direction::Up => (up, up_wait),
        };
        counter.inc_by(bytes);
        wait.observe(waited.as_secs_f64());
    }

    pub(in crate::account) fn admitted(&self, after: Duration) {
        self.admission.observe(after.as_secs_f64());
    }

    pub(in crate::account) fn connected(&self, after: Duration) {
        self.connect.observe(after.as_secs_f64());
    }

    pub(in crate::account) fn first_byte(&self, after: Duration) {
        self.first_byte.observe(after.as_secs_f64());
    }
}
