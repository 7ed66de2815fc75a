//! `clearway run`: the gateway in the foreground.

use tracing_subscriber::EnvFilter;

use super::args::ConfigFile;
use super::{CONFIGURATION, INTERNAL, load, write};
use crate::config;
use crate::daemon::{self, RunError};

/// Runs the gateway until it is told to stop.
pub fn run(config: &ConfigFile, take_over: bool) -> u8 {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(load::colour())
        .with_target(false)
        .init();
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
