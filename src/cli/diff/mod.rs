//! `clearway diff OLD NEW`: what a change does, before it does it, in the words of who answers for it. Rules are compared by
//! their names; names and networks are judged by both plans at three times of a working day; with a log, every flow of it
//! at its own time.

mod answer;
mod names;
mod replay;
mod words;

use std::path::{Path, PathBuf};

use super::args::{ConfigFile, Diff};
use super::{INTERNAL, NO, day, load, write};
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
    let (_, moments) = day::working_day(&new.config.calendar, clock::wall());
    let times: Vec<_> = day::WORDS.into_iter().zip(moments.each().into_iter().copied()).collect();
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
