//! A mistake, or what is surely wrong: what, where, and what to write instead.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::text::{Place, Text};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// Legal, but surely not what was meant.
    Warning,
}

/// One mistake. Serialized, it is `severity file line column message hint`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    #[serde(serialize_with = "as_text")]
    pub file: Arc<Path>,
    /// The line, from 1.
    pub line: u32,
    /// The column, in characters from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// The line it stands in; absent where the file could not be read.
    #[serde(skip)]
    pub excerpt: Option<Excerpt>,
}

/// A line of a file, or the part of a long one, with a mark in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Excerpt {
    /// The text; passwords in URLs are starred out.
    pub text: String,
    /// The bytes of `text` that are meant.
    pub span: Range<usize>,
    /// Whether `text` is the whole line.
    pub whole: bool,
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Problems {
    found: RefCell<Vec<Problem>>,
    /// Lines that are not TOML: what is read from them is not judged again.
    broken: RefCell<HashSet<(Arc<Path>, u32)>>,
    orphans: RefCell<Vec<Orphans>>,
    errors: Cell<usize>,
    unsaid: Cell<usize>,
}

/// The lines under a header that is wrong: their keys stand in another table than was meant.
struct Orphans {
    file: Arc<Path>,
    lines: Range<u32>,
    /// What the header says after its brackets.
    header: String,
    /// The header is not even TOML, so that there is no such table.
    lost: bool,
}

/// More than anybody reads; beyond it they are only counted, so that a file of rubbish cannot fill the memory.
const MOST: usize = 1_000;

/// A longer line is kept in part, so that many problems in one endless line cannot fill the memory.
const EXCERPT_BYTES: usize = 4_096;
/// How many characters of it are kept: about what a wide terminal shows.
const EXCERPT_CHARS: usize = 160;
/// How many of them stand before the mark.
const EXCERPT_BEFORE: usize = 60;

impl Problems {
    /// Records a mistake.
    pub(super) fn error(&self, at: &Place, message: impl Into<String>, hint: impl Into<String>) {
        self.add(Severity::Error, at, &message.into(), &hint.into());
    }

    /// Records what is surely wrong.
    pub(super) fn warning(&self, at: &Place, message: impl Into<String>, hint: impl Into<String>) {
        self.add(Severity::Warning, at, &message.into(), &hint.into());
    }

    /// Records a mistake of syntax. What else is found in that line is its consequence and is left out. Where the line
    /// is a header, `lost` tells that its table was not read.
    pub(super) fn syntax(&self, at: &Place, message: impl Into<String>, hint: impl Into<String>, lost: bool) {
        self.add(Severity::Error, at, &message.into(), &hint.into());
        let (file, line) = (at.text.file.clone(), at.line());
        if self.broken.borrow().len() >= MOST {
            return;
        }
        let first = self.broken.borrow_mut().insert((file.clone(), line));
        let header = at.text.line_text(line).1.trim_start();
        if first && header.starts_with('[') {
            let header = header.trim_start_matches('[').trim_start().to_owned();
            self.orphans.borrow_mut().push(Orphans { file, lines: line..at.text.next_header(line), header, lost });
        }
    }

    /// Records a key that its table does not have; not if it only got there because its own header is wrong.
    pub(super) fn unknown_key(&self, at: &Place, message: impl Into<String>, hint: impl Into<String>) {
        let (file, line) = (&at.text.file, at.line());
        if !self.orphans.borrow().iter().any(|orphans| orphans.file == *file && orphans.lines.contains(&line)) {
            self.error(at, message, hint);
        }
    }

    /// Whether a header that is lost was most likely that of a table of this kind.
    pub(super) fn lost_header(&self, kind: &str) -> bool {
        self.orphans.borrow().iter().any(|orphans| orphans.lost && orphans.header.starts_with(kind))
    }

    /// Whether a line of this file that is not TOML begins with a key, which therefore is not missing.
    pub(super) fn broken_key(&self, text: &Text, key: &str) -> bool {
        let broken = self.broken.borrow();
        broken.iter().any(|(file, line)| *file == text.file && text.line_text(*line).1.trim_start().starts_with(key))
    }

    /// Whether nothing more is written out, so that hints need not be sought.
    pub(super) fn full(&self) -> bool {
        self.found.borrow().len() >= MOST
    }

    /// Records that a file could not be read at all.
    pub(super) fn unreadable(&self, file: &Arc<Path>, message: String, hint: impl Into<String>) {
        let (file, hint) = (file.clone(), hint.into());
        let problem = Problem { severity: Severity::Error, file, line: 1, column: 1, message, hint, excerpt: None };
        self.errors.set(self.errors.get() + 1);
        self.found.borrow_mut().push(problem);
    }

    /// How many mistakes there are so far. Where reading a part adds to them, what that part says is not to be trusted.
    pub(super) fn errors(&self) -> usize {
        self.errors.get()
    }

    /// All of them, by file in the order of reading, then by line and column.
    pub(super) fn into_sorted(self, files: &[Arc<Path>]) -> Vec<Problem> {
        let unsaid = self.unsaid.get();
        let mut found = self.found.into_inner();
        let order = |problem: &Problem| files.iter().position(|file| *file == problem.file).unwrap_or(files.len());
        found.sort_by_cached_key(|problem| (order(problem), problem.line, problem.column, problem.severity));
        // A list that two categories name is read twice.
        found.dedup();
        if let Some(last) = found.last().filter(|_| unsaid > 0) {
            found.push(Problem {
                severity: Severity::Error,
                message: format!("{unsaid} more problems are not listed"),
                hint: "mend some of those above, then check again".to_owned(),
                excerpt: None,
                ..last.clone()
            });
        }
        found
    }

    fn add(&self, severity: Severity, at: &Place, message: &str, hint: &str) {
        let line = at.line();
        let file = at.text.file.clone();
        self.errors.set(self.errors.get() + usize::from(severity == Severity::Error));
        if self.full() {
            // Warnings beyond the bound must not turn a usable configuration into a refused one.
            self.unsaid.set(self.unsaid.get() + usize::from(severity == Severity::Error));
            return;
        }
        if self.broken.borrow().contains(&(file.clone(), line)) {
            return;
        }
        let (start, text) = at.text.line_text(line);
        let from = floor(text, at.span.start.saturating_sub(start));
        let to = floor(text, at.span.end.saturating_sub(start)).max(from);
        let column = u32::try_from(text[..from].chars().count() + 1).unwrap_or(u32::MAX);
        let excerpt = Some(Excerpt::of(text, from..to));
        let (message, hint) = (without_passwords(message), without_passwords(hint));
        self.found.borrow_mut().push(Problem { severity, file, line, column, message, hint, excerpt });
    }
}

impl Excerpt {
    fn of(line: &str, span: Range<usize>) -> Self {
        let line = without_passwords(line);
        if line.len() <= EXCERPT_BYTES {
            return Excerpt { text: line, span, whole: true };
        }
        let front = line[..span.start].char_indices().rev().nth(EXCERPT_BEFORE).map_or(0, |(at, _)| at);
        let back = line[front..].char_indices().nth(EXCERPT_CHARS).map_or(line.len(), |(at, _)| front + at);
        let dots = if front > 0 { "…" } else { "" };
        let shift = |at: usize| at.clamp(front, back) - front + dots.len();
        let text = format!("{dots}{}{}", &line[front..back], if back < line.len() { "…" } else { "" });
        Excerpt { text, span: shift(span.start)..shift(span.end), whole: false }
    }
}

/// Stars out the password of `scheme://user:password@host`, byte for byte, so that an excerpt can be logged and its
/// mark stays where it is.
fn without_passwords(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (front, back) = rest.split_at(at + 3);
        out.push_str(front);
        let end = back.find(['"', '\'']).unwrap_or(back.len());
        let login = back[..end].rfind('@').unwrap_or(0);
        let user = back[..login].find(':').map_or(login, |colon| colon + 1);
        out.push_str(&back[..user]);
        out.extend(std::iter::repeat_n('*', login - user));
        rest = &back[login..];
    }
    out.push_str(rest);
    out
}

/// The nearest character boundary at or before a byte.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn as_text<S: Serializer>(file: &Arc<Path>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&file.display())
}

impl Problem {
    /// Whether the configuration cannot be used with it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// One line, for a log: `policy.toml:12:3: message; hint`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file.display(), self.line, self.column, self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "; {}", self.hint) }
    }
}
