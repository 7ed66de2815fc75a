//! What the portal sees of the gateway, and what it may ask of it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::account::{EgressLevel, FetchFacts, Known, LinkLevel, ListFacts, Meter, Refusals};
use crate::base::{Calendar, CategoryId, Direction, EgressId, ListenerId, Rate, RuleId, TubeId, clock};
use crate::category;
use crate::config::{self, Config};
use crate::egress::Condition;
use crate::egress::egresses::SYSTEM;
use crate::flow::Compartment;
use crate::listen::Mode;
use crate::policy::Action;
use crate::portal::{
    AdmissionView, Asked, BeforeView, BoxFuture, CertificateView, Gateway, LapsingRule, LastReload, LinkNow, LinkView,
    LinkWayView, ListenerView, PeakView, Refused, RefusedList, RefusedView, ReloadOutcome, Status, TubeView,
    UpgradeOutcome, WatchView, WayView,
};
use crate::tube::Reading;
use crate::{policy, tube};

use super::feeds::{self, Feeds};
use super::reload::{self, Cause, Reloaded};
use super::run::Daemon;

/// So long before its last day an exception is told of, as the alert does: time to ask its owner, and for another.
const NEAR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// So many different hosts in a row, not reached by one way out, are the way's fault and not theirs, as the alert has it.
const FAILING: usize = 5;

/// The daemon, as the portal holds it.
pub struct Seen(pub Arc<Daemon>);

impl Gateway for Seen {
    fn status(&self) -> Status {
        let daemon = &self.0;
        let state = daemon.state();
        let mode = |listener: &str| {
            state.config.listeners.iter().find(|spec| spec.id.as_str() == listener).map(|spec| spec.mode)
        };
        let certificates = daemon.listeners.certificates();
        let certificate = |listener: &ListenerId| {
            let (_, certificate) = certificates.iter().find(|(id, _)| id == listener)?;
            Some(CertificateView { expires: certificate.expires, problem: certificate.problem.clone() })
        };
        let rate = state.config.tubes.link.rate;
        let readings = daemon.carrier.tubes.readings(clock::now());
        Status {
            name: state.config.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            generation: daemon.generation.load(Ordering::Relaxed),
            started: daemon.started.1,
            uptime_seconds: clock::now().duration_since(daemon.started.0).as_secs(),
            draining: daemon.draining.is_cancelled(),
            config: state.config.files.iter().map(|file| file.display().to_string()).collect(),
            listeners: daemon
                .listeners
                .addresses()
                .into_iter()
                .map(|(id, address)| ListenerView {
                    mode: mode(id.as_str()).map_or("closing", Mode::as_str).to_owned(),
                    certificate: certificate(&id),
                    name: id.to_string(),
                    address: address.to_string(),
                })
                .collect(),
            link: LinkView { down: rate.down.map(Rate::bits_per_second), up: rate.up.map(Rate::bits_per_second) },
            flows: open_flows(&readings),
            admission_waiting: readings.iter().map(|reading| u64::from(reading.opening)).sum(),
            refused: refused(daemon.carrier.account.meter().refused_in_all()),
            watching: watching(&state.config).map(|rule| watch_view(daemon.carrier.account.meter(), &rule)).collect(),
            refused_lists: refused_lists(&state.config, &daemon.feeds()),
            failing_egresses: daemon
                .builder
                .conditions()
                .into_iter()
                .filter(|way| way.failing >= FAILING)
                .map(|way| way.egress.to_string())
                .collect(),
            lapsing: lapsing(&state.config, clock::wall()),
            last_reload: state.last_reload.clone(),
            pid: std::process::id(),
            before: daemon.handed.before().map(|before| BeforeView {
                pid: before.pid,
                version: before.version.clone(),
                flows: before.flows(),
            }),
        }
    }

    fn tubes(&self) -> Vec<TubeView> {
        let plan = Arc::clone(&self.0.carrier.current().plan);
        let readings = self.0.carrier.tubes.readings(clock::now());
        let meter = self.0.carrier.account.meter();
        let now = clock::wall();
        let view = |reading: Reading| {
            let spec = plan.tubes.tube(&reading.tube)?;
            let way = |direction| {
                let way = reading.way(direction);
                WayView { limit: way.limit, used: way.used, wait_ms: way.wait.map(millis) }
            };
            Some(TubeView {
                tube: reading.tube.to_string(),
                within: spec.within.as_ref().map(ToString::to_string),
                priority: spec.priority,
                down: way(Direction::Down),
                up: way(Direction::Up),
                flows: u64::from(reading.flows),
                waiting: u64::from(reading.waiting),
                admission: AdmissionView {
                    waiting: u64::from(reading.opening),
                    wait_ms: reading.opened_after.map(millis),
                },
                refused: refused(meter.refused(&reading.tube)),
                peak: peak(spec, &plan.calendar, now),
            })
        };
        readings.into_iter().filter_map(view).collect()
    }

    fn link(&self) -> LinkNow {
        let (tubes, now) = (&self.0.carrier.tubes, clock::now());
        let [down, up] = tubes.link_readings(now).map(|way| LinkWayView {
            limit: way.limit,
            used: way.used,
            queue_ms: way.queue.map(millis),
        });
        LinkNow { down, up, probe_ms: tubes.probe(now).map(millis) }
    }

    fn refusals(&self) -> Vec<Refused> {
        self.0.carrier.account.meter().refusals()
    }

    fn pac(&self, host: Option<&str>) -> Option<String> {
        let explicit: Vec<(ListenerId, bool)> = {
            let specs = self.0.state().config.listeners.clone().into_iter();
            specs.filter(|spec| spec.mode == Mode::Explicit).map(|spec| (spec.id, spec.tls.is_some())).collect()
        };
        let tls_of = |id: &ListenerId| explicit.iter().find(|(known, _)| known == id).map(|(_, tls)| *tls);
        let addresses = self.0.listeners.addresses().into_iter();
        let (listener, tls) = addresses.filter_map(|(id, address)| Some((address, tls_of(&id)?))).next()?;
        let plan = Arc::clone(&self.0.carrier.current().plan);
        // One that listens on every address is reached by that of this machine by which it was asked here.
        let ip = match listener.ip() {
            ip if ip.is_unspecified() && plan.pac.name.is_none() => host?.parse::<IpAddr>().ok()?,
            ip => ip,
        };
        Some(plan.pac.script(SocketAddr::new(ip, listener.port()), tls))
    }

    fn metrics(&self) -> String {
        let carrier = &self.0.carrier;
        let meter = carrier.account.meter();
        let (now, wall) = (clock::now(), clock::wall());
        let plan = Arc::clone(&carrier.current().plan);
        for reading in carrier.tubes.readings(now) {
            if let Some(tube) = plan.tubes.tube(&reading.tube) {
                meter.standing_reading(&tube.id, tube.priority, tube.peak_at(wall, &plan.calendar).is_some());
            }
            meter.admission_reading(&reading.tube, u64::from(reading.opening));
            for direction in Direction::BOTH {
                let way = reading.way(direction);
                meter.tube_reading(&reading.tube, direction, way.limit, way.used);
            }
        }
        for (direction, way) in Direction::BOTH.into_iter().zip(carrier.tubes.link_readings(now)) {
            meter.link_reading(direction, LinkLevel { queue: way.queue, limit: way.limit, used: way.used });
        }
        meter.probe_reading(carrier.tubes.probe(now));
        let certificates = self.0.listeners.certificates().into_iter();
        let certificates = certificates.map(|(listener, found)| (listener, found.expires, found.problem.is_some()));
        meter.certificate_readings(certificates);
        for Condition { egress, failing, connects } in self.0.builder.conditions() {
            meter.egress_reading(&EgressLevel { egress, failing, connects });
        }
        let (open, most) = self.0.listeners.room();
        meter.room_reading(open, most);
        meter.encode(wall)
    }

    fn ready(&self) -> Result<(), Vec<String>> {
        if self.0.draining.is_cancelled() {
            Err(vec!["draining".to_owned()])
        } else if self.0.ready.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err(vec!["listeners are not bound yet".to_owned()])
        }
    }

    fn reload(&self, asked: Asked) -> BoxFuture<ReloadOutcome> {
        let daemon = Arc::clone(&self.0);
        // On the data plane's threads, which have the time: this one is for whoever looks on.
        let runtime = self.0.carrier.bulkheads.runtime(Compartment::Rest);
        let reloading = self.0.chores.spawn_on(async move { daemon.reload(&Cause::from(asked)).await }, runtime);
        let generation = Arc::clone(&self.0);
        Box::pin(async move {
            let reloaded = reloading.await.unwrap_or(Reloaded::Refused(reload::Refused::BrokeOff));
            outcome(&reloaded, generation.generation.load(Ordering::Relaxed))
        })
    }

    fn drain(&self) {
        self.0.draining.cancel();
    }

    fn upgrade(&self) -> BoxFuture<UpgradeOutcome> {
        Box::pin(Arc::clone(&self.0).upgrade())
    }
}

fn open_flows(readings: &[Reading]) -> BTreeMap<String, u64> {
    readings.iter().map(|reading| (reading.tube.to_string(), u64::from(reading.flows))).collect()
}

fn refused(refused: Refusals) -> RefusedView {
    RefusedView { tube_full: refused.tube_full, process_full: refused.process_full }
}

/// To a hundredth: what is told is no closer than that.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 100.0
}

fn outcome(reloaded: &Reloaded, generation: u64) -> ReloadOutcome {
    let (applied, problems) = match reloaded {
        Reloaded::Applied { warnings, .. } => (true, config::render(warnings, false)),
        Reloaded::Refused(reload::Refused::Configuration(problems)) => (false, config::render(problems, false)),
        Reloaded::Refused(why) => (false, format!("error: {why}\n")),
    };
    let problems = if problems.is_empty() { Vec::new() } else { vec![problems] };
    ReloadOutcome { applied, generation, problems }
}

impl Daemon {
    /// Tells the meter what the present configuration has.
    pub(super) fn describe(&self) {
        let known = known(&self.state().config, self.generation.load(Ordering::Relaxed), &self.feeds());
        self.carrier.account.meter().know(known);
    }

    /// Keeps what `status` and the metrics tell of a reload.
    pub(super) fn note(&self, reloaded: &Reloaded) {
        let (applied, problem) = match reloaded {
            Reloaded::Applied { .. } => (true, None),
            Reloaded::Refused(why) => (false, Some(why.to_string())),
        };
        let time = clock::wall();
        let meter = self.carrier.account.meter();
        meter.reloaded(applied);
        if applied {
            meter.in_force(time);
        }
        let result = if applied { "applied" } else { "refused" }.to_owned();
        self.state().last_reload = Some(LastReload { time, result, problem });
    }
}

/// Every label that a configuration makes possible.
fn known(config: &Config, generation: u64, feeds: &Feeds) -> Known {
    Known {
        generation,
        listeners: config.listeners.iter().map(|spec| spec.id.clone()).collect(),
        routes: routes(config),
        actions: Action::ALL.iter().map(|action| action.as_str()).collect(),
        tubes: config.tubes.tubes.iter().map(|tube| tube.id.clone()).collect(),
        rules: config.policy.rules.iter().map(|rule| rule.id.clone()).collect(),
        blocking: blocking(&config.policy),
        watching: watching(config).collect(),
        exceptions: exceptions(config),
        egresses: ways_out(config),
        lists: config
            .categories
            .categories
            .iter()
            .flat_map(|category| category.lists.iter().map(|list| facts(config, &category.id, list, feeds)))
            .collect(),
    }
}

/// Rules that block, and the default where it does.
fn blocking(policy: &policy::Spec) -> Vec<Option<RuleId>> {
    let rules = policy.rules.iter().filter(|rule| rule.action == Action::Block && !rule.watches);
    let default = (policy.default == Action::Block).then_some(None);
    rules.map(|rule| Some(rule.id.clone())).chain(default).collect()
}

/// Rules whose last day is near, the first to end first.
fn lapsing(config: &Config, at: Timestamp) -> Vec<LapsingRule> {
    let today = config.calendar.local(at).date();
    let near = today.saturating_add(NEAR);
    let mut found: Vec<_> = config
        .policy
        .rules
        .iter()
        .filter_map(|rule| Some((rule.expires?, rule)))
        .filter(|(last, _)| (today..=near).contains(last))
        .map(|(last_day, rule)| LapsingRule { rule: rule.id.to_string(), last_day })
        .collect();
    found.sort_by_key(|rule| rule.last_day);
    found
}

/// The peaks of a tube at a moment.
fn peak(tube: &tube::Tube, calendar: &Calendar, at: Timestamp) -> Option<PeakView> {
    let edge = tube.peak.iter().filter_map(|peak| peak.when.next_edge(at, calendar)).min();
    let local = |edge| calendar.local(edge).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    let open = tube.peak.iter().any(|peak| peak.when.covers(at, calendar));
    (!tube.peak.is_empty()).then(|| PeakView { open, changes: edge.map(local) })
}

fn watching(config: &Config) -> impl Iterator<Item = RuleId> + '_ {
    config.policy.rules.iter().filter(|rule| rule.watches).map(|rule| rule.id.clone())
}

fn watch_view(meter: &Meter, rule: &RuleId) -> WatchView {
    let [same, otherwise] = meter.watched_by(rule);
    WatchView { rule: rule.to_string(), flows: same + otherwise, otherwise }
}

/// Every category with its own tube, and with those that rules lift it to.
fn routes(config: &Config) -> Vec<(CategoryId, TubeId)> {
    let other = &config.categories.other;
    let own = config
        .categories
        .categories
        .iter()
        .map(|category| (category.id.clone(), category.tube.clone().unwrap_or_else(|| other.clone())))
        .chain([(CategoryId::from(category::OTHER), other.clone())]);
    let lifted = config.policy.rules.iter().flat_map(|rule| {
        rule.tube.iter().flat_map(|tube| rule.to.iter().map(move |category| (category.clone(), tube.clone())))
    });
    let mut routes: Vec<_> = own.chain(lifted).collect();
    routes.sort();
    routes.dedup();
    routes
}

/// Why each list that is not as its source has it is not; what was fetched last comes before what was read.
fn refused_lists(config: &Config, feeds: &Feeds) -> Vec<RefusedList> {
    let refused = |category: &CategoryId, list: &category::List| {
        let why = feeds.failure(category, &list.path).or(list.refused.as_deref())?.to_owned();
        Some(RefusedList { category: category.to_string(), list: list.path.display().to_string(), why })
    };
    let categories = config.categories.categories.iter();
    categories.flat_map(|category| category.lists.iter().filter_map(|list| refused(&category.id, list))).collect()
}

/// Rules with a last day, each with the midnight after it.
fn exceptions(config: &Config) -> Vec<(RuleId, Timestamp)> {
    let end = |last: Date| config.calendar.midnight(last.tomorrow().ok()?);
    config.policy.rules.iter().filter_map(|rule| Some((rule.id.clone(), end(rule.expires?)?))).collect()
}

/// Every way out, the built-in one too.
fn ways_out(config: &Config) -> Vec<EgressId> {
    let mut ways: Vec<EgressId> = config.egress.egresses.iter().map(|egress| egress.id.clone()).collect();
    ways.push(EgressId::from(SYSTEM));
    ways
}

fn facts(config: &Config, category: &CategoryId, list: &category::List, feeds: &Feeds) -> ListFacts {
    let feed = config.feeds.iter().find(|feed| feed.category == *category && *feed.path == *list.path);
    ListFacts {
        fetched: feed.map(|feed| FetchFacts { refresh: feed.refresh, asked: feeds::asked(feed) }),
        category: category.clone(),
        list: list.path.display().to_string(),
        entries: list.counts.entries(),
        rejected: list.counts.rejected,
        refused: list.refused.is_some() || feeds.failure(category, &list.path).is_some(),
        modified: list.modified,
    }
}
