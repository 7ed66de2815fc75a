//! Makes and registers what is counted.

use prometheus::core::Collector;
use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::MeterError;

/// Makes and registers metrics with labels.
pub(super) struct Vectors<'a> {
    pub(super) registry: &'a Registry,
}

impl Vectors<'_> {
    pub(super) fn counter(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, MeterError> {
        add(self.registry, IntCounterVec::new(Opts::new(name, help), labels))
    }

    pub(super) fn gauge(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, MeterError> {
        add(self.registry, IntGaugeVec::new(Opts::new(name, help), labels))
    }

    pub(super) fn level(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, MeterError> {
        add(self.registry, GaugeVec::new(Opts::new(name, help), labels))
    }

    pub(super) fn histogram(
        &self,
        name: &str,
        help: &str,
        buckets: &[f64],
        labels: &[&str],
    ) -> Result<HistogramVec, MeterError> {
        add(self.registry, HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels))
    }
}

pub(super) fn add<C: Collector + Clone + 'static>(
    registry: &Registry,
    made: prometheus::Result<C>,
) -> Result<C, MeterError> {
    let made = made?;
    registry.register(Box::new(made.clone()))?;
    Ok(made)
}
