//! The gauges of the scheduler: what each tube and the link may use and use, and what waits.

use std::time::Duration;

use jiff::Timestamp;
use prometheus::{GaugeVec, IntGaugeVec};

use super::vectors::Vectors;
use super::{MeterError, float, gauge, level};
use crate::base::{Direction, ListenerId, TubeId};

/// The link one way, as the scheduler sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LinkLevel {
    /// The queue that is taken to stand in front of it; `None` for a link without a rate.
    pub queue: Option<Duration>,
    /// What is given out now, in bits per second; `None` is no limit.
    pub limit: Option<u64>,
    /// What its interface carried over the last second; `None` where none is counted.
    pub used: Option<u64>,
}

/// Gauges that are set just before a scrape.
pub(super) struct Levels {
    limit: GaugeVec,
    used: GaugeVec,
    admission: IntGaugeVec,
    priority: IntGaugeVec,
    peak: IntGaugeVec,
    link_queue: GaugeVec,
    link_limit: GaugeVec,
    link_used: GaugeVec,
    link_probe: GaugeVec,
    certificate_expires: GaugeVec,
    certificate_refused: IntGaugeVec,
}

impl Levels {
    pub(super) fn new(vectors: &Vectors<'_>) -> Result<Self, MeterError> {
        let both = &["tube", "direction"];
        let way = &["direction"];
        Ok(Levels {
            limit: vectors.level(
                "clearway_tube_limit_bits_per_second",
                "What the tube may use right now; +Inf without a limit.",
                both,
            )?,
            used: vectors.level(
                "clearway_tube_used_bits_per_second",
                "What the tube used over the last second.",
                both,
            )?,
            admission: vectors.gauge(
                "clearway_tube_admission_waiting",
                "Connections of the tube's flows that wait to be made until it has room for what they bring.",
                &["tube"],
            )?,
            priority: vectors.gauge(
                "clearway_tube_priority",
                "In which turn the tube is served; 0 is clear: it waits for no other.",
                &["tube"],
            )?,
            peak: vectors.gauge(
                "clearway_tube_peak",
                "1 while a peak of the tube is on, so that its other ceiling holds; else 0.",
                &["tube"],
            )?,
            link_queue: vectors.level(
                "clearway_link_queue_seconds",
                "The queue that is taken to stand on the link, for which less is given out; absent without a link rate.",
                way,
            )?,
            link_limit: vectors.level(
                "clearway_link_limit_bits_per_second",
                "What of the link is given out right now; +Inf without a link rate.",
                way,
            )?,
            link_used: vectors.level(
                "clearway_link_used_bits_per_second",
                "What the link's interface carried over the last second, headers and all; absent where none is named.",
                way,
            )?,
            link_probe: vectors.level(
                "clearway_link_probe_seconds",
                "How long the last echo of [link] probe took; absent where none is named or it does not answer.",
                &[],
            )?,
            certificate_expires: vectors.level(
                "clearway_certificate_expires_timestamp_seconds",
                "When the time of the certificate that the listener shows is over, in seconds since 1970.",
                &["listener"],
            )?,
            certificate_refused: vectors.gauge(
                "clearway_certificate_refused",
                "1 while the files of the listener's certificate are no use and the last good one is shown.",
                &["listener"],
            )?,
        })
    }

    /// Tubes may have gone.
    pub(super) fn forget_tubes(&self) {
        self.limit.reset();
        self.used.reset();
        self.admission.reset();
        self.priority.reset();
        self.peak.reset();
    }

    pub(super) fn standing(&self, tube: &TubeId, priority: u8, peak: bool) {
        gauge(&self.priority, &[tube.as_str()], i64::from(priority));
        gauge(&self.peak, &[tube.as_str()], i64::from(peak));
    }

    pub(super) fn tube(&self, tube: &TubeId, direction: Direction, limit: Option<u64>, used: u64) {
        let labels = [tube.as_str(), direction.as_str()];
        level(&self.limit, &labels, limit.map_or(f64::INFINITY, float));
        level(&self.used, &labels, float(used));
    }

    pub(super) fn admission(&self, tube: &TubeId, waiting: u64) {
        gauge(&self.admission, &[tube.as_str()], i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    pub(super) fn link(&self, direction: Direction, link: LinkLevel) {
        let labels = [direction.as_str()];
        level(&self.link_limit, &labels, link.limit.map_or(f64::INFINITY, float));
        or_absent(&self.link_queue, &labels, link.queue.map(|queue| queue.as_secs_f64()));
        or_absent(&self.link_used, &labels, link.used.map(float));
    }

    pub(super) fn certificates(&self, all: impl Iterator<Item = (ListenerId, Option<Timestamp>, bool)>) {
        self.certificate_expires.reset();
        self.certificate_refused.reset();
        for (listener, expires, refused) in all {
            let labels = [listener.as_str()];
            or_absent(&self.certificate_expires, &labels, expires.map(|at| at.as_duration().as_secs_f64()));
            gauge(&self.certificate_refused, &labels, i64::from(refused));
        }
    }

    pub(super) fn probe(&self, took: Option<Duration>) {
        or_absent(&self.link_probe, &[], took.map(|took| took.as_secs_f64()));
    }
}

fn or_absent(gauges: &GaugeVec, labels: &[&str], value: Option<f64>) {
    match value {
        Some(value) => level(gauges, labels, value),
        // An error says that it was absent already.
        None => drop(gauges.remove_label_values(labels)),
    }
}
