//! Everything that Prometheus scrapes. Other stages return values; only this file knows the client library. No label
//! ever holds a host, an address or a person: each comes from the configuration or from a closed set of words.

mod egress;
mod known;
mod level;
mod list;
mod process;
mod refused;
mod tube;
mod vectors;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use foldhash::HashMap;
use jiff::Timestamp;
use prometheus::process_collector::ProcessCollector;
use prometheus::{Gauge, GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};

pub use egress::EgressLevel;
use egress::Ways;
use known::ENDINGS;
pub use known::{FetchFacts, Known, ListFacts};
use level::Levels;
pub use level::LinkLevel;
use list::ListGauges;
use process::Process;
pub use refused::{Refusals, Refused};
pub(super) use tube::TubeMeter;
use tube::TubeVectors;
use vectors::{Vectors, add};

use crate::base::{Direction, EgressId, Fault, ListenerId, RuleId, TubeId};

/// The label of what a flow has none of: it ended before a verdict.
pub const NONE: &str = "none";

/// The rule label of flows that no rule named.
pub const DEFAULT_RULE: &str = "default";

/// Label values of what is so or not.
const YES: &str = "yes";
const NO: &str = "no";

/// Seconds. From below a scheduler's tick to the longest that anything waits for a first byte; 1, 2.5, 5 a decade as
/// the field's dashboards expect, closer in the milliseconds where clinical work becomes slow or does not.
const WAITS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Seconds. A whole flow is anything from one small answer to a tunnel that stays open for a working day.
const SPANS: &[f64] = &[0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 28800.0];

/// Why the meter could not be made: two metrics of one name, which a test would show.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the metrics: {0}")]
pub struct MeterError(#[from] prometheus::Error);

/// All metrics of one process. Cheap to clone; each has a registry of its own, so that tests run side by side.
#[derive(Clone)]
pub struct Meter(Arc<Inner>);

struct Inner {
    registry: Registry,
    flows: IntCounterVec,
    flows_open: IntGaugeVec,
    ends: IntCounterVec,
    rule_hits: IntCounterVec,
    watched: IntCounterVec,
    blocked: IntCounterVec,
    by_tube: TubeVectors,
    levels: Levels,
    ways: Ways,
    process: Process,
    lists: ListGauges,
    /// Every tube that any generation had. A name that comes back finds its counts.
    tubes: RwLock<HashMap<TubeId, Arc<TubeMeter>>>,
    none: Arc<TubeMeter>,
    /// Held while a scrape reads and while a new configuration changes what it reads, so that neither sees half.
    view: Mutex<View>,
}

/// What the present configuration has.
#[derive(Default)]
struct View {
    tubes: BTreeSet<TubeId>,
    egresses: BTreeSet<EgressId>,
    lists: Vec<ListFacts>,
}

impl Meter {
    /// Metrics at zero.
    ///
    /// # Errors
    /// Only when two metrics had one name.
    pub fn new() -> Result<Self, MeterError> {
        let registry = Registry::new();
        let build = add(
            &registry,
            IntGaugeVec::new(Opts::new("clearway_build_info", "Always 1; the version is the label."), &["version"]),
        )?;
        build.get_metric_with_label_values(&[env!("CARGO_PKG_VERSION")])?.set(1);
        registry.register(Box::new(ProcessCollector::for_self()))?;

        let vectors = Vectors { registry: &registry };
        let by_tube = TubeVectors::new(&vectors)?;
        let none = Arc::new(TubeMeter::new(NONE, &by_tube)?);
        let inner = Inner {
            flows: vectors.counter(
                "clearway_flows_total",
                "Flows that were judged, or ended before they could be (none).",
                &["listener", "category", "tube", "action"],
            )?,
            flows_open: vectors.gauge("clearway_flows_open", "Flows judged into the tube and not ended.", &["tube"])?,
            ends: vectors.counter(
                "clearway_flow_ends_total",
                "Flows that ended, by whose doing and why.",
                &["tube", "side", "reason"],
            )?,
            watched: vectors.counter(
                "clearway_rule_watched_total",
                "Flows that a rule in mode watch would have decided, and whether otherwise than was decided.",
                &["rule", "otherwise"],
            )?,
            rule_hits: vectors.counter(
                "clearway_rule_hits_total",
                "Flows that the rule decided; default where no rule did.",
                &["rule"],
            )?,
            blocked: vectors.counter(
                "clearway_blocked_total",
                "Flows that ended blocked, by the rule; default where no rule named them.",
                &["rule"],
            )?,
            levels: Levels::new(&vectors)?,
            ways: Ways::new(&vectors)?,
            process: Process::new(&vectors)?,
            lists: ListGauges::new(&vectors)?,
            by_tube,
            none,
            tubes: RwLock::default(),
            view: Mutex::default(),
            registry,
        };
        Ok(Meter(Arc::new(inner)))
    }

    /// What the present configuration has: new combinations begin at 0; tubes and lists that are gone leave the
    /// gauges, while their counters stay, as a counter must.
    pub fn know(&self, known: Known) {
        let mut view = self.view();
        self.0.process.know(&known);
        self.0.ways.know(&known.egresses);
        for listener in &known.listeners {
            self.count(&self.0.flows, &[listener.as_str(), NONE, NONE, NONE], 0);
            for (category, tube) in &known.routes {
                for action in &known.actions {
                    self.count(&self.0.flows, &[listener.as_str(), category.as_str(), tube.as_str(), action], 0);
                }
            }
        }
        for rule in known.rules.iter().map(RuleId::as_str).chain([DEFAULT_RULE]) {
            self.count(&self.0.rule_hits, &[rule], 0);
        }
        for rule in &known.blocking {
            self.count(&self.0.blocked, &[rule_label(rule.as_ref())], 0);
        }
        for (rule, otherwise) in known.watching.iter().flat_map(|rule| [(rule, NO), (rule, YES)]) {
            self.count(&self.0.watched, &[rule.as_str(), otherwise], 0);
        }
        for tube in known.tubes.iter().map(TubeId::as_str).chain([NONE]) {
            for (side, reasons) in ENDINGS {
                for reason in *reasons {
                    self.count(&self.0.ends, &[tube, side.as_str(), reason.as_str()], 0);
                }
            }
        }
        view.tubes = known.tubes.into_iter().collect();
        for tube in &view.tubes {
            self.tube(tube);
        }
        self.0.levels.forget_tubes();
        view.egresses = known.egresses.into_iter().collect();
        view.lists = known.lists;
    }

    /// A reload came to its end.
    pub fn reloaded(&self, applied: bool) {
        self.0.process.reloaded(applied);
    }

    /// Since when the present configuration is in force.
    pub fn in_force(&self, since: Timestamp) {
        self.0.process.in_force(since);
    }

    /// What a tube may use and uses in bits per second; `None` is no limit. To be called for every tube just before
    /// [`Meter::encode`]. A tube that the present configuration does not have is left out.
    pub fn tube_reading(&self, tube: &TubeId, direction: Direction, limit: Option<u64>, used: u64) {
        if !self.view().tubes.contains(tube) {
            return;
        }
        self.0.levels.tube(tube, direction, limit, used);
    }

    /// How many connections of a tube's flows wait to be made; to be called as [`Meter::tube_reading`].
    pub fn admission_reading(&self, tube: &TubeId, waiting: u64) {
        if self.view().tubes.contains(tube) {
            self.0.levels.admission(tube, waiting);
        }
    }

    /// In which turn a tube is served, and whether one of its peaks is on; to be called as [`Meter::tube_reading`].
    pub fn standing_reading(&self, tube: &TubeId, priority: u8, peak: bool) {
        if self.view().tubes.contains(tube) {
            self.0.levels.standing(tube, priority, peak);
        }
    }

    /// How a way out fares; to be called as [`Meter::tube_reading`].
    pub fn egress_reading(&self, reading: &EgressLevel) {
        if self.view().egresses.contains(&reading.egress) {
            self.0.ways.show(reading);
        }
    }

    /// How many connections from clients there are and may be; to be called as [`Meter::tube_reading`].
    pub fn room_reading(&self, open: usize, most: usize) {
        self.0.process.room(open, most);
    }

    /// How the link does one way; to be called for both just before [`Meter::encode`].
    pub fn link_reading(&self, direction: Direction, link: LinkLevel) {
        self.0.levels.link(direction, link);
    }

    /// Until when the certificate of each listener that has one holds, and whether a newer one is refused; to be called as
    /// [`Meter::tube_reading`].
    pub fn certificate_readings(&self, all: impl Iterator<Item = (ListenerId, Option<Timestamp>, bool)>) {
        self.0.levels.certificates(all);
    }

    /// How long the last echo of `[link] probe` took; to be called as [`Meter::link_reading`].
    pub fn probe_reading(&self, took: Option<Duration>) {
        self.0.levels.probe(took);
    }

    /// Everything, in the text format that Prometheus reads. The moment is for the age of lists.
    pub fn encode(&self, at: Timestamp) -> String {
        let view = self.view();
        self.show_open(&view);
        self.0.lists.show(&view.lists, at);
        let mut text = match TextEncoder::new().encode_to_string(&self.0.registry.gather()) {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(side = "proxy", "cannot write the metrics: {error}");
                return String::new();
            }
        };
        // The library writes Rust's `inf`; the format's word is `+Inf`.
        if text.contains(" inf\n") {
            text = text.replace(" inf\n", " +Inf\n");
        }
        text
    }

    /// The gauge is made anew for each scrape: a tube that is gone stays until its last flow has left it.
    fn show_open(&self, view: &View) {
        self.0.flows_open.reset();
        for (id, tube) in self.0.tubes.read().unwrap_or_else(PoisonError::into_inner).iter() {
            let open = tube.open();
            if open != 0 || view.tubes.contains(id) {
                gauge(&self.0.flows_open, &[tube.label()], open);
            }
        }
    }

    /// The handles of a tube.
    pub(super) fn tube(&self, id: &TubeId) -> Arc<TubeMeter> {
        if let Some(tube) = self.0.tubes.read().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Arc::clone(tube);
        }
        let inner = &self.0;
        let made = TubeMeter::new(id.as_str(), &inner.by_tube);
        let Ok(made) = made else {
            return self.none(); // only a wrong number of labels gets here
        };
        Arc::clone(
            inner.tubes.write().unwrap_or_else(PoisonError::into_inner).entry(id.clone()).or_insert(Arc::new(made)),
        )
    }

    /// The handles of flows that are in no tube yet.
    pub(super) fn none(&self) -> Arc<TubeMeter> {
        Arc::clone(&self.0.none)
    }

    /// A flow got its verdict, or ended without one.
    pub(super) fn flow(&self, listener: &ListenerId, category: &str, tube: &str, action: &str) {
        self.count(&self.0.flows, &[listener.as_str(), category, tube, action], 1);
    }

    /// A rule, or the default, decided a flow.
    pub(super) fn rule_hit(&self, rule: Option<&RuleId>) {
        self.count(&self.0.rule_hits, &[rule_label(rule)], 1);
    }

    /// A rule that only watches would have decided a flow.
    pub(super) fn watched(&self, rule: &RuleId, otherwise: bool) {
        self.count(&self.0.watched, &[rule.as_str(), if otherwise { YES } else { NO }], 1);
    }

    /// How many flows a rule that only watches would have decided as they were, and how many otherwise.
    pub fn watched_by(&self, rule: &RuleId) -> [u64; 2] {
        [NO, YES].map(|otherwise| self.0.watched.with_label_values(&[rule.as_str(), otherwise]).get())
    }

    /// A rule, or the default, blocked a flow, at once or later.
    pub(super) fn blocked(&self, rule: Option<&RuleId>) {
        self.count(&self.0.blocked, &[rule_label(rule)], 1);
    }

    /// A flow ended.
    pub(super) fn flow_ended(&self, tube: &TubeMeter, fault: Fault, span: Duration) {
        self.count(&self.0.ends, &[tube.label(), fault.side.as_str(), fault.reason.as_str()], 1);
        tube.ended(span);
    }

    /// Access records were lost.
    pub(super) fn journal_dropped(&self, records: u64) {
        self.0.process.journal_dropped.inc_by(records);
    }

    /// The access log cannot be written, or can be again.
    pub(super) fn journal_failing(&self, failing: bool) {
        self.0.process.journal_failing.set(failing.into());
    }

    /// Spans were lost.
    pub(super) fn telemetry_dropped(&self, spans: u64) {
        self.0.process.telemetry_dropped.inc_by(spans);
    }

    fn count(&self, counters: &IntCounterVec, labels: &[&str], by: u64) {
        // An error is a wrong number of labels; every caller is in this file and the tests call them all.
        if let Ok(counter) = counters.get_metric_with_label_values(labels) {
            counter.inc_by(by);
        }
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.0.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn rule_label(rule: Option<&RuleId>) -> &str {
    rule.map_or(DEFAULT_RULE, RuleId::as_str)
}

fn gauge(gauges: &IntGaugeVec, labels: &[&str], value: i64) {
    if let Ok(gauge) = gauges.get_metric_with_label_values(labels) {
        gauge.set(value);
    }
}

fn level(gauges: &GaugeVec, labels: &[&str], value: f64) {
    let found: Result<Gauge, _> = gauges.get_metric_with_label_values(labels);
    if let Ok(gauge) = found {
        gauge.set(value);
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[allow(clippy::cast_precision_loss)] // rates stay far below 2^52
fn float(bits: u64) -> f64 {
    bits as f64
}

#[cfg(test)]
mod tests;
