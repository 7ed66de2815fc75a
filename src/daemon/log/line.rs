//! How an event reads: as a line for people, or as an entry of systemd's journal with a field for each of its own.

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use tracing::Level;
use tracing::field::{Field, Visit};

use crate::account::Entry;

/// An event, taken apart.
#[derive(Debug, Default)]
pub struct Told {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Told {
    /// What an event holds.
    pub fn of(event: &tracing::Event<'_>) -> Told {
        let mut told = Told::default();
        event.record(&mut told);
        told
    }

    /// `reloaded generation=4 warnings=0`, on one line, whatever others wrote into it.
    fn text(&self) -> String {
        let mut text = self.message.clone();
        for (name, value) in &self.fields {
            let _ = write!(text, " {name}={value}");
        }
        text.trim_start().replace(char::is_control, "\u{fffd}")
    }

    /// For a file, or a standard error that nobody adds a time to.
    pub fn line(&self, level: Level, at: Timestamp) -> String {
        format!("{at:.6} {level:>5} {}\n", self.text())
    }

    /// For a terminal.
    pub fn coloured(&self, level: Level, at: Timestamp) -> String {
        // The usual colours of the eight that every terminal has.
        let colour = match level {
            Level::ERROR => 31,
            Level::WARN => 33,
            Level::INFO => 32,
            _ => 34,
        };
        format!("\x1b[2m{at:.6}\x1b[0m \x1b[{colour}m{level:>5}\x1b[0m {}\n", self.text())
    }

    /// For a standard error that journald reads: it has the time itself, and takes the level from the front (sd-daemon(3)).
    pub fn prefixed(&self, level: Level) -> String {
        format!("<{}>{}\n", priority(level), self.text())
    }

    /// For journald itself: `journalctl CLEARWAY_GENERATION=4` finds it again.
    pub fn entry(&self, level: Level) -> Entry {
        let mut entry = Entry::default().with("MESSAGE", &self.text()).with("PRIORITY", &priority(level).to_string());
        entry.add("SYSLOG_IDENTIFIER", "clearway");
        for (name, value) in &self.fields {
            entry.add(&format!("CLEARWAY_{name}"), value);
        }
        entry
    }
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else {
            self.fields.push((field.name(), format!("{value:?}")));
        }
    }
}

/// The number of syslog(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_reads_as_each_place_wants_it() {
        let told = Told {
            message: "reloaded\u{1b}[2J".to_owned(),
            fields: vec![("generation", "4".to_owned()), ("path", "\"a\nb\"".to_owned())],
        };
        let at = "2026-11-24T12:00:00Z".parse().unwrap();
        let text = "reloaded\u{fffd}[2J generation=4 path=\"a\u{fffd}b\"";
        assert_eq!(told.line(Level::WARN, at), format!("2026-11-24T12:00:00.000000Z  WARN {text}\n"));
        assert_eq!(told.prefixed(Level::ERROR), format!("<3>{text}\n"));
        assert!(told.coloured(Level::INFO, at).contains("\x1b[32m INFO\x1b[0m reloaded"));
        let entry = Entry::default().with("MESSAGE", text).with("PRIORITY", "6").with("SYSLOG_IDENTIFIER", "clearway");
        let entry = entry.with("CLEARWAY_GENERATION", "4").with("CLEARWAY_PATH", "\"a\nb\"");
        assert_eq!(told.entry(Level::INFO), entry);
    }
}
