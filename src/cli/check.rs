//! `clearway check`: every mistake at once.

use super::args::ConfigFile;
use super::{CONFIGURATION, load, write};
use crate::config;

/// Checks a configuration. Problems are what is asked for, so they are data when they are JSON; for people they go
/// where errors go.
pub fn run(config: &ConfigFile, strict: bool, json: bool) -> u8 {
    let outcome = load::check(config);
    let errors = outcome.problems.iter().filter(|problem| problem.is_error()).count();
    let warnings = outcome.problems.len() - errors;
    if json {
        for problem in &outcome.problems {
            write::line(&serde_json::to_string(problem).unwrap_or_default());
        }
    } else {
        if !outcome.problems.is_empty() {
            write::note(&config::render(&outcome.problems, load::colour()));
        }
        write::line(&format!(
            "{}: {}, {}",
            load::path(config).display(),
            count(errors, "error"),
            count(warnings, "warning")
        ));
    }
    if errors > 0 || (strict && warnings > 0) { CONFIGURATION } else { 0 }
}

fn count(number: usize, what: &str) -> String {
    match number {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}
