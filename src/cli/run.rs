//! `clearway run`: the gateway in the foreground.

use super::args::ConfigFile;
use super::{CONFIGURATION, INTERNAL, load, write};
use crate::config;
use crate::daemon::{self, RunError};

/// Runs the gateway until it is told to stop.
pub fn run(config: &ConfigFile, take_over: bool) -> u8 {
    daemon::log::install();
    match daemon::run(&load::path(config), take_over) {
        Ok(()) => 0,
        Err(RunError::Configuration(problems)) => {
            write::note(&config::render(&problems, load::colour()));
            CONFIGURATION
        }
        Err(error) => {
            write::note(&format!("error: {error}"));
            INTERNAL
        }
    }
}
