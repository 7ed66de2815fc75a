//! What was refused since the process began, as the live page tells it.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use prometheus::core::Collector;
use prometheus::proto::Metric;

use super::{Meter, NONE};
use crate::base::{Reason, Side, TubeId};

/// Flows that were refused for want of room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// The tube carried as many as it may.
    pub tube_full: u64,
    /// The process did.
    pub process_full: u64,
}

/// Flows that were refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The word of the reason.
    pub reason: String,
    /// Of what was blocked: the rule, or `default`.
    pub rule: Option<String>,
    /// Of what was refused as a tube was full: which.
    pub tube: Option<String>,
    /// How many since the process began.
    pub count: u64,
}

impl Meter {
    /// Flows that were refused because their tube, or the process, was full, since the process began.
    pub fn refused(&self, tube: &TubeId) -> Refusals {
        self.refused_of(tube.as_str())
    }

    /// The same of all tubes that ever were, and of flows that were turned away before they had one.
    pub fn refused_in_all(&self) -> Refusals {
        let tubes: Vec<TubeId> = self.0.tubes.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
        tubes.iter().map(TubeId::as_str).chain([NONE]).map(|tube| self.refused_of(tube)).fold(
            Refusals::default(),
            |sum, more| Refusals {
                tube_full: sum.tube_full + more.tube_full,
                process_full: sum.process_full + more.process_full,
            },
        )
    }

    /// What was refused since the process began: by rule what was blocked, by tube what found it full, the rest by reason.
    pub fn refusals(&self) -> Vec<Refused> {
        let mut found = BTreeMap::<(String, Option<String>, Option<String>), u64>::new();
        for metric in metrics(&self.0.blocked) {
            let rule = label(&metric, "rule").map(str::to_owned);
            *found.entry((Reason::Blocked.to_string(), rule, None)).or_default() += value(&metric);
        }
        for metric in metrics(&self.0.ends) {
            let [Some(tube), Some(side), Some(reason)] = ["tube", "side", "reason"].map(|name| label(&metric, name))
            else {
                continue;
            };
            let policy = side == Side::Policy.as_str() && reason != Reason::Blocked.as_str();
            if policy || reason == Reason::ProcessFull.as_str() {
                let tube = (reason == Reason::TubeFull.as_str()).then(|| tube.to_owned());
                *found.entry((reason.to_owned(), None, tube)).or_default() += value(&metric);
            }
        }
        found.into_iter().map(|((reason, rule, tube), count)| Refused { reason, rule, tube, count }).collect()
    }

    fn refused_of(&self, tube: &str) -> Refusals {
        let ended = |side: Side, reason: Reason| {
            let labels = [tube, side.as_str(), reason.as_str()];
            self.0.ends.get_metric_with_label_values(&labels).map_or(0, |counter| counter.get())
        };
        Refusals {
            tube_full: ended(Side::Policy, Reason::TubeFull),
            process_full: ended(Side::Proxy, Reason::ProcessFull),
        }
    }
}

fn metrics(counters: &impl Collector) -> Vec<Metric> {
    counters.collect().into_iter().flat_map(|family| family.get_metric().to_vec()).collect()
}

fn label<'a>(metric: &'a Metric, name: &str) -> Option<&'a str> {
    metric.get_label().iter().find(|pair| pair.name() == name).map(|pair| pair.value())
}

/// A counter's value is kept as a float; it is whole.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn value(metric: &Metric) -> u64 {
    metric.get_counter().get_value() as u64
}
