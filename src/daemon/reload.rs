//! A reload: a whole new plan is built beside the old one and put in its place, or the old one stays and says why.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::build::plan;
use super::history::{self, Entry, History};
use super::listeners::BindError;
use super::log;
use super::run::{Daemon, warn};
use super::threads::aside;
use crate::base::clock;
use crate::config::{self, Change, Config, Generations, Keep, Problem};
use crate::flow::Compartment;
use crate::portal::Asked;

/// What a reload came to.
#[derive(Debug)]
pub enum Reloaded {
    /// The new plan is in force.
    Applied {
        /// Its number.
        generation: u64,
        /// What is legal but surely wrong in it.
        warnings: Vec<Problem>,
    },
    /// The old plan is still in force.
    Refused(Refused),
}

/// Why a new plan was not put in force.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Mistakes in the configuration.
    #[error("{}", first(.0))]
    Configuration(Vec<Problem>),
    /// A new listener cannot be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// What only a start can change.
    #[error("{0} cannot change while the gateway runs; start it anew for that")]
    NeedsStart(&'static str),
    /// A kept copy of a list, from which the table is built.
    #[error("cannot read a kept list: {0}")]
    Kept(#[from] std::io::Error),
    /// Another process took over meanwhile.
    #[error("another process has taken over; ask again")]
    HandedOver,
    /// The reading task broke off.
    #[error("reading the configuration broke off")]
    BrokeOff,
}

/// What made the gateway read its configuration.
#[derive(Clone, Debug)]
pub enum Cause {
    /// It started.
    Start,
    /// It took over from another process.
    Upgrade,
    /// A command, and who gave it.
    Command(Asked),
    /// SIGHUP. The system does not tell who sent it.
    Signal,
    /// A list came that was new.
    Fetched,
}

/// What becomes known of a reload on its way.
struct Told {
    /// When what is in force came to be so.
    at: Timestamp,
    files: Vec<Arc<Path>>,
    /// What was in force, and what was to be.
    sides: Option<(Config, Config)>,
}

impl From<Asked> for Cause {
    fn from(asked: Asked) -> Cause {
        Cause::Command(asked)
    }
}

impl Cause {
    fn who(&self) -> String {
        let name = |user: u32| {
            let found = nix::unistd::User::from_uid(user.into()).ok().flatten();
            found.map_or_else(|| format!("user {user}"), |user| user.name)
        };
        match self {
            Cause::Start | Cause::Upgrade => name(nix::unistd::getuid().as_raw()),
            Cause::Signal => "a signal".to_owned(),
            Cause::Fetched => "the gateway".to_owned(),
            Cause::Command(Asked { user, sudo, .. }) => {
                let user = user.map_or_else(|| "somebody".to_owned(), name);
                // What root says of itself; nobody else is believed to act for another.
                let sudo = sudo.as_ref().filter(|_| user == "root");
                sudo.map_or_else(|| user.clone(), |sudo| format!("{sudo} as root"))
            }
        }
    }

    /// Whether the process begins with it.
    fn begins(&self) -> bool {
        matches!(self, Cause::Start | Cause::Upgrade)
    }

    /// Whether a person brought files back that were in force before.
    fn goes_back(&self) -> bool {
        matches!(self, Cause::Command(Asked { rollback: Some(_), .. }))
    }

    fn how(&self) -> String {
        match self {
            Cause::Start => "start".to_owned(),
            Cause::Upgrade => "upgrade".to_owned(),
            Cause::Command(Asked { rollback: Some(to), .. }) => format!("rollback to {to}"),
            Cause::Command(_) | Cause::Signal => "reload".to_owned(),
            Cause::Fetched => "lists fetched".to_owned(),
        }
    }
}

fn first(problems: &[Problem]) -> String {
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    let first = problems.iter().find(|problem| problem.is_error()).map(ToString::to_string).unwrap_or_default();
    if errors > 1 { format!("{first} (and {} more)", errors - 1) } else { first }
}

impl Daemon {
    /// Reads the configuration again and puts it in force, one reload at a time.
    pub async fn reload(self: &Arc<Self>, cause: &Cause) -> Reloaded {
        let _one = self.reloading.lock().await;
        if self.carrier.handed.is_cancelled() {
            if matches!(cause, Cause::Signal) {
                // Who sent it cannot ask again.
                self.handed.pass_on_reload();
            }
            return Reloaded::Refused(Refused::HandedOver);
        }
        let _told = self.notify.reloads();
        let mut told = Told { at: clock::wall(), files: Vec::new(), sides: None };
        let reloaded = match self.renew(cause, &mut told).await {
            Ok(reloaded) => reloaded,
            Err(refused) => Reloaded::Refused(refused),
        };
        let problem = match &reloaded {
            Reloaded::Applied { .. } => None,
            Reloaded::Refused(why) => Some(why.to_string()),
        };
        let (daemon, cause) = (Arc::clone(self), cause.clone());
        if aside(move || daemon.tell(&cause, problem, told)).await.is_none() {
            tracing::error!("the change is not in the history: writing it broke off");
        }
        match &reloaded {
            Reloaded::Applied { generation, warnings } => {
                tracing::info!(generation, warnings = warnings.len(), "reloaded");
            }
            Reloaded::Refused(why) => tracing::error!("reload refused, the old plan stays in force: {why}"),
        }
        self.note(&reloaded);
        reloaded
    }

    /// The same, as a signal has it done, where nobody waits: a list on a disk that hangs must not make the process deaf.
    pub(super) fn reload_aside(self: &Arc<Self>) {
        let daemon = Arc::clone(self);
        let reload = async move { daemon.reload(&Cause::Signal).await };
        self.chores.spawn_on(reload, self.carrier.bulkheads.runtime(Compartment::Rest));
    }

    async fn renew(self: &Arc<Self>, cause: &Cause, told: &mut Told) -> Result<Reloaded, Refused> {
        let (path, keep) = (self.path.clone(), if cause.goes_back() { Keep::Back } else { Keep::Write });
        let outcome = aside(move || config::read(&path, clock::wall(), keep)).await.ok_or(Refused::BrokeOff)?;
        told.files = outcome.files;
        let Some(config) = outcome.config else {
            return Err(Refused::Configuration(outcome.problems));
        };
        self.unchanged(&config)?;
        let generation = self.generation.load(Ordering::Relaxed) + 1;
        let making = move || plan(&config, generation).map(|plan| (plan, config));
        let (plan, mut config) = aside(making).await.ok_or(Refused::BrokeOff)??;
        let next = self.builder.build(&config, plan);
        config.categories.release();
        told.sides = Some((self.state().config.clone(), config.clone()));
        let bound = self.listeners.bind(&config.listeners, &self.carrier)?;

        // From here on nothing can fail.
        log::apply(&config.process);
        warn(&outcome.problems);
        self.generation.store(generation, Ordering::Relaxed);
        told.at = clock::wall();
        self.carrier.replace(next, told.at);
        self.listeners.apply(&self.carrier, &config.listeners, bound);
        self.look_at_certificates().await;
        self.carrier.account.apply(&config.log, &config.calendar);
        self.carrier.account.tell(config.telemetry.as_ref());
        self.state().config = config;
        self.describe();
        self.changed.notify_one();
        self.feeds_changed.notify_one();
        if let Err(error) = self.write_addresses() {
            tracing::warn!(%error, "addresses.json is out of date");
        }
        Ok(Reloaded::Applied { generation, warnings: outcome.problems })
    }

    /// Reads the configuration again as the process that took over has, and judges by it what is still open here. The files, the
    /// history and the listeners are the other's.
    pub(super) async fn read_again(self: &Arc<Self>, generation: u64) {
        let _one = self.reloading.lock().await;
        if let Err(why) = self.follow_files(generation).await {
            tracing::error!("open flows of this process are judged as before: {why}");
        }
    }

    async fn follow_files(&self, generation: u64) -> Result<(), Refused> {
        let path = self.path.clone();
        let outcome = aside(move || config::read(&path, clock::wall(), Keep::Look)).await.ok_or(Refused::BrokeOff)?;
        let config = outcome.config.ok_or(Refused::Configuration(outcome.problems))?;
        let making = move || plan(&config, generation).map(|plan| (plan, config));
        let (plan, mut config) = aside(making).await.ok_or(Refused::BrokeOff)??;
        let next = self.builder.build(&config, plan);
        config.categories.release();
        log::apply(&config.process);
        self.generation.store(generation, Ordering::Relaxed);
        self.carrier.replace(next, clock::wall());
        self.carrier.account.apply(&config.log, &config.calendar);
        self.carrier.account.tell(config.telemetry.as_ref());
        self.state().config = config;
        self.changed.notify_one();
        tracing::info!(generation, "read again, as the process that took over has");
        Ok(())
    }

    /// Puts a change into the history, and keeps its files. Blocks. What is in force stays so, whatever the disk says.
    fn tell(&self, cause: &Cause, problem: Option<String>, told: Told) {
        let config = self.state().config.clone();
        let generation = self.generation.load(Ordering::Relaxed);
        // A start that came to nothing has no number of its own: the last one that was in force has it.
        let generation = generation - u64::from(problem.is_some() && cause.begins());
        let generations = Generations::of(&config.state_dir);
        let before = generations.kept().ok().and_then(|mut kept| kept.pop());
        let keep = || generations.keep(generation, &self.path, &config, told.at);
        let not_kept = |error: &_| tracing::error!(%error, generation, "the files of this generation are not kept");
        let kept = problem.is_none().then(keep).and_then(|kept: std::io::Result<_>| kept.inspect_err(not_kept).ok());
        let change = told.sides.map(|(old, new)| Change::of(&old, &new));
        let changed = kept.as_ref().map(|kept| history::changed_files(before.as_ref(), kept)).unwrap_or_default();
        let changes = history::changes(change.as_ref(), changed);
        let files = match kept {
            Some(kept) => kept.files.into_iter().map(|kept| (kept.path, kept.sha256)).collect(),
            None => history::hashes(told.files.iter().map(|file| &**file)),
        };
        let (who, how, applied) = (cause.who(), cause.how(), problem.is_none());
        let entry = Entry { time: told.at, who, how, applied, generation, problem, changes, files, previous: None };
        let history = History::of(&config.state_dir);
        if cause.begins() && history.repeats(&entry) {
            return;
        }
        match history.append(entry) {
            // Outside of the file that it vouches for.
            Ok(sha256) => tracing::info!(generation, applied, sha256, "the history has this change"),
            Err(error) => tracing::error!(%error, generation, applied, "the history does not have this change"),
        }
    }

    /// The same for what was put in force by the start, or why that came to nothing.
    pub(super) fn tell_start(&self, cause: &Cause, problem: Option<String>) {
        let files = self.state().config.files.clone();
        self.tell(cause, problem, Told { files, sides: None, at: self.started.1 });
    }

    /// What the process took at its start and cannot give back.
    fn unchanged(&self, config: &Config) -> Result<(), Refused> {
        let state = self.state();
        if config.state_dir != state.config.state_dir {
            return Err(Refused::NeedsStart("[gateway] state_dir"));
        }
        if config.admin != state.config.admin {
            return Err(Refused::NeedsStart("[admin] address"));
        }
        Ok(())
    }
}
