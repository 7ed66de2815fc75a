//! One Trust: its configuration, the plan made of it, and the moments at which it is asked.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;

use super::answer::Answer;
use super::day::{self, Day};
use crate::base::Target;
use crate::cli::args::ConfigFile;
use crate::cli::load;
use crate::config::Config;
use crate::daemon;
use crate::flow::{Plan, Question};

/// A Trust whose policy is asked.
pub struct Trust {
    /// `[gateway] name`; where several have the same, the later ones are numbered.
    pub name: String,
    /// The gateway's file.
    pub file: PathBuf,
    /// What it says.
    pub config: Config,
    /// What judges.
    pub plan: Plan,
    /// The working day.
    pub date: Date,
    /// The moments of it.
    pub moments: Day<Timestamp>,
}

impl Trust {
    /// Reads the file of a gateway, or the `clearway.toml` of a folder. Prints what is wrong with it.
    pub fn read(named: &Path, now: Timestamp) -> Result<Trust, u8> {
        let file = if named.is_dir() { named.join("clearway.toml") } else { named.to_owned() };
        let config = load::config(&ConfigFile { file: Some(file.clone()) })?;
        let plan = daemon::plan(&config, 0);
        let date = day::working_day(&config.calendar, now);
        let moments = day::moments(&config.calendar, date);
        let moments = moments.unwrap_or(Day { morning: now, lunch: now, night: now });
        Ok(Trust { name: config.name.clone(), file, config, plan, date, moments })
    }

    /// What a client in no group is answered through the day.
    pub fn ask(&self, target: &Target) -> Day<Answer> {
        self.moments.map(|at| Answer::of(&self.plan, &self.config.categories.other, &asked(target, *at)))
    }

    /// The categories that a target is in, the one that names its flows first.
    pub fn categories_of(&self, target: &Target) -> Vec<String> {
        let question = asked(target, self.moments.lunch);
        let matches = self.plan.classify(&question);
        let others = matches.categories().iter().filter(|id| **id != matches.category());
        std::iter::once(matches.category()).chain(others.copied()).map(ToString::to_string).collect()
    }
}

fn asked(target: &Target, at: Timestamp) -> Question<'_> {
    Question { groups: &[], target, path: None, hello: None, at }
}

/// Gives every Trust a name of its own: the second `gw1` becomes `gw1 (2)`.
pub fn tell_apart(trusts: &mut [Trust]) {
    for at in 1..trusts.len() {
        let same = trusts[..at].iter().filter(|other| other.config.name == trusts[at].config.name).count();
        if same > 0 {
            trusts[at].name = format!("{} ({})", trusts[at].config.name, same + 1);
        }
    }
}
