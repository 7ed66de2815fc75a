//! What the daemon tells of itself. The structs are the API's JSON as it stands.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::state::StateView;
pub use crate::account::Refused;

/// A future that can be kept in a struct.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A running gateway, as the portal sees it. Every method but `reload` answers at once from what is in memory.
pub trait Gateway: Send + Sync + 'static {
    /// `/api/v1/status`
    fn status(&self) -> Status;
    /// `/api/v1/tubes`; outer tubes before those within them.
    fn tubes(&self) -> Vec<TubeView>;
    /// The link as it is now, which `/api/v1/tubes` shows beside them.
    fn link(&self) -> LinkNow;
    /// What was refused since the process began.
    fn refusals(&self) -> Vec<Refused>;
    /// The proxy auto-configuration that a client gets which asks this machine by `host`; nothing where it cannot be
    /// told by which address proxies are reached.
    fn pac(&self, host: Option<&str>) -> Option<String>;
    /// `/metrics`
    fn metrics(&self) -> String;
    /// `/readyz`
    ///
    /// # Errors
    /// What is still missing, a line each.
    fn ready(&self) -> Result<(), Vec<String>>;
    /// Reads the configuration again and takes it, or keeps the present one. Polled on the portal's thread, so the
    /// work belongs elsewhere.
    fn reload(&self, asked: Asked) -> BoxFuture<ReloadOutcome>;
    /// Begins to drain, and returns.
    fn drain(&self);
    /// Has a successor started that takes over. Polled on the portal's thread, and a process started there.
    fn upgrade(&self) -> BoxFuture<UpgradeOutcome>;
}

/// Who asks for a reload, and for what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The user whose process asks, as the kernel has it.
    pub user: Option<u32>,
    /// For whom that process says it asks: who became root by sudo.
    pub sudo: Option<String>,
    /// The generation whose files were put back.
    pub rollback: Option<u64>,
}

/// `/api/v1/status`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// `[gateway] name`
    pub name: String,
    /// Of the program.
    pub version: String,
    /// The number of the configuration in force.
    pub generation: u64,
    /// When the process began, RFC 3339, UTC.
    #[serde(with = "rfc3339")]
    pub started: Timestamp,
    /// Since then.
    pub uptime_seconds: u64,
    /// Whether it takes no new connections.
    pub draining: bool,
    /// The files that were read, the one that was named first.
    pub config: Vec<String>,
    /// Where it listens.
    pub listeners: Vec<ListenerView>,
    /// What the link carries.
    pub link: LinkView,
    /// Open flows by tube.
    pub flows: BTreeMap<String, u64>,
    /// Connections that wait to be made, of all tubes.
    pub admission_waiting: u64,
    /// Flows refused for want of room since the process began, also those that had no tube yet.
    pub refused: RefusedView,
    /// What rules that only watch would have done, since the process began.
    pub watching: Vec<WatchView>,
    /// Lists of which the last good copy is in force, for what came after it was refused.
    pub refused_lists: Vec<RefusedList>,
    /// Ways out by which many hosts in a row could not be reached.
    #[serde(default)]
    pub failing_egresses: Vec<String>,
    /// Exceptions that end within a week, the first to end first.
    #[serde(default)]
    pub lapsing: Vec<LapsingRule>,
    /// `None` before the first.
    pub last_reload: Option<LastReload>,
    /// Of the process.
    #[serde(default)]
    pub pid: u32,
    /// The process that this one took over from, while it carries its last flows.
    #[serde(default)]
    pub before: Option<BeforeView>,
}

/// A process that drains after another took over from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeforeView {
    /// Of the process.
    pub pid: u32,
    /// Of its program.
    pub version: String,
    /// Its open flows.
    pub flows: u64,
}

/// A listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListenerView {
    /// Its name.
    pub name: String,
    /// How clients speak to it.
    pub mode: String,
    /// The address it is bound to.
    pub address: String,
    /// The certificate that it shows, where it speaks TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateView>,
}

/// A listener's certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CertificateView {
    /// When its time is over, RFC 3339, UTC.
    pub expires: Option<Timestamp>,
    /// Why the files that are there now are no use, and this is the last good one.
    pub problem: Option<String>,
}

/// The link; bits per second, null where it is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LinkView {
    /// Towards clients.
    pub down: Option<u64>,
    /// From clients.
    pub up: Option<u64>,
}

/// A rule that decides nothing and counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchView {
    /// Its name.
    pub rule: String,
    /// How many flows it would have decided.
    pub flows: u64,
    /// Of these, how many otherwise: with another action, or into another tube.
    pub otherwise: u64,
}

/// A list that is not as its source has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedList {
    /// Its category.
    pub category: String,
    /// Its path, as the policy has it.
    pub list: String,
    /// What was wrong with what came, or kept it from coming.
    pub why: String,
}

/// A rule that ends soon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LapsingRule {
    /// Its name.
    pub rule: String,
    /// The last day on which it holds.
    pub last_day: Date,
}

/// What became of the last reload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastReload {
    /// When, RFC 3339, UTC.
    #[serde(with = "rfc3339")]
    pub time: Timestamp,
    /// `applied` or `refused`.
    pub result: String,
    /// The first mistake, where it was refused.
    pub problem: Option<String>,
}

/// What `POST /api/v1/reload` answers: 200 when applied, else 422.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReloadOutcome {
    /// Whether the new configuration is in force.
    pub applied: bool,
    /// The number of the one that now is.
    pub generation: u64,
    /// Every mistake and warning, rendered for people.
    pub problems: Vec<String>,
}

/// What `POST /api/v1/upgrade` answers: 200 when a successor has taken over, else 422.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradeOutcome {
    /// Whether one has.
    pub upgraded: bool,
    /// Of its process.
    pub pid: u32,
    /// Flows that the process before it has, and carries on.
    pub flows: u64,
    /// For how long at most.
    pub drain_seconds: u64,
    /// Why none has; then all is as it was.
    pub problem: Option<String>,
}

/// Flows that were refused for want of room since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RefusedView {
    /// Their tube, or one around it, was full.
    pub tube_full: u64,
    /// The gateway was.
    pub process_full: u64,
}

/// `/api/v1/tubes`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tubes {
    /// All of it in a sentence.
    #[serde(default)]
    pub state: StateView,
    /// What they all share.
    pub link: LinkNow,
    /// In the order of the file.
    pub tubes: Vec<TubeView>,
}

impl Tubes {
    /// The link and the tubes, and what to say of them.
    pub fn new(link: LinkNow, tubes: Vec<TubeView>) -> Self {
        Tubes { state: StateView::of(&link, &tubes), link, tubes }
    }
}

/// A tube, as it is now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TubeView {
    /// Its name.
    pub tube: String,
    /// The tube it lies in; null: the link itself.
    pub within: Option<String>,
    /// Lower is served first.
    pub priority: u8,
    /// Towards clients.
    pub down: WayView,
    /// From clients.
    pub up: WayView,
    /// Flows in it, those in tubes within it not counted.
    pub flows: u64,
    /// Of these, how many wait for their share.
    pub waiting: u64,
    /// Its connections that wait to be made.
    pub admission: AdmissionView,
    /// What it refused.
    pub refused: RefusedView,
    /// Its peaks; null where it has none.
    #[serde(default)]
    pub peak: Option<PeakView>,
}

/// A tube that has other ceilings at other times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeakView {
    /// Whether a peak's ceiling holds now.
    pub open: bool,
    /// When that may next change, in the gateway's zone: `2026-11-24T14:00:00+00:00`.
    pub changes: Option<String>,
}

/// New connections wait to be made until their tube has room for what they bring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AdmissionView {
    /// How many wait.
    pub waiting: u64,
    /// The median wait of those let through in the last ten seconds; null: none was.
    pub wait_ms: Option<f64>,
}

/// The link as it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LinkNow {
    /// Towards clients.
    pub down: LinkWayView,
    /// From clients.
    pub up: LinkWayView,
    /// How long the last echo of `[link] probe` took; null where none is named or it does not answer.
    pub probe_ms: Option<f64>,
}

/// One direction of the link; bits per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LinkWayView {
    /// What is given out right now; null is no limit.
    pub limit: Option<u64>,
    /// What its interface carried over the last second; null where `[link] interface` is not set.
    pub used: Option<u64>,
    /// The queue that is taken to stand in front of it; null for a link without a rate.
    pub queue_ms: Option<f64>,
}

/// One direction of a tube; bits per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WayView {
    /// What it may use right now; null is no limit.
    pub limit: Option<u64>,
    /// What it used over the last second, tubes within it counted.
    pub used: u64,
    /// How long what its own flows sent had waited: the median of the last ten seconds; null: nothing had to ask.
    pub wait_ms: Option<f64>,
}

/// Moments as RFC 3339 in UTC.
mod rfc3339 {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{at:.3}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
