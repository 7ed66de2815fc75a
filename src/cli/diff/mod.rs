//! `clearway diff OLD NEW`: what a change does, before it does it, in the words of who answers for it. Rules are compared by
//! their names; names and networks are judged by both plans at three times of a working day; with a log, every flow of it
//! at its own time.

mod answer;
mod names;
mod replay;
mod words;

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::args::{ConfigFile, Diff};
use super::{INTERNAL, NO, load, write};
use crate::base::clock;
use crate::config::{Change, Config};
use crate::flow::Plan;

/// A configuration, and the plan that it makes.
struct Side {
    config: Config,
    plan: Plan,
}

/// All that changes.
struct Changes {
    rules: Change,
    names: names::Names,
    replay: Option<replay::Replay>,
}

/// Compares two configurations. Exits with 1 where there is a difference.
pub fn run(asked: &Diff) -> u8 {
    let sides = side(&asked.old).and_then(|old| Ok((old, side(&asked.new)?)));
    let (old, new) = match sides {
        Ok(sides) => sides,
        Err(code) => return code,
    };
    let replayed = asked.replay.as_ref().map(|log| replay::Replay::of(&old, &new, log, asked.each));
    let replay = match replayed.transpose() {
        Ok(replay) => replay,
        Err(error) => {
            let log = asked.replay.as_deref().unwrap_or(Path::new("")).display();
            write::note(&format!("error: cannot replay {log}: {error}"));
            return INTERNAL;
        }
    };
    if asked.each {
        return u8::from(replay.is_some_and(|replay| replay.changed > 0));
    }
    let times = times(&new, clock::wall());
    let changes =
        Changes { rules: Change::of(&old.config, &new.config), names: names::Names::of(&old, &new, &times), replay };
    write::line(&if asked.json { words::json(&changes) } else { words::text(&changes) });
    if changes.is_none() { 0 } else { NO }
}

impl Changes {
    fn is_none(&self) -> bool {
        self.rules.is_none() && self.names.is_none() && self.replay.as_ref().is_none_or(|replay| replay.changed == 0)
    }
}

/// A gateway's file, or the folder that holds one.
fn side(path: &Path) -> Result<Side, u8> {
    let file: PathBuf = if path.is_dir() { path.join("clearway.toml") } else { path.to_owned() };
    let config = load::config(&ConfigFile { file: Some(file) })?;
    let plan = load::plan(&config)?;
    Ok(Side { config, plan })
}

/// Morning, lunch and night of the next working day, each with its word.
fn times(side: &Side, now: Timestamp) -> Vec<(&'static str, Timestamp)> {
    let calendar = &side.config.calendar;
    let first = calendar.local(now).date();
    let works =
        |date: &jiff::civil::Date| date.weekday().to_monday_zero_offset() < 5 && !calendar.bank_holidays.contains(date);
    let day = first.series(jiff::ToSpan::days(1)).find(works).unwrap_or(first);
    [("in the morning", 10, 0), ("at lunch", 12, 30), ("at night", 22, 0)]
        .into_iter()
        .filter_map(|(word, hour, minute)| {
            let at = calendar.zone.to_timestamp(day.at(hour, minute, 0, 0)).ok()?;
            Some((word, at))
        })
        .collect()
}
