//! A reload: a whole new plan is built beside the old one and put in its place, or the old one stays and says why.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::listeners::BindError;
use super::run::{Daemon, warn};
use crate::base::clock;
use crate::config::{self, Config, Problem};

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
    /// The reading task broke off.
    #[error("reading the configuration broke off")]
    BrokeOff,
}

fn first(problems: &[Problem]) -> String {
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    let first = problems.iter().find(|problem| problem.is_error()).map(ToString::to_string).unwrap_or_default();
    if errors > 1 { format!("{first} (and {} more)", errors - 1) } else { first }
}

impl Daemon {
    /// Reads the configuration again and puts it in force, one reload at a time.
    pub async fn reload(self: &Arc<Self>) -> Reloaded {
        let _one = self.reloading.lock().await;
        let reloaded = match self.renew().await {
            Ok(reloaded) => reloaded,
            Err(refused) => Reloaded::Refused(refused),
        };
        match &reloaded {
            Reloaded::Applied { generation, warnings } => {
                tracing::info!(generation, warnings = warnings.len(), "reloaded");
            }
            Reloaded::Refused(why) => tracing::error!("reload refused, the old plan stays in force: {why}"),
        }
        self.note(&reloaded);
        reloaded
    }

    async fn renew(self: &Arc<Self>) -> Result<Reloaded, Refused> {
        let path = self.path.clone();
        // Lists can be large: reading them must not hold up a thread that carries flows.
        let outcome = tokio::task::spawn_blocking(move || config::read(&path, clock::wall(), config::Keep::Write))
            .await
            .map_err(|_| Refused::BrokeOff)?;
        let Some(mut config) = outcome.config else {
            return Err(Refused::Configuration(outcome.problems));
        };
        self.unchanged(&config)?;
        let generation = self.generation.load(Ordering::Relaxed) + 1;
        let next = self.builder.build(&config, generation);
        config.categories.release();
        let bound = self.listeners.bind(&config.listeners, &self.carrier)?;

        // From here on nothing can fail.
        warn(&outcome.problems);
        self.generation.store(generation, Ordering::Relaxed);
        self.carrier.replace(next, clock::wall());
        self.listeners.apply(&self.carrier, &config.listeners, bound);
        self.carrier.account.apply(&config.log, &config.calendar);
        self.state().config = config;
        self.describe();
        self.changed.notify_one();
        self.feeds_changed.notify_one();
        if let Err(error) = self.write_addresses() {
            tracing::warn!(%error, "addresses.json is out of date");
        }
        Ok(Reloaded::Applied { generation, warnings: outcome.problems })
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
