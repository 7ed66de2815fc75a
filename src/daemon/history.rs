//! Who changed what: an entry for every configuration that was put in force or refused, a line of JSON each in
//! `history.jsonl` of the state directory. Each entry holds the SHA-256 of the line before, so that nobody can change,
//! add or take away one in the middle unseen.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::{Change, Generation, Generations, Kept, sha256, sha256_of};

/// So many changes of one entry are written out; the rest is counted.
const CHANGES: usize = 40;

/// What happened once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub time: Timestamp,
    /// Who had it done: a user of this machine, a signal, or the gateway itself.
    pub who: String,
    /// By what: `start`, `reload`, `lists fetched`, `rollback to 41`.
    pub how: String,
    /// Whether it was put in force.
    pub applied: bool,
    /// The generation that was in force after it.
    pub generation: u64,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What changed, a line each.
    pub changes: Vec<String>,
    /// What was read, and the SHA-256 of each file.
    pub files: Vec<(PathBuf, String)>,
    /// The SHA-256 of the line before; the first has none.
    pub previous: Option<String>,
}

/// A line of the history as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The entry; `None` where the line cannot be read.
    pub entry: Option<Entry>,
    /// Whether it follows what stands before it.
    pub follows: bool,
    /// The SHA-256 of the line.
    pub sha256: String,
}

/// The history of a state directory.
#[derive(Clone, Debug)]
pub struct History {
    path: PathBuf,
}

impl History {
    /// That of a state directory.
    pub fn of(state_dir: &Path) -> History {
        History { path: state_dir.join("history.jsonl") }
    }

    /// Every line, the oldest first.
    ///
    /// # Errors
    /// Those of reading; where there is no history yet, it is empty.
    pub fn read(&self) -> io::Result<Vec<Found>> {
        let text = match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            text => text?,
        };
        let mut found: Vec<Found> = Vec::new();
        for line in text.split(|octet| *octet == b'\n').filter(|line| !line.is_empty()) {
            let entry: Option<Entry> = serde_json::from_slice(line).ok();
            let before = found.last().map(|before| &before.sha256);
            let follows = entry.as_ref().is_some_and(|entry| entry.previous.as_ref() == before);
            found.push(Found { entry, follows, sha256: sha256_of(line) });
        }
        Ok(found)
    }

    /// Whether the last entry says of a refusal what this one does: who tries every few seconds to start in vain fills no
    /// disk with it.
    pub(super) fn repeats(&self, entry: &Entry) -> bool {
        let found = self.read().unwrap_or_default();
        let last = found.last().and_then(|found| found.entry.as_ref());
        last.is_some_and(|last| {
            (&last.who, &last.how, &last.problem) == (&entry.who, &entry.how, &entry.problem)
                && !last.applied
                && !entry.applied
                && last.files == entry.files
        })
    }

    /// Writes an entry behind the last, and gives its line's SHA-256. A line that a crash cut short stays, and is told of.
    ///
    /// # Errors
    /// Those of reading and writing.
    pub(super) fn append(&self, entry: Entry) -> io::Result<String> {
        let mut file = File::options().read(true).append(true).create(true).mode(0o600).open(&self.path)?;
        let last = last_line(&mut file)?;
        let torn = last.last().is_some_and(|octet| *octet != b'\n');
        let last = last.strip_suffix(b"\n").unwrap_or(&last);
        let previous = (!last.is_empty()).then(|| sha256_of(last));
        let line = serde_json::to_string(&Entry { previous, ..entry })?;
        let start = if torn { "\n" } else { "" };
        file.write_all(format!("{start}{line}\n").as_bytes())?;
        file.sync_data()?;
        Ok(sha256_of(line.as_bytes()))
    }
}

/// The generation that was in force at a time, as the history has it.
pub fn in_force(found: &[Found], at: Timestamp) -> Option<u64> {
    let mut applied = found.iter().rev().filter_map(|found| found.entry.as_ref()).filter(|entry| entry.applied);
    applied.find(|entry| entry.time <= at).map(|entry| entry.generation)
}

/// The number of the last generation that the history knows, or of which files are kept. What cannot be read is no reason
/// not to carry clinical traffic.
pub(super) fn last_number(state_dir: &Path) -> u64 {
    let history = History::of(state_dir).read();
    let found = history.inspect_err(|error| tracing::error!(%error, "the history cannot be read")).unwrap_or_default();
    let known = found.iter().filter_map(|found| found.entry.as_ref()).map(|entry| entry.generation);
    let kept = Generations::of(state_dir).kept();
    let kept = kept.inspect_err(|error| tracing::error!(%error, "the kept generations cannot be read"));
    let kept = kept.unwrap_or_default();
    known.chain(kept.iter().map(|kept| kept.number)).max().unwrap_or_default().min(u64::MAX / 2)
}

/// What changed, as an entry has it: in words where there are any, then the files.
pub(super) fn changes(change: Option<&Change>, files: Vec<String>) -> Vec<String> {
    let lines = change.map(Change::lines).unwrap_or_default().into_iter().map(|(what, told)| format!("{what} {told}"));
    some(lines.chain(files).collect())
}

/// The files that are not as they were in the generation before.
pub(super) fn changed_files(old: Option<&Generation>, new: &Generation) -> Vec<String> {
    let before = old.map_or(&[][..], |old| &old.files);
    let told = |file: &Kept| {
        let was = before.iter().find(|kept| kept.path == file.path);
        let what = match was {
            Some(was) if was.sha256 == file.sha256 => return None,
            Some(_) => "changed",
            None => "new",
        };
        Some(format!("{what} file {}", new.name(file).display()))
    };
    let gone = before.iter().filter(|kept| !new.files.iter().any(|file| file.path == kept.path));
    let gone = gone.map(|kept| format!("gone file {}", new.name(kept).display()));
    new.files.iter().filter_map(told).chain(gone).collect()
}

fn some(mut lines: Vec<String>) -> Vec<String> {
    if lines.len() > CHANGES {
        let more = lines.len() - CHANGES;
        lines.truncate(CHANGES);
        lines.push(format!("and {more} more"));
    }
    lines
}

/// The files that were looked at, with what each holds. One that is gone has no hash and is left out.
pub(super) fn hashes<'a>(files: impl Iterator<Item = &'a Path>) -> Vec<(PathBuf, String)> {
    // A pipe would wait for its other end.
    let regular = files.filter(|file| file.is_file());
    regular.filter_map(|file| Some((file.to_owned(), sha256(file).ok()?))).collect()
}

/// The last line with its end, if it has one.
fn last_line(file: &mut File) -> io::Result<Vec<u8>> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut size = 4096;
    loop {
        let from = length.saturating_sub(size);
        file.seek(SeekFrom::Start(from))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let inner = text.strip_suffix(b"\n").unwrap_or(&text);
        match inner.iter().rposition(|octet| *octet == b'\n') {
            Some(end) => return Ok(text.split_off(end + 1)),
            None if from == 0 => return Ok(text),
            None => size *= 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(generation: u64) -> Entry {
        Entry {
            time: Timestamp::from_second(1_790_000_000 + i64::try_from(generation).unwrap()).unwrap(),
            who: "rhian".into(),
            how: "reload".into(),
            applied: true,
            generation,
            problem: None,
            changes: vec!["new ".to_owned() + &"x".repeat(9_000)],
            files: Vec::new(),
            previous: None,
        }
    }

    #[test]
    fn entries_follow_each_other_and_whoever_changes_one_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let history = History::of(dir.path());
        assert_eq!(history.read().unwrap(), []);
        let hashes: Vec<String> = (1..=5).map(|number| history.append(entry(number)).unwrap()).collect();
        let found = history.read().unwrap();
        assert!(found.iter().all(|found| found.follows));
        assert_eq!(found.iter().map(|found| &found.sha256).collect::<Vec<_>>(), hashes.iter().collect::<Vec<_>>());
        assert_eq!((in_force(&found, found[2].entry.as_ref().unwrap().time), last_number(dir.path())), (Some(3), 5));

        let text = fs::read_to_string(&history.path).unwrap();
        let broken = |text: &str| {
            fs::write(&history.path, text).unwrap();
            history.read().unwrap().iter().map(|found| u8::from(!found.follows)).collect::<Vec<_>>()
        };
        assert_eq!(broken(&text.replacen("rhian", "nobody", 1)), [0, 1, 0, 0, 0], "the first was changed");
        let without = |at: usize| {
            let lines = text.lines().enumerate().filter(|(line, _)| *line != at);
            lines.map(|(_, line)| format!("{line}\n")).collect::<String>()
        };
        assert_eq!(broken(&without(0)), [1, 0, 0, 0], "the first was taken away");
        assert_eq!(broken(&without(2)), [0, 0, 1, 0], "one was taken away");

        // A crash in the middle of a line.
        assert_eq!(broken(&text[..text.len() - 30]), [0, 0, 0, 0, 1]);
        history.append(entry(6)).unwrap();
        let found = history.read().unwrap();
        let shape: Vec<_> = found.iter().map(|found| (found.entry.is_some(), found.follows)).collect();
        assert_eq!(shape[3..], [(true, true), (false, false), (true, true)]);
    }

    #[test]
    fn what_is_told_of_a_change_has_an_end() {
        let lines = some((0..100).map(|line| line.to_string()).collect());
        assert_eq!((lines.len(), &*lines[CHANGES]), (CHANGES + 1, "and 60 more"));
    }
}
