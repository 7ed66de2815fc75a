//! `clearway history`: who changed what, and whether anybody has changed that since.

use std::fmt::Write as _;
use std::path::Path;

use jiff::tz::TimeZone;

use super::args::ConfigFile;
use super::{INTERNAL, NO, load, write};
use crate::config::Generations;
use crate::daemon::history::{Entry, Found, History};

/// Shows the history. Exits with 1 where it is not whole.
pub fn run(config: &ConfigFile, last: Option<usize>, json: bool) -> u8 {
    let (dir, zone) = match load::place(config) {
        Ok(place) => place,
        Err(code) => return code,
    };
    let found = match History::of(&dir).read() {
        Ok(found) => found,
        Err(error) => {
            write::note(&format!("error: cannot read the history in {}: {error}", dir.display()));
            return INTERNAL;
        }
    };
    let whole = found.iter().all(|found| found.follows);
    let shown = &found[found.len().saturating_sub(last.unwrap_or(usize::MAX))..];
    if json {
        for found in shown {
            let entry = serde_json::json!({ "follows": found.follows, "sha256": found.sha256, "entry": found.entry });
            write::line(&entry.to_string());
        }
    } else {
        write::line(&text(&dir, &found, shown, &zone));
    }
    if whole { 0 } else { NO }
}

fn text(dir: &Path, found: &[Found], shown: &[Found], zone: &TimeZone) -> String {
    let kept = Generations::of(dir).kept().unwrap_or_default();
    let is_kept = |number: u64| kept.iter().any(|kept| kept.has(number));
    let mut text = String::new();
    for found in shown {
        match &found.entry {
            Some(entry) => text.push_str(&one(entry, is_kept(entry.generation), zone)),
            None => text.push_str("a line that cannot be read\n"),
        }
        if !found.follows {
            text.push_str(
                "        THIS DOES NOT FOLLOW WHAT STANDS BEFORE IT: a line was changed, taken away or cut short\n",
            );
        }
    }
    let broken = found.iter().filter(|found| !found.follows).count();
    let _ = match found.last() {
        None => write!(text, "there is no history yet: a gateway begins it when it starts"),
        Some(last) if broken == 0 => {
            write!(text, "\n{} entries, each follows the one before; the last is {}", found.len(), last.sha256)
        }
        Some(_) => write!(text, "\n{} entries, of which {broken} do not follow the one before", found.len()),
    };
    text
}

fn one(entry: &Entry, kept: bool, zone: &TimeZone) -> String {
    let Entry { time, who, how, applied, generation, problem, changes, .. } = entry;
    let time = time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S");
    let number = match (applied, kept) {
        (true, true) => format!("{generation} *"),
        (true, false) => format!("{generation}  "),
        (false, _) => "refused".to_owned(),
    };
    let mut text = format!("{number:>7}  {time}  {how} by {who}\n");
    let told = problem.iter().chain(changes);
    told.for_each(|line| text.push_str(&format!("{:9}{line}\n", "")));
    if problem.is_none() && changes.is_empty() {
        text.push_str("         nothing changed\n");
    }
    text
}
