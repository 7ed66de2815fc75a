//! The gateway's life: start, reload, drain, stop.

use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::activation::Activation;
use super::build::{Builder, plan};
use super::feeds::Feeds;
use super::gateway::Seen;
use super::history::last_number;
use super::listeners::Listeners;
use super::reload::Cause;
use super::threads::{Threads, aside};
use super::upgrade::{Door, Handed, Program, TakeError, Taken};
use super::{edges, limits, link, log, notify, probe};
use crate::account::{Account, AccountError};
use crate::base::{Moment, Reason, clock};
use crate::config::{self, Config, Problem};
use crate::flow::{Bulkheads, Carrier};
use crate::portal::socket::SocketFile;
use crate::portal::{self, Place, Portal, PortalError, Sockets};
use crate::tube::Tubes;

/// How long flows that were ended at the end of a drain have to write their records.
const LAST_RECORDS: Duration = Duration::from_secs(2);

/// Why the gateway could not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Mistakes in the configuration.
    #[error("the configuration has mistakes")]
    Configuration(Vec<Problem>),
    /// A listener.
    #[error(transparent)]
    Bind(#[from] super::listeners::BindError),
    /// The admin listener.
    #[error(transparent)]
    Portal(#[from] PortalError),
    /// The access log or the state directory.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The gateway that was to be taken over from.
    #[error(transparent)]
    Take(#[from] TakeError),
    /// The state directory.
    #[error("[gateway] state_dir {path} cannot be used: {1}", path = .0.display())]
    StateDir(PathBuf, #[source] std::io::Error),
    /// The machine.
    #[error("{0}: {1}")]
    Machine(&'static str, #[source] std::io::Error),
}

/// A running gateway.
pub struct Daemon {
    pub(super) path: PathBuf,
    pub(super) carrier: Arc<Carrier>,
    pub(super) listeners: Listeners,
    pub(super) builder: Builder,
    pub(super) state: Mutex<State>,
    pub(super) ready: AtomicBool,
    pub(super) generation: AtomicU64,
    pub(super) started: (Moment, Timestamp),
    /// Owns what is no flow; a drain does not wait for it.
    pub(super) chores: TaskTracker,
    /// Wakes the keeper of edges.
    pub(super) changed: Arc<Notify>,
    /// Cancelled when a drain was asked for.
    pub(super) draining: CancellationToken,
    /// Lists that are fetched.
    pub(super) feeds: Mutex<Feeds>,
    /// Wakes who fetches them.
    pub(super) feeds_changed: Notify,
    /// One reload at a time.
    pub(super) reloading: tokio::sync::Mutex<()>,
    /// One upgrade at a time.
    pub(super) upgrading: tokio::sync::Mutex<()>,
    /// What a successor is started from.
    pub(super) program: Program,
    /// What becomes of handing over to it.
    pub(super) handed: Handed,
    /// Who started this process is told how it does.
    pub(super) notify: notify::Notify,
}

/// What `status` tells.
#[derive(Debug)]
pub struct State {
    pub(super) config: Config,
    pub(super) admin: Option<SocketAddr>,
    pub(super) last_reload: Option<portal::LastReload>,
}

/// Runs the gateway until it is told to stop. `take_over`: in place of the one that runs.
///
/// # Errors
/// When it cannot start; nothing was served then, and one that ran goes on.
pub fn run(path: &Path, take_over: bool) -> Result<(), RunError> {
    let state_dir = config::place(path).filter(|_| take_over).map(|(state_dir, _)| state_dir);
    let mut taken = state_dir.map(|state_dir| Taken::take(&state_dir)).transpose()?;
    let ran = run_with(path, &mut taken);
    if let (Err(error), Some(taken)) = (&ran, taken) {
        taken.failed(&match error {
            RunError::Configuration(problems) => config::render(problems, false),
            error => error.to_string(),
        });
    }
    ran
}

fn run_with(path: &Path, taken: &mut Option<Taken>) -> Result<(), RunError> {
    let outcome = config::read(path, clock::wall(), config::Keep::Write);
    let Some(config) = outcome.config else {
        return Err(RunError::Configuration(outcome.problems));
    };
    log::apply(&config.process);
    warn(&outcome.problems);
    limits::hasten();
    let threads = Threads::start().map_err(|error| RunError::Machine("cannot start threads", error))?;
    let bulkheads = threads.bulkheads();
    threads.run(async {
        let signals = Signals::new().map_err(|error| RunError::Machine("cannot listen for signals", error))?;
        if let Some(taken) = taken {
            // Others than those of its life, which begins when it is the gateway.
            let stops = Signals::stops().map_err(|error| RunError::Machine("cannot listen for signals", error))?;
            taken.stops = Some(stops);
        }
        let daemon = Daemon::start(path, config, bulkheads)?;
        daemon.serve(link::wire(&daemon.carrier), daemon.until_told(signals), taken).await
    })
}

/// What ends the life of a gateway.
enum Told {
    Drain,
    Stop,
    HandedOver,
}

/// Warnings go to the log a line each; `check` shows them with their excerpts.
pub(super) fn warn(problems: &[Problem]) {
    for problem in problems.iter().filter(|problem| !problem.is_error()) {
        tracing::warn!("{problem}");
    }
}

pub(super) struct Signals {
    pub(super) reload: Signal,
    pub(super) reopen: Signal,
    pub(super) drain: Signal,
    pub(super) stop: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Signals {
            reload: signal(SignalKind::hangup())?,
            reopen: signal(SignalKind::user_defined1())?,
            drain: signal(SignalKind::terminate())?,
            stop: signal(SignalKind::interrupt())?,
        })
    }

    /// Those that end the process, once more.
    fn stops() -> std::io::Result<[Signal; 2]> {
        Ok([signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?])
    }
}

/// Waits for one of them.
async fn told_to_stop(stops: Option<[Signal; 2]>) {
    let Some([mut drain, mut stop]) = stops else { return std::future::pending().await };
    tokio::select! {
        _ = drain.recv() => {}
        _ = stop.recv() => {}
    }
}

impl Daemon {
    pub(super) fn start(path: &Path, mut config: Config, bulkheads: Arc<Bulkheads>) -> Result<Arc<Self>, RunError> {
        std::fs::create_dir_all(&config.state_dir)
            .map_err(|error| RunError::StateDir(config.state_dir.clone(), error))?;
        let account = Account::start(&config.log, &config.calendar, &config.state_dir)?;
        account.tell(config.telemetry.as_ref());
        let tubes = Tubes::new(&config.tubes, &config.calendar, clock::wall());
        let descriptors = limits::raise();
        let builder = Builder::new(descriptors);
        let generation = last_number(&config.state_dir) + 1;
        let plan = plan(&config, generation).map_err(|error| RunError::Machine("cannot read a kept list", error))?;
        let first = builder.build(&config, plan);
        config.categories.release();
        let carrier = Carrier::new(first, tubes, account, bulkheads);
        let listeners = Listeners::new(descriptors.connections);
        let daemon = Arc::new(Daemon {
            path: path.to_owned(),
            carrier,
            listeners,
            builder,
            state: Mutex::new(State { config, admin: None, last_reload: None }),
            ready: AtomicBool::new(false),
            generation: AtomicU64::new(generation),
            started: (clock::now(), clock::wall()),
            chores: TaskTracker::new(),
            changed: Arc::default(),
            draining: CancellationToken::new(),
            feeds: Mutex::default(),
            feeds_changed: Notify::new(),
            reloading: tokio::sync::Mutex::default(),
            upgrading: tokio::sync::Mutex::default(),
            program: Program::of_process(),
            handed: Handed::default(),
            notify: notify::Notify::of_process(),
        });
        daemon.describe();
        daemon.carrier.account.meter().in_force(daemon.started.1);
        Ok(daemon)
    }

    /// Carries flows for as long as `life` lasts; it begins when all listeners are open, and ends with [`Self::finish`].
    /// `wire` tells what has passed the link so far. What was `taken` over is gone from there once this process serves.
    pub(super) async fn serve(
        self: &Arc<Self>,
        wire: impl FnMut() -> Option<[u64; 2]> + Send + 'static,
        life: impl Future<Output = ()>,
        taken: &mut Option<Taken>,
    ) -> Result<(), RunError> {
        // Before any listener: where another gateway runs in this state directory, nothing is taken from it.
        let portal = self.open_portal(taken.as_mut())?;
        let served = self.carry((wire, life), &portal, taken).await;
        self.handed.portal.cancel();
        portal.join();
        served
    }

    async fn carry(
        self: &Arc<Self>,
        (wire, life): (impl FnMut() -> Option<[u64; 2]> + Send + 'static, impl Future<Output = ()>),
        portal: &Portal,
        taken: &mut Option<Taken>,
    ) -> Result<(), RunError> {
        if let Some(taken) = taken {
            self.adopt(taken);
        }
        let specs = self.state().config.listeners.clone();
        let cause = if taken.is_some() { Cause::Upgrade } else { Cause::Start };
        let bound = self.listeners.bind(&specs, &self.carrier);
        let bound = bound.inspect_err(|why| self.tell_start(&cause, Some(why.to_string())))?;
        let no_thread = |error| RunError::Machine("cannot start a thread", error);
        let _driver = self.carrier.tubes.drive(wire).map_err(no_thread)?;
        let prober = probe::start(&self.carrier).map_err(no_thread)?;
        let (listener, door) = self.door_over()?;
        let (admin, socket) = match taken.take() {
            Some(mut taken) => {
                let stopped = told_to_stop(taken.stops.take());
                self.take_over(taken, (portal, door), stopped).await?
            }
            None => (None, door.settle().map_err(PortalError::from)?.keep()),
        };
        // From here on nothing can fail.
        self.listeners.apply(&self.carrier, &specs, bound);
        let _door = self.open_up(portal, (listener, socket), &cause);
        portal.opens(admin);
        let keep = edges::keep(Arc::clone(&self.carrier), Arc::clone(&self.changed));
        tokio::select! {
            () = life => {}
            () = keep => {}
            () = self.alone(prober) => {}
            () = self.keep_notified() => {}
            () = Arc::clone(self).watch_certificates() => {}
        }
        if !self.carrier.handed.is_cancelled() {
            self.remove_addresses();
        }
        self.handed.ended.cancel();
        Ok(())
    }

    /// From now on this process is the gateway: it can be told what to do, and handed over from.
    fn open_up(
        self: &Arc<Self>,
        portal: &Portal,
        door: (UnixListener, Option<SocketFile>),
        cause: &Cause,
    ) -> Option<Door> {
        self.tell_start(cause, None);
        if let Err(error) = self.write_addresses() {
            tracing::warn!(%error, "addresses.json is out of date");
        }
        self.handed.set_admin(portal.admin());
        let door = Door::open(self, door, portal.reclaims()).inspect_err(|error| {
            tracing::error!(%error, "there is no thread for upgrades: only a new start brings another program");
        });
        self.ready.store(true, Ordering::Release);
        self.notify.serves(&self.words());
        door.ok()
    }

    /// What only one process does: it fetches lists, and asks how the link is.
    async fn alone(self: &Arc<Self>, prober: impl Send + 'static) {
        tokio::select! {
            () = Arc::clone(self).fetch_lists() => {}
            () = self.carrier.handed.cancelled() => {}
        }
        // Its end waits for its thread.
        aside(move || drop(prober)).await;
        std::future::pending::<()>().await;
    }

    fn open_portal(self: &Arc<Self>, taken: Option<&mut Taken>) -> Result<Portal, RunError> {
        let place = {
            let state = self.state();
            Place { admin: state.config.admin, socket: state.config.state_dir.join(portal::socket::FILE) }
        };
        let mut sockets = Sockets { admin: None, over: taken.is_some() };
        match taken {
            Some(taken) => {
                let same = taken.offer.admin_said == Some(place.admin);
                sockets.admin = taken.admin.take().filter(|_| same);
            }
            None => {
                let mut activation = Activation::of_process();
                sockets.admin = activation.admin(place.admin);
                self.listeners.offer(activation.listeners());
            }
        }
        let portal = portal::serve(&place, sockets, Arc::new(Seen(Arc::clone(self))), self.handed.portal.clone())?;
        tracing::info!(address = %portal.address(), "admin: metrics, health, API, live page");
        self.state().admin = Some(portal.address());
        Ok(portal)
    }

    /// The life of a gateway that is a process of its own: signals tell it what to do.
    async fn until_told(self: &Arc<Self>, mut signals: Signals) {
        match self.wait(&mut signals).await {
            Told::Drain => self.drain(&mut signals).await,
            Told::HandedOver => self.outlast(&mut signals).await,
            Told::Stop => {
                self.draining.cancel();
                self.notify.stops(Duration::ZERO);
            }
        }
        self.before_ends(Duration::ZERO).await;
        self.finish().await;
    }

    /// Until the gateway is to end, or another takes its place.
    async fn wait(self: &Arc<Self>, signals: &mut Signals) -> Told {
        loop {
            tokio::select! {
                _ = signals.reload.recv() => self.reload_aside(),
                _ = signals.reopen.recv() => self.reopen_log(),
                _ = signals.drain.recv() => return Told::Drain,
                () = self.draining.cancelled() => return Told::Drain,
                () = self.carrier.handed.cancelled() => return Told::HandedOver,
                _ = signals.stop.recv() => return Told::Stop,
            }
        }
    }

    /// Opens log files anew, for who has moved it away. That is no reload: the configuration need not be whole, and
    /// the history tells of changes only.
    pub(super) fn reopen_log(&self) {
        let state = self.state();
        self.carrier.account.apply(&state.config.log, &state.config.calendar);
        log::apply(&state.config.process);
        tracing::info!("log files are opened anew");
    }

    /// Takes nothing new and waits for open flows, for as long as the configuration says.
    async fn drain(&self, signals: &mut Signals) {
        let patience = self.state().config.drain;
        self.ready.store(false, Ordering::Release);
        self.draining.cancel();
        let open = self.carrier.live.count();
        tracing::info!(flows = open, patience_s = patience.as_secs(), "draining: no new flows");
        self.notify.stops(patience);
        self.listeners.close();
        self.carrier.drain.cancel();
        self.carrier.bulkheads.tasks.close();
        let patience_left = tokio::time::sleep(patience);
        tokio::pin!(patience_left);
        let ended = async {
            self.carrier.bulkheads.tasks.wait().await;
            self.before_ends(patience).await;
        };
        tokio::pin!(ended);
        loop {
            tokio::select! {
                () = &mut ended => return tracing::info!("drained"),
                () = &mut patience_left => {
                    return tracing::warn!(flows = self.carrier.live.count(), "the drain's time is up; ending what is open");
                }
                _ = signals.stop.recv() => return tracing::warn!("told to stop while draining"),
                // A log is turned over while tunnels of minutes and hours still end.
                _ = signals.reopen.recv() => self.reopen_log(),
            }
        }
    }

    /// Ends what is open and writes the last records.
    pub(super) async fn finish(&self) {
        self.carrier.drain.cancel();
        self.carrier.account.stopping();
        self.carrier.stop_all(Reason::Drained);
        self.carrier.bulkheads.tasks.close();
        let last = async {
            self.carrier.bulkheads.tasks.wait().await;
            self.builder.close().await;
        };
        if tokio::time::timeout(LAST_RECORDS, last).await.is_err() {
            tracing::warn!(flows = self.carrier.live.count(), "flows did not end in time; their records are lost");
        }
        self.carrier.account.close(LAST_RECORDS);
        tracing::info!("stopped");
    }

    /// Where everything is bound, for whoever started a gateway on port 0.
    pub(super) fn write_addresses(&self) -> Result<(), RunError> {
        let listeners: serde_json::Map<String, serde_json::Value> = self
            .listeners
            .addresses()
            .into_iter()
            .map(|(id, address)| (id.to_string(), address.to_string().into()))
            .collect();
        let (path, admin) = self.addresses();
        let text =
            serde_json::json!({ "admin": admin.map(|admin| admin.to_string()), "listeners": listeners }).to_string();
        let new = path.with_extension("new");
        std::fs::write(&new, text)
            .and_then(|()| std::fs::rename(&new, &path))
            .map_err(|error| RunError::StateDir(self.state().config.state_dir.clone(), error))
    }

    fn remove_addresses(&self) {
        let _ = std::fs::remove_file(self.addresses().0);
    }

    fn addresses(&self) -> (PathBuf, Option<SocketAddr>) {
        let state = self.state();
        (state.config.state_dir.join("addresses.json"), state.admin)
    }

    pub(super) fn feeds(&self) -> MutexGuard<'_, Feeds> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
