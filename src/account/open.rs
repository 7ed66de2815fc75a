//! The guard that a flow carries. However the flow ends (return, error, cancel, panic), dropping the guard makes
//! exactly one record and one set of counts.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;

use crate::base::{
    Calendar, CategoryId, Direction, EgressId, Fault, Host, ListenerId, Moment, Reason, RuleId, Side, Target, TubeId,
    clock,
};

use super::journal::Journal;
use super::meter::{Meter, MeterError, NONE, TubeMeter};
use super::record::{FlowId, Record};
use super::spec::{Collector, Spec};
use super::telemetry::{Span, Telemetry};

/// Log and metrics of one process. Cheap to clone.
#[derive(Clone)]
pub struct Account(Arc<Books>);

struct Books {
    meter: Meter,
    journal: Journal,
    /// `None` unless a collector is named: then nothing of it runs.
    telemetry: ArcSwapOption<(Collector, Telemetry)>,
    flows: AtomicU32,
    stopping: AtomicBool,
}

/// Why the books could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Two metrics have one name.
    #[error(transparent)]
    Meter(#[from] MeterError),
    /// No thread for the log.
    #[error("cannot start the access log's thread: {0}")]
    Thread(io::Error),
}

/// A flow as it comes in.
#[derive(Clone)]
pub struct Arrival {
    /// Where.
    pub listener: ListenerId,
    /// Who.
    pub client: IpAddr,
}

/// What was decided of a flow.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The category that gave the tube.
    pub category: CategoryId,
    /// The tube it rides in, or would have.
    pub tube: TubeId,
    /// The rule that decided; `None`: the default.
    pub rule: Option<RuleId>,
    /// The word of the action.
    pub action: &'static str,
    /// The way out.
    pub egress: EgressId,
    /// Rules that only watch, and whether each would have answered otherwise.
    pub watched: Vec<(RuleId, bool)>,
}

/// One flow, from its arrival to its record. Shared by both directions and the flow's own function. Bytes cost a few
/// atomics; the words, which are set a few times in a flow's life, share one small lock.
pub struct Open {
    account: Account,
    flow: FlowId,
    arrival: Arrival,
    since: Moment,
    words: Mutex<Words>,
    tube: RwLock<Arc<TubeMeter>>,
    down: Way,
    up: Way,
}

/// One direction.
#[derive(Default)]
struct Way {
    bytes: AtomicU64,
    waited_ns: AtomicU64,
}

impl Way {
    fn waited(&self, time: Duration) {
        if !time.is_zero() {
            self.waited_ns.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        }
    }
}

#[derive(Default)]
struct Words {
    user: Option<Arc<str>>,
    method: Option<String>,
    host: Option<Host>,
    port: Option<u16>,
    judgement: Option<Judgement>,
    said: Option<Host>,
    address: Option<IpAddr>,
    connect: Option<Duration>,
    first_byte: Option<Duration>,
    status: Option<u16>,
    end: Option<Fault>,
}

impl Account {
    /// Opens the books: metrics at zero, and the access log's thread.
    ///
    /// # Errors
    /// When the system gives no thread. A log that cannot be written is no error: it is logged and tried again.
    pub fn start(spec: &Spec, calendar: &Calendar, state_dir: &Path) -> Result<Self, AccountError> {
        let meter = Meter::new()?;
        let journal = Journal::start(spec, calendar, state_dir, meter.clone()).map_err(AccountError::Thread)?;
        Ok(Account(Arc::new(Books {
            meter,
            journal,
            telemetry: ArcSwapOption::empty(),
            flows: AtomicU32::new(0),
            stopping: AtomicBool::new(false),
        })))
    }

    /// Sends a span for each flow to a collector from now on, or to none.
    pub fn tell(&self, collector: Option<&Collector>) {
        let books = &self.0;
        if books.telemetry.load().as_deref().map(|(now, _)| now) == collector {
            return;
        }
        let seed = ring::rand::generate::<[u8; 8]>(&ring::rand::SystemRandom::new());
        let seed = seed.map_or(0, |seed| u64::from_be_bytes(seed.expose()));
        let started = collector.and_then(|collector| {
            let telemetry = Telemetry::start(collector.clone(), seed, books.meter.clone());
            let telemetry =
                telemetry.inspect_err(|error| tracing::error!("telemetry: cannot start its thread: {error}"));
            Some(Arc::new((collector.clone(), telemetry.ok()?)))
        });
        books.telemetry.store(started);
    }

    /// A flow begins.
    pub fn open(&self, arrival: Arrival) -> Open {
        let second = u32::try_from(clock::wall().as_second()).unwrap_or_default();
        Open {
            flow: FlowId { second, count: self.0.flows.fetch_add(1, Relaxed) },
            account: self.clone(),
            arrival,
            since: clock::now(),
            words: Mutex::default(),
            tube: RwLock::new(self.0.meter.none()),
            down: Way::default(),
            up: Way::default(),
        }
    }

    /// How many flows have begun.
    pub fn counted(&self) -> u32 {
        self.0.flows.load(Relaxed)
    }

    /// Another process has counted so many, and counts on for a while: its flows and ours shall not have the same name. Names
    /// have 24 bits of the count, so that the other side of that circle is farthest away.
    pub fn count_beside(&self, others: u32) {
        self.0.flows.store(others.wrapping_add(1 << 23), Relaxed);
    }

    /// The metrics.
    pub fn meter(&self) -> &Meter {
        &self.0.meter
    }

    /// Takes another configuration, or the same again; opens the log's file anew.
    pub fn apply(&self, spec: &Spec, calendar: &Calendar) {
        self.0.journal.apply(spec, calendar);
    }

    /// From now on a flow that is dropped without a word was ended by us: the drain's time ran out.
    pub fn stopping(&self) {
        self.0.stopping.store(true, Relaxed);
    }

    /// Writes what is queued and closes the log, within a bound. Blocks; for the very end.
    pub fn close(&self, within: Duration) {
        self.0.journal.close(within);
    }
}

impl Open {
    /// The flow's name, for logs and for the page that refuses it.
    pub fn flow(&self) -> FlowId {
        self.flow
    }

    /// What the request asked for; without a target where it named none that is valid.
    pub fn asked(&self, method: &str, target: Option<&Target>) {
        let mut words = self.words();
        words.method = Some(method.to_owned());
        words.host = target.map(|target| target.host.clone());
        words.port = target.map(|target| target.port);
    }

    /// Who the client says it is.
    pub fn user(&self, user: Arc<str>) {
        self.words().user = Some(user);
    }

    /// The flow has a verdict, its first or another. The first is counted; with each later one (a reload, a window's
    /// edge, another name in the ClientHello) the record will show that one and the gauge of open flows moves with
    /// the flow, but nothing is counted twice.
    pub fn judged(&self, judgement: Judgement) {
        let meter = &self.account.0.meter;
        let tube = meter.tube(&judgement.tube);
        // Under the lock of the words, so that two judgements at once cannot leave the gauge one too high.
        let mut words = self.words();
        let before =
            std::mem::replace(&mut *self.tube.write().unwrap_or_else(PoisonError::into_inner), Arc::clone(&tube));
        if words.judgement.is_some() {
            before.left();
        } else {
            let Judgement { category, tube, rule, action, watched, .. } = &judgement;
            meter.flow(&self.arrival.listener, category.as_str(), tube.as_str(), action);
            meter.rule_hit(rule.as_ref());
            watched.iter().for_each(|(rule, otherwise)| meter.watched(rule, *otherwise));
        }
        tube.entered();
        words.judgement = Some(judgement);
    }

    /// What the flow says beside where it goes: the name in a TLS ClientHello that differs from the one in CONNECT, or what
    /// was not shown to be at the address that a client chose.
    pub fn said(&self, host: Host) {
        self.words().said = Some(host);
    }

    /// Where a client went that knows of no proxy, and the words that it is judged by.
    pub fn chose(&self, address: IpAddr, target: &Target) {
        let mut words = self.words();
        words.address = Some(address);
        words.host = Some(target.host.clone());
        words.port = Some(target.port);
    }

    /// A connection to the origin or parent may be made now: its tube had room for what it brings, after so long. That
    /// belongs to what the flow waited for its share.
    pub fn admitted(&self, waited: Duration) {
        self.down.waited(waited);
        self.tube().admitted(waited);
    }

    /// The connection to the origin or parent was made, and how long that took.
    pub fn connected(&self, took: Duration) {
        self.tube().connected(took);
        self.words().connect = Some(took);
    }

    /// The first byte came from the origin. Only the first call counts.
    pub fn first_byte(&self) {
        let after = clock::now().saturating_duration_since(self.since);
        {
            let mut words = self.words();
            if words.first_byte.is_some() {
                return;
            }
            words.first_byte = Some(after);
        }
        self.tube().first_byte(after);
    }

    /// Bytes were carried, after waiting so long for their share.
    pub fn moved(&self, direction: Direction, bytes: u64, waited: Duration) {
        let way = match direction {
            Direction::Down => &self.down,
            Direction::Up => &self.up,
        };
        let before = way.bytes.fetch_add(bytes, Relaxed);
        if before == 0 && direction == Direction::Down {
            self.first_byte();
        }
        way.waited(waited);
        self.tube.read().unwrap_or_else(PoisonError::into_inner).moved(direction, bytes, waited);
    }

    /// The client was given this status; for flows whose end is not yet known.
    pub fn answered(&self, status: u16) {
        self.words().status = Some(status);
    }

    /// The flow ended. The first call wins: what broke first is the cause, the rest are its consequences. A status
    /// of `None` leaves the one from [`Open::answered`].
    ///
    /// A guard that is dropped without this call was dropped with its task. In a panic that is `proxy`, `internal`;
    /// after [`Account::stopping`] `proxy`, `drained`; else `client`, `reset`, because hyper drops a request's future
    /// exactly when its client's connection breaks.
    pub fn ended(&self, status: Option<u16>, fault: Fault) {
        let mut words = self.words();
        if words.end.is_none() {
            words.end = Some(fault);
            words.status = status.or(words.status);
        }
    }

    fn tube(&self) -> Arc<TubeMeter> {
        Arc::clone(&self.tube.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn words(&self) -> MutexGuard<'_, Words> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn silent_end(&self) -> Fault {
        if std::thread::panicking() {
            Fault::new(Side::Proxy, Reason::Internal)
        } else if self.account.0.stopping.load(Relaxed) {
            Fault::new(Side::Proxy, Reason::Drained)
        } else {
            Fault::new(Side::Client, Reason::Reset)
        }
    }
}

/// Never shows who the client is.
impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("flow", &self.flow).finish_non_exhaustive()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let words = std::mem::take(&mut *self.words());
        let fault = words.end.unwrap_or_else(|| self.silent_end());
        let duration = clock::now().saturating_duration_since(self.since);
        let tube = self.tube();
        let books = &self.account.0;
        if words.judgement.is_some() {
            tube.left();
        } else {
            books.meter.flow(&self.arrival.listener, NONE, NONE, NONE);
        }
        books.meter.flow_ended(&tube, fault, duration);
        if fault.reason == Reason::Blocked {
            books.meter.blocked(words.judgement.as_ref().and_then(|judged| judged.rule.as_ref()));
        }

        let wait = self.down.waited_ns.load(Relaxed).max(self.up.waited_ns.load(Relaxed));
        let judged = words.judgement;
        let record = Record {
            ended: clock::wall(),
            flow: self.flow,
            listener: self.arrival.listener.clone(),
            client: self.arrival.client,
            user: words.user,
            method: words.method,
            host: words.host,
            port: words.port,
            category: judged.as_ref().map(|judged| judged.category.clone()),
            tube: judged.as_ref().map(|judged| judged.tube.clone()),
            rule: judged.as_ref().and_then(|judged| judged.rule.clone()),
            action: judged.as_ref().map(|judged| judged.action),
            egress: judged.as_ref().map(|judged| judged.egress.clone()),
            watched: judged.map(|judged| judged.watched).unwrap_or_default(),
            status: words.status,
            fault,
            bytes_up: self.up.bytes.load(Relaxed),
            bytes_down: self.down.bytes.load(Relaxed),
            wait: Duration::from_nanos(wait),
            connect: words.connect,
            first_byte: words.first_byte,
            duration,
            sni: words.said,
            address: words.address,
        };
        if let Some(telemetry) = books.telemetry.load().as_deref() {
            telemetry.1.push(Span::of(&record));
        }
        books.journal.push(record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{Access, Known};
    use jiff::tz::TimeZone;
    use serde_json::{Value, json};

    const BOUND: Duration = Duration::from_secs(20);

    struct World {
        home: tempfile::TempDir,
        account: Account,
    }

    impl World {
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            let spec = Spec { access: Access::File(home.path().join("access.log")), pseudonymise: true };
            let calendar = Calendar { zone: TimeZone::UTC, bank_holidays: [].into() };
            let account = Account::start(&spec, &calendar, home.path()).unwrap();
            account.meter().know(Known {
                tubes: vec![TubeId::from("internet"), TubeId::from("social")],
                listeners: vec![ListenerId::from("staff")],
                ..Known::default()
            });
            World { home, account }
        }

        fn open(&self) -> Open {
            self.account.open(Arrival { listener: ListenerId::from("staff"), client: "10.1.2.3".parse().unwrap() })
        }

        fn metrics(&self) -> String {
            self.account.meter().encode(clock::wall())
        }

        fn records(&self) -> Vec<Value> {
            self.account.close(BOUND);
            let text = std::fs::read_to_string(self.home.path().join("access.log")).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        }
    }

    fn judgement(tube: &str, rule: Option<&str>) -> Judgement {
        Judgement {
            category: CategoryId::from("social-media"),
            tube: TubeId::from(tube),
            rule: rule.map(RuleId::from),
            action: "allow",
            egress: EgressId::from("internet"),
            watched: Vec::new(),
        }
    }

    fn sum(metrics: &str, name: &str) -> u64 {
        let own = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        metrics.lines().filter(own).map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    #[test]
    fn a_whole_flow_is_told_by_one_record_and_one_set_of_counts() {
        let world = World::new();
        let open = world.open();
        let flow = open.flow().to_string();
        open.asked("CONNECT", Some(&"www.facebook.com:443".parse().unwrap()));
        open.user(Arc::from("rhian.example"));
        open.judged(judgement("social", Some("communications-team")));
        assert!(world.metrics().contains(r#"clearway_flows_open{tube="social"} 1"#));
        open.said("scontent.fbcdn.net".parse().unwrap());
        open.connected(Duration::from_millis(12));
        open.first_byte();
        open.first_byte();
        open.admitted(Duration::from_millis(7));
        open.moved(Direction::Up, 100, Duration::ZERO);
        open.moved(Direction::Down, 1_000, Duration::from_millis(30));
        open.judged(judgement("internet", None));
        open.moved(Direction::Down, 500, Duration::from_millis(20));
        assert!(world.metrics().contains(r#"clearway_flows_open{tube="social"} 0"#));
        assert!(world.metrics().contains(r#"clearway_flows_open{tube="internet"} 1"#));
        open.answered(200);
        open.ended(None, Fault::new(Side::Origin, Reason::Finished));
        open.ended(Some(502), Fault::new(Side::Origin, Reason::Reset));
        drop(open);

        let metrics = world.metrics();
        for line in [
            r#"clearway_flows_total{action="allow",category="social-media",listener="staff",tube="social"} 1"#,
            r#"clearway_rule_hits_total{rule="communications-team"} 1"#,
            r#"clearway_rule_hits_total{rule="default"} 0"#,
            r#"clearway_flow_ends_total{reason="finished",side="origin",tube="internet"} 1"#,
            r#"clearway_bytes_total{direction="down",tube="social"} 1000"#,
            r#"clearway_bytes_total{direction="down",tube="internet"} 500"#,
            r#"clearway_bytes_total{direction="up",tube="social"} 100"#,
            r#"clearway_tube_admission_seconds_bucket{tube="social",le="0.01"} 1"#,
            r#"clearway_connect_seconds_count{tube="social"} 1"#,
            r#"clearway_first_byte_seconds_count{tube="social"} 1"#,
            r#"clearway_flow_seconds_count{tube="internet"} 1"#,
            r#"clearway_tube_wait_seconds_bucket{direction="down",tube="social",le="0.05"} 1"#,
        ] {
            assert!(metrics.lines().any(|have| have == line), "{line}\n{metrics}");
        }
        assert_eq!(sum(&metrics, "clearway_flows_open"), 0);

        let records = world.records();
        assert_eq!(records.len(), 1);
        for (field, value) in [
            ("flow", json!(flow)),
            ("method", json!("CONNECT")),
            ("host", json!("www.facebook.com")),
            ("port", json!(443)),
            ("tube", json!("internet")),
            ("rule", Value::Null),
            ("status", json!(200)),
            ("side", json!("origin")),
            ("reason", json!("finished")),
            ("bytes_up", json!(100)),
            ("bytes_down", json!(1500)),
            ("wait_ms", json!(57)),
            ("connect_ms", json!(12)),
            ("sni", json!("scontent.fbcdn.net")),
        ] {
            assert_eq!(records[0][field], value, "{field}");
        }
        let everything = format!("{metrics}{records:?}");
        assert!(!everything.contains("10.1.2.3") && !everything.contains("rhian"));
        assert!(!metrics.contains("facebook") && !metrics.contains("fbcdn"));
    }

    #[test]
    fn a_flow_that_ends_before_a_verdict_is_counted_under_none() {
        let world = World::new();
        let open = world.open();
        open.ended(Some(408), Fault::new(Side::Client, Reason::SlowHead));
        drop(open);
        let metrics = world.metrics();
        assert!(
            metrics.contains(r#"clearway_flows_total{action="none",category="none",listener="staff",tube="none"} 1"#)
        );
        assert!(metrics.contains(r#"clearway_flow_ends_total{reason="slow-head",side="client",tube="none"} 1"#));
        assert!(!metrics.contains(r#"clearway_flows_open{tube="none"}"#));
        let records = world.records();
        assert_eq!((records.len(), &records[0]["tube"], &records[0]["status"]), (1, &Value::Null, &json!(408)));
    }

    #[tokio::test]
    async fn exactly_one_record_and_one_end_however_a_flow_ends() {
        let world = World::new();
        let tasks = tokio_util::task::TaskTracker::new();
        let judged = || {
            let open = world.open();
            open.judged(judgement("social", None));
            Arc::new(open)
        };

        let returned = judged();
        returned.ended(Some(200), Fault::new(Side::Origin, Reason::Finished));
        let other_direction = Arc::clone(&returned);
        drop(returned);
        drop(other_direction);

        let panicking = judged();
        let panicked = tasks.spawn(async move {
            let _held = panicking;
            panic!("on purpose");
        });
        assert!(panicked.await.unwrap_err().is_panic());

        let aborting = judged();
        let aborted = tasks.spawn(async move {
            let _held = aborting;
            std::future::pending::<()>().await;
        });
        tokio::task::yield_now().await;
        aborted.abort();
        assert!(aborted.await.unwrap_err().is_cancelled());

        let told = judged();
        let told_then_aborted = tasks.spawn(async move {
            told.ended(None, Fault::new(Side::Policy, Reason::Blocked));
            std::future::pending::<()>().await;
        });
        tokio::task::yield_now().await;
        told_then_aborted.abort();
        assert!(told_then_aborted.await.is_err());

        let drained = judged();
        world.account.stopping();
        drop(drained);

        let metrics = world.metrics();
        assert_eq!(sum(&metrics, "clearway_flow_ends_total"), 5);
        assert_eq!(sum(&metrics, "clearway_flows_total"), 5);
        assert_eq!(sum(&metrics, "clearway_flows_open"), 0);
        assert_eq!(sum(&metrics, "clearway_flow_seconds_count"), 5);
        let ends: Vec<_> =
            world.records().iter().map(|r| format!("{} {}", r["side"], r["reason"]).replace('"', "")).collect();
        assert_eq!(ends, ["origin finished", "proxy internal", "client reset", "policy blocked", "proxy drained"]);
    }

    #[test]
    fn flow_ids_are_unique() {
        let world = World::new();
        let ids: std::collections::HashSet<_> = (0..1_000).map(|_| world.open().flow()).collect();
        assert_eq!(ids.len(), 1_000);
    }
}
