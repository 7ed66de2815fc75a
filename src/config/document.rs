//! From a text to a TOML document. The parser recovers from most mistakes by itself; where it would take the next
//! lines for part of a broken one, those lines are blanked and the rest is parsed again.

use std::ops::Range;
use std::sync::Arc;

use toml::de::{DeTable, Error};

use super::problem::Problems;
use super::text::{Place, Text};

/// A larger file of TOML was not written by a person; its lists belong in list files.
const LARGEST: usize = 4 << 20;

/// So many misleading mistakes are mended, each at the cost of a parse; nobody mends more at once.
const MENDED: usize = 50;

/// So many mistakes of one parse are looked at: more than are ever shown.
const LISTED: usize = 1_000;

/// What the parser says of a key or header that was there before.
const DUPLICATE: &str = "duplicate key";

/// Records every mistake of syntax, and gives what could be parsed.
pub(super) fn parse<'t>(problems: &Problems, text: &'t Arc<Text>) -> DeTable<'t> {
    if text.text.len() > LARGEST {
        let message = "the file is larger than 4 MiB".to_owned();
        problems.unreadable(&text.file, message, "keep names by the thousand in list files");
        return DeTable::new();
    }
    let mut kept = text.text.clone();
    for _ in 0..MENDED {
        match record(problems, text, &kept) {
            Some(misleading) => blank(text, &mut kept, misleading),
            None => break,
        }
    }
    DeTable::parse_recoverable(text.keep(kept)).0.into_inner()
}

/// Records the mistakes up to the first that misleads the parser about other lines, and gives the lines that do.
fn record(problems: &Problems, text: &Arc<Text>, kept: &str) -> Option<Range<u32>> {
    let mut errors = DeTable::parse_recoverable(kept).1;
    errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
    // Under a header that is there twice, keys that are there twice are no mistake of their own.
    let mut doubled = 0..0;
    for error in errors.iter().take(LISTED) {
        let span = error.span().unwrap_or(0..0);
        let line = text.line(span.start);
        if error.message() == DUPLICATE {
            if doubled.contains(&line) {
                continue;
            }
            if text.line_text(line).1.trim_start().starts_with('[') {
                doubled = line..text.next_header(line);
            }
        }
        let blame = blame(text, kept, error, span);
        let (message, hint) = blame.said.unwrap_or_else(|| said(error.message()));
        problems.syntax(&Place::new(text, blame.span), message, hint, error.message() != DUPLICATE);
        if blame.misleading.is_some() {
            return blame.misleading;
        }
    }
    None
}

/// What a mistake is to be blamed on.
struct Blame {
    span: Range<usize>,
    /// Better than what the parser says.
    said: Option<(String, String)>,
    /// The lines that mislead the parser about others.
    misleading: Option<Range<u32>>,
}

fn blame(text: &Text, kept: &str, error: &Error, span: Range<usize>) -> Blame {
    let line = text.line(span.start);
    let (start, here) = text.line_text(line);
    let first = start + here.len() - here.trim_start().len();
    let (message, header) = (error.message(), here.trim_start().starts_with('['));
    let in_value = ["array", "inline table", "key-value pairs"].iter().any(|part| message.contains(part));
    let next_statement = span.start <= first && (header || key(here).is_some());
    // An open list or inline table swallows the lines after it, until the first that cannot be part of it.
    if !message.starts_with("unclosed table") && in_value && (next_statement || span.start >= kept.trim_end().len()) {
        let before = (1..line).rev().find(|line| key(in_text(kept, text, *line)).is_some());
        if let Some(opened) = before {
            let (start, statement) = text.line_text(opened);
            let from = start + statement.find(['[', '{']).unwrap_or(0);
            let said = ("not TOML: what begins here is not closed".to_owned(), "end it with `]` or `}`".to_owned());
            let span = from..start + statement.trim_end().len();
            return Blame { span, said: Some(said), misleading: Some(opened..line) };
        }
    }
    // An open string of several lines swallows the rest of the file; nothing can be its end, so it begins at the last.
    if message.starts_with("invalid multi-line") {
        let quotes = if message.contains("literal") { "'''" } else { "\"\"\"" };
        if let Some(from) = kept.rfind(quotes).filter(|_| span.start >= kept.trim_end().len()) {
            let said =
                ("not TOML: the string that begins here is not closed".to_owned(), format!("end it with `{quotes}`"));
            let line = text.line(from);
            return Blame { span: from..from + quotes.len(), said: Some(said), misleading: Some(line..line + 1) };
        }
    }
    let misleading = match (header, message) {
        (_, DUPLICATE) => None,
        // Looking for the end of a broken header, the parser takes that of the next table for it.
        (true, _) => Some(line..text.next_header(line)),
        // The parser gives up at a key without `=`.
        (false, said) => said.starts_with("key with no value").then_some(line..line + 1),
    };
    let nothing = span.is_empty() && message.starts_with("string values");
    let said = nothing.then(|| ("not TOML: no value".to_owned(), "write `key = value`".to_owned()));
    Blame { span, said, misleading }
}

/// The key that a line begins with, if it is a line such as `key = value`.
fn key(line: &str) -> Option<&str> {
    let (key, _) = line.split_once('=')?;
    let key = key.trim();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '"' | '\'');
    // `"=example.org",` is an item of a list.
    (key.contains(char::is_alphanumeric) && key.chars().all(plain)).then_some(key)
}

/// A line as it was kept.
fn in_text<'k>(kept: &'k str, text: &Text, line: u32) -> &'k str {
    let (start, whole) = text.line_text(line);
    kept.get(start..start + whole.len()).unwrap_or_default()
}

/// Blanks lines; every byte that is left stands where it stood.
fn blank(text: &Text, kept: &mut String, lines: Range<u32>) {
    let from = text.line_text(lines.start).0;
    let to = text.line_text(lines.end).0.max(from);
    let Some(part) = kept.get(from..to) else { return };
    let blanks: String = part.bytes().map(|b| if matches!(b, b'\n' | b'\r') { char::from(b) } else { ' ' }).collect();
    kept.replace_range(from..to, &blanks);
}

/// The parser's message, and a hint that fits it.
fn said(message: &str) -> (String, String) {
    let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let hint = match (what, expected) {
        (DUPLICATE, _) => {
            "a key stands once in a table, and a table once in a file; several of one kind are `[[name]]`"
        }
        ("string values must be quoted", _) => "put the value in quotes: `key = \"value\"`",
        ("key with no value", _) => "write `key = value`, or put `#` before a comment",
        (_, "") => "for example `key = \"value\"` under a line `[table]`",
        (_, expected) => return (format!("not TOML: {what}"), format!("expected {expected}")),
    };
    (format!("not TOML: {what}"), hint.to_owned())
}
