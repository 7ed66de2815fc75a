//! Finds and reads the configuration, and tells people what is wrong with it.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use super::args::ConfigFile;
use super::{CONFIGURATION, INTERNAL, write};
use crate::base::clock;
use crate::config::{self, Config, Outcome};
use crate::daemon;
use crate::flow::Plan;

/// Where a configuration is looked for when none is named.
const PLACES: [&str; 2] = ["config/clearway.toml", "/etc/clearway/clearway.toml"];

/// The file that was named, or the first of the usual places that exists. What this user may not look for may well be
/// there: reading it then says so.
pub fn path(config: &ConfigFile) -> PathBuf {
    let there = |path: &&Path| !matches!(path.try_exists(), Ok(false));
    let usual = || PLACES.iter().map(Path::new).find(there).unwrap_or(Path::new(PLACES[0]));
    config.file.clone().unwrap_or_else(|| usual().to_owned())
}

/// Reads a configuration whole, and what it needs on this machine.
pub fn check(config: &ConfigFile) -> Outcome {
    config::read(&path(config), clock::wall(), config::Keep::Check)
}

/// Reads a configuration whole.
pub fn read(config: &ConfigFile) -> Outcome {
    config::read(&path(config), clock::wall(), config::Keep::Look)
}

/// Reads a configuration that must be without errors; prints them where it is not. Warnings are for `check`.
pub fn config(config: &ConfigFile) -> Result<Config, u8> {
    let outcome = read(config);
    outcome.config.ok_or_else(|| {
        let errors: Vec<_> = outcome.problems.into_iter().filter(config::Problem::is_error).collect();
        write::note(&config::render(&errors, colour()));
        CONFIGURATION
    })
}

/// The plan of a configuration.
pub fn plan(config: &Config) -> Result<Plan, u8> {
    daemon::plan(config, 0).map_err(|error| {
        write::note(&format!("error: cannot read a kept list: {error}"));
        INTERNAL
    })
}

/// Whether standard error is a terminal that shows colours (<https://no-color.org>).
pub fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The state directory and the time zone of a configuration, which may be broken elsewhere: a gateway that runs must be
/// reached all the same.
pub fn place(config: &ConfigFile) -> Result<(PathBuf, TimeZone), u8> {
    let path = path(config);
    config::place(&path).ok_or_else(|| {
        write::note(&format!("error: cannot tell the state directory from {}; see `clearway check`", path.display()));
        CONFIGURATION
    })
}
