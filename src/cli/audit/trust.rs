//! One Trust: its configuration, the plan made of it, and the moments at which it is asked.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;

use super::answer::Answer;
use crate::base::Target;
use crate::cli::args::ConfigFile;
use crate::cli::day::{self, Day};
use crate::cli::load;
use crate::config::Config;
use crate::flow::{Plan, Question};

/// A Trust whose policy is asked.
pub struct Trust {
    /// `[gateway] name`, and what tells it from others of the same.
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
        let plan = load::plan(&config)?;
        let (date, moments) = day::working_day(&config.calendar, now);
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
    Question { groups: &[], target, path: None, said: None, at }
}

/// Gives every Trust a name of its own: where several gateways are called `gw1`, each is told by its folder too, and
/// where that is the same as well, by its number.
pub fn tell_apart(trusts: &mut [Trust]) {
    let counts = |trusts: &[Trust], name: &str| trusts.iter().filter(|trust| trust.name == name).count();
    let shared: Vec<bool> = trusts.iter().map(|trust| counts(trusts, &trust.name) > 1).collect();
    for (trust, _) in trusts.iter_mut().zip(shared).filter(|(_, shared)| *shared) {
        let folder = trust.file.parent().and_then(Path::file_name).map(|name| name.display().to_string());
        trust.name = folder.map_or_else(|| trust.name.clone(), |folder| format!("{} in {folder}", trust.name));
    }
    for at in (1..trusts.len()).rev() {
        let same = counts(&trusts[..at], &trusts[at].name);
        if same > 0 {
            trusts[at].name = format!("{} ({})", trusts[at].name, same + 1);
        }
    }
}
