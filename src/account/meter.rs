//! Everything that Prometheus scrapes. Other stages return values; only this file knows the client library. No label
//! ever holds a host, an address or a person: each comes from the configuration or from a closed set of words.

mod level;
mod tube;
mod vectors;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use foldhash::HashMap;
use jiff::Timestamp;
use prometheus::process_collector::ProcessCollector;
use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

use level::Levels;
pub use level::LinkLevel;
pub(super) use tube::TubeMeter;
use tube::TubeVectors;
use vectors::{Vectors, add};

use crate::base::{CategoryId, Direction, Fault, ListenerId, Reason, RuleId, Side, TubeId};

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

/// The endings that happen, made at 0 for every tube so that the first one already shows as a rate. Others appear
/// when they do.
const ENDINGS: &[(Side, &[Reason])] = &[
    (
        Side::Client,
        &[
            Reason::Finished,
            Reason::BadRequest,
            Reason::HeadTooLarge,
            Reason::SlowHead,
            Reason::BadProxyHeader,
            Reason::Reset,
            Reason::Idle,
            Reason::TlsFailed,
        ],
    ),
    (
        Side::Origin,
        &[
            Reason::Finished,
            Reason::NameNotFound,
            Reason::ConnectRefused,
            Reason::Unreachable,
            Reason::ConnectTimeout,
            Reason::TlsFailed,
            Reason::AnswerTimeout,
            Reason::BadAnswer,
            Reason::Reset,
            Reason::Idle,
        ],
    ),
    (
        Side::Parent,
        &[Reason::ParentRefused, Reason::ConnectRefused, Reason::Unreachable, Reason::ConnectTimeout, Reason::Reset],
    ),
    (
        Side::Policy,
        &[Reason::ClientNotAllowed, Reason::Blocked, Reason::PortRefused, Reason::AddressDenied, Reason::TubeFull],
    ),
    (Side::Proxy, &[Reason::ResolverFailed, Reason::ProcessFull, Reason::Drained, Reason::Internal]),
];

/// Why the meter could not be made: two metrics of one name, which a test would show.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the metrics: {0}")]
pub struct MeterError(#[from] prometheus::Error);

/// What a configuration says of labels. All combinations that it makes possible exist at 0 from the start.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The plan's number.
    pub generation: u64,
    /// Every listener.
    pub listeners: Vec<ListenerId>,
    /// Every category with each tube it can ride in: its own, and those that rules lift it to.
    pub routes: Vec<(CategoryId, TubeId)>,
    /// Every action there is.
    pub actions: Vec<&'static str>,
    /// Every tube.
    pub tubes: Vec<TubeId>,
    /// Every rule.
    pub rules: Vec<RuleId>,
    /// Rules that only watch.
    pub watching: Vec<RuleId>,
    /// Every list that was read.
    pub lists: Vec<ListFacts>,
}

/// What is counted of one list.
#[derive(Clone, Debug)]
pub struct ListFacts {
    /// The category it fills.
    pub category: CategoryId,
    /// Its file, as the policy names it.
    pub list: String,
    /// Entries taken.
    pub entries: usize,
    /// Lines that could not be read.
    pub rejected: usize,
    /// A newer one was refused, and this is the last good one.
    pub refused: bool,
    /// When the file was last modified.
    pub modified: Option<Timestamp>,
}

/// Flows that were refused for want of room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// The tube carried as many as it may.
    pub tube_full: u64,
    /// The process did.
    pub process_full: u64,
}

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
    by_tube: TubeVectors,
    levels: Levels,
    reloads: IntCounterVec,
    lists: ListGauges,
    journal_dropped: IntCounter,
    generation: IntGauge,
    /// Every tube that any generation had. A name that comes back finds its counts.
    tubes: RwLock<HashMap<TubeId, Arc<TubeMeter>>>,
    none: Arc<TubeMeter>,
    /// Held while a scrape reads and while a new configuration changes what it reads, so that neither sees half.
    view: Mutex<View>,
}

/// The gauges of lists.
struct ListGauges {
    entries: IntGaugeVec,
    rejected: IntGaugeVec,
    refused: IntGaugeVec,
    age: GaugeVec,
}

impl ListGauges {
    fn new(vectors: &Vectors<'_>) -> Result<Self, MeterError> {
        let labels = ["category", "list"];
        Ok(ListGauges {
            entries: vectors.gauge("clearway_list_entries", "Entries taken from the list.", &labels)?,
            rejected: vectors.gauge(
                "clearway_list_rejected_lines",
                "Lines of the list that could not be read.",
                &labels,
            )?,
            refused: vectors.gauge(
                "clearway_list_refused",
                "1 while a newer list is refused and the last good one is in force.",
                &labels,
            )?,
            age: vectors.level("clearway_list_age_seconds", "Since the list's file was last modified.", &labels)?,
        })
    }
}

/// What the present configuration has.
#[derive(Default)]
struct View {
    tubes: BTreeSet<TubeId>,
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
            levels: Levels::new(&vectors)?,
            reloads: vectors.counter(
                "clearway_reloads_total",
                "Reloads asked for, by what became of them.",
                &["result"],
            )?,
            lists: ListGauges::new(&vectors)?,
            journal_dropped: add(
                &registry,
                IntCounter::new(
                    "clearway_journal_dropped_total",
                    "Access records that were lost: the queue was full, or the log could not be written before the process ended.",
                ),
            )?,
            generation: add(
                &registry,
                IntGauge::new(
                    "clearway_config_generation",
                    "The number of the configuration in force; grows with each reload that is applied.",
                ),
            )?,
            by_tube,
            none,
            tubes: RwLock::default(),
            view: Mutex::default(),
            registry,
        };
        let meter = Meter(Arc::new(inner));
        for result in ["applied", "refused"] {
            meter.count(&meter.0.reloads, &[result], 0);
        }
        Ok(meter)
    }

    /// What the present configuration has: new combinations begin at 0; tubes and lists that are gone leave the
    /// gauges, while their counters stay, as a counter must.
    pub fn know(&self, known: Known) {
        let mut view = self.view();
        self.0.generation.set(i64::try_from(known.generation).unwrap_or(i64::MAX));
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
        view.lists = known.lists;
    }

    /// A reload came to its end.
    pub fn reloaded(&self, applied: bool) {
        self.count(&self.0.reloads, &[if applied { "applied" } else { "refused" }], 1);
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

    /// Everything, in the text format that Prometheus reads. The moment is for the age of lists.
    pub fn encode(&self, at: Timestamp) -> String {
        let view = self.view();
        self.show_open(&view);
        self.show_lists(&view, at);
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

    fn show_lists(&self, view: &View, at: Timestamp) {
        let inner = &self.0;
        inner.lists.entries.reset();
        inner.lists.rejected.reset();
        inner.lists.refused.reset();
        inner.lists.age.reset();
        for facts in &view.lists {
            let labels = [facts.category.as_str(), facts.list.as_str()];
            gauge(&inner.lists.entries, &labels, whole(facts.entries));
            gauge(&inner.lists.rejected, &labels, whole(facts.rejected));
            gauge(&inner.lists.refused, &labels, i64::from(facts.refused));
            if let Some(modified) = facts.modified {
                level(&inner.lists.age, &labels, at.duration_since(modified).as_secs_f64().max(0.0));
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
        self.count(&self.0.rule_hits, &[rule.map_or(DEFAULT_RULE, RuleId::as_str)], 1);
    }

    /// A rule that only watches would have decided a flow.
    pub(super) fn watched(&self, rule: &RuleId, otherwise: bool) {
        self.count(&self.0.watched, &[rule.as_str(), if otherwise { YES } else { NO }], 1);
    }

    /// How many flows a rule that only watches would have decided as they were, and how many otherwise.
    pub fn watched_by(&self, rule: &RuleId) -> [u64; 2] {
        [NO, YES].map(|otherwise| self.0.watched.with_label_values(&[rule.as_str(), otherwise]).get())
    }

    /// A flow ended.
    pub(super) fn flow_ended(&self, tube: &TubeMeter, fault: Fault, span: Duration) {
        self.count(&self.0.ends, &[tube.label(), fault.side.as_str(), fault.reason.as_str()], 1);
        tube.ended(span);
    }

    /// Access records were lost.
    pub(super) fn journal_dropped(&self, records: u64) {
        self.0.journal_dropped.inc_by(records);
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
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-24T12:00:00Z".parse().unwrap()
    }

    fn known() -> Known {
        Known {
            generation: 3,
            listeners: vec![ListenerId::from("staff")],
            routes: vec![(CategoryId::from("social-media"), TubeId::from("social"))],
            actions: vec!["allow", "block"],
            tubes: vec![TubeId::from("clinical"), TubeId::from("social")],
            rules: vec![RuleId::from("security-blocks")],
            watching: vec![RuleId::from("trial")],
            lists: vec![ListFacts {
                category: CategoryId::from("malware"),
                list: "lists/malware.txt".into(),
                entries: 7,
                rejected: 1,
                refused: true,
                modified: Some("2026-11-24T11:00:00Z".parse().unwrap()),
            }],
        }
    }

    #[test]
    fn everything_the_configuration_makes_possible_is_there_at_zero() {
        let meter = Meter::new().unwrap();
        meter.know(known());
        let text = meter.encode(now());
        for line in [
            concat!("clearway_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "clearway_config_generation 3",
            r#"clearway_flows_total{action="block",category="social-media",listener="staff",tube="social"} 0"#,
            r#"clearway_flows_total{action="none",category="none",listener="staff",tube="none"} 0"#,
            r#"clearway_flows_open{tube="clinical"} 0"#,
            r#"clearway_flow_ends_total{reason="blocked",side="policy",tube="social"} 0"#,
            r#"clearway_flow_ends_total{reason="slow-head",side="client",tube="none"} 0"#,
            r#"clearway_rule_hits_total{rule="default"} 0"#,
            r#"clearway_rule_hits_total{rule="security-blocks"} 0"#,
            r#"clearway_rule_watched_total{otherwise="no",rule="trial"} 0"#,
            r#"clearway_rule_watched_total{otherwise="yes",rule="trial"} 0"#,
            r#"clearway_bytes_total{direction="down",tube="clinical"} 0"#,
            r#"clearway_connect_seconds_count{tube="clinical"} 0"#,
            r#"clearway_first_byte_seconds_count{tube="clinical"} 0"#,
            r#"clearway_flow_seconds_bucket{tube="social",le="+Inf"} 0"#,
            r#"clearway_tube_wait_seconds_bucket{direction="up",tube="social",le="0.001"} 0"#,
            r#"clearway_tube_admission_seconds_count{tube="social"} 0"#,
            r#"clearway_reloads_total{result="applied"} 0"#,
            r#"clearway_reloads_total{result="refused"} 0"#,
            r#"clearway_list_entries{category="malware",list="lists/malware.txt"} 7"#,
            r#"clearway_list_rejected_lines{category="malware",list="lists/malware.txt"} 1"#,
            r#"clearway_list_age_seconds{category="malware",list="lists/malware.txt"} 3600"#,
            "clearway_journal_dropped_total 0",
        ] {
            assert!(text.lines().any(|have| have == line), "{line}\n{text}");
        }
        assert!(text.contains("\nprocess_resident_memory_bytes "));
    }

    #[test]
    fn a_reload_takes_what_is_gone_from_the_gauges_but_not_from_the_counters() {
        let meter = Meter::new().unwrap();
        meter.know(known());
        let social = TubeId::from("social");
        meter.tube_reading(&social, Direction::Down, Some(30_000_000), 12);
        meter.tube(&social).moved(Direction::Down, 5, Duration::ZERO);
        meter.tube(&social).entered();
        meter.know(Known { tubes: vec![TubeId::from("clinical")], ..Known::default() });
        meter.tube_reading(&social, Direction::Down, None, 12);
        let text = meter.encode(now());
        assert!(!text.contains(r#"limit_bits_per_second{direction="down",tube="social"}"#));
        assert!(!text.contains("clearway_list_entries{"));
        assert!(text.contains(r#"clearway_bytes_total{direction="down",tube="social"} 5"#));
        assert!(text.contains(r#"clearway_flows_open{tube="social"} 1"#), "a flow is still in it");
        meter.tube(&social).left();
        assert!(!meter.encode(now()).contains(r#"clearway_flows_open{tube="social"}"#));
    }

    #[test]
    fn a_tube_without_limit_reads_as_infinite() {
        let meter = Meter::new().unwrap();
        meter.know(known());
        meter.tube_reading(&TubeId::from("clinical"), Direction::Up, None, 1_000);
        meter.tube_reading(&TubeId::from("social"), Direction::Up, Some(4_000_000), 0);
        let text = meter.encode(now());
        assert!(text.contains("clearway_tube_limit_bits_per_second{direction=\"up\",tube=\"clinical\"} +Inf\n"));
        assert!(text.contains("clearway_tube_limit_bits_per_second{direction=\"up\",tube=\"social\"} 4000000\n"));
        assert!(text.contains("clearway_tube_used_bits_per_second{direction=\"up\",tube=\"clinical\"} 1000\n"));
    }

    #[test]
    fn what_waits_for_admission_is_told_of_tubes_that_there_are() {
        let meter = Meter::new().unwrap();
        meter.know(known());
        let social = TubeId::from("social");
        meter.admission_reading(&social, 7);
        meter.admission_reading(&TubeId::from("of-another-time"), 8);
        meter.tube(&social).admitted(Duration::from_millis(30));
        let text = meter.encode(now());
        assert!(text.contains("clearway_tube_admission_waiting{tube=\"social\"} 7\n"), "{text}");
        assert!(!text.contains("of-another-time"), "{text}");
        assert!(text.contains("clearway_tube_admission_seconds_bucket{tube=\"social\",le=\"0.025\"} 0\n"), "{text}");
        assert!(text.contains("clearway_tube_admission_seconds_bucket{tube=\"social\",le=\"0.05\"} 1\n"), "{text}");
        meter.know(Known::default());
        assert!(!meter.encode(now()).contains("clearway_tube_admission_waiting{"));
    }

    #[test]
    fn of_the_link_only_what_is_known_is_told() {
        let meter = Meter::new().unwrap();
        let told = |link| {
            Direction::BOTH.into_iter().for_each(|direction| meter.link_reading(direction, link));
            meter.probe_reading(link.queue);
            meter.encode(now())
        };
        let queue = Some(Duration::from_millis(12));
        let text = told(LinkLevel { queue, limit: Some(93_000_000), used: Some(95_500_000) });
        for line in [
            "clearway_link_queue_seconds{direction=\"down\"} 0.012\n",
            "clearway_link_limit_bits_per_second{direction=\"up\"} 93000000\n",
            "clearway_link_used_bits_per_second{direction=\"up\"} 95500000\n",
            "clearway_link_probe_seconds 0.012\n",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        for _ in 0..2 {
            let text = told(LinkLevel::default());
            assert!(text.contains("clearway_link_limit_bits_per_second{direction=\"down\"} +Inf\n"), "{text}");
            assert!(!text.contains("clearway_link_queue_seconds{"), "{text}");
            assert!(!text.contains("clearway_link_used_bits_per_second{"), "{text}");
            assert!(!text.contains("clearway_link_probe_seconds "), "{text}");
        }
    }

    #[test]
    fn refusals_for_want_of_room_are_told_by_tube_and_in_all() {
        let meter = Meter::new().unwrap();
        meter.know(known());
        let (social, clinical) = (TubeId::from("social"), TubeId::from("clinical"));
        let tube_full = Fault::new(Side::Policy, Reason::TubeFull);
        let process_full = Fault::new(Side::Proxy, Reason::ProcessFull);
        for (tube, fault) in [
            (meter.tube(&social), tube_full),
            (meter.tube(&social), tube_full),
            (meter.tube(&social), process_full),
            (meter.tube(&social), Fault::new(Side::Policy, Reason::Blocked)),
            (meter.none(), process_full),
        ] {
            meter.flow_ended(&tube, fault, Duration::ZERO);
        }
        assert_eq!(meter.refused(&social), Refusals { tube_full: 2, process_full: 1 });
        assert_eq!(meter.refused(&clinical), Refusals::default());
        // A tube that is gone refused what it refused.
        meter.know(Known::default());
        assert_eq!(meter.refused_in_all(), Refusals { tube_full: 2, process_full: 2 });
    }

    #[test]
    fn reloads_are_counted_by_result() {
        let meter = Meter::new().unwrap();
        for applied in [true, false, true] {
            meter.reloaded(applied);
        }
        let text = meter.encode(now());
        assert!(text.contains(r#"clearway_reloads_total{result="applied"} 2"#));
        assert!(text.contains(r#"clearway_reloads_total{result="refused"} 1"#));
    }
}
