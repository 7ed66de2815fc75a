//! Where what the process says goes.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};

use jiff::Timestamp;
use tracing::Level;

use super::line::Told;
use crate::account::Journald;
use crate::config::LogPlace;

/// A place.
#[derive(Debug)]
pub enum Sink {
    /// A person's screen; with colours or without.
    Terminal(bool),
    /// A standard error that journald reads.
    Stream,
    /// Any other standard error.
    Plain,
    /// journald.
    Journald(Journald),
    /// A file.
    File(File),
}

impl Sink {
    /// Standard error, as whoever reads it wants to have it.
    pub fn stderr() -> Sink {
        if is_journal_stream() {
            Sink::Stream
        } else if io::stderr().is_terminal() {
            // <https://no-color.org>
            Sink::Terminal(std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
        } else {
            Sink::Plain
        }
    }

    /// What a configuration names, opened.
    ///
    /// # Errors
    /// Where the file cannot be opened, or no journald listens.
    pub fn open(place: &LogPlace) -> io::Result<Sink> {
        match place {
            LogPlace::Stderr => Ok(Sink::stderr()),
            // What a flow's thread says must not wait for a journald that stands still.
            LogPlace::Journald => Journald::open_hasty().map(Sink::Journald),
            LogPlace::File(path) => {
                if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                    fs::create_dir_all(folder)?;
                }
                File::options().append(true).create(true).mode(0o640).open(path).map(Sink::File)
            }
        }
    }

    /// Writes an event.
    ///
    /// # Errors
    /// What the place said.
    pub fn write(&self, told: &Told, level: Level, at: Timestamp) -> io::Result<()> {
        let stderr = |line: String| io::stderr().lock().write_all(line.as_bytes());
        match self {
            Sink::Terminal(true) => stderr(told.coloured(level, at)),
            Sink::Terminal(false) | Sink::Plain => stderr(told.line(level, at)),
            Sink::Stream => stderr(told.prefixed(level)),
            Sink::Journald(journald) => journald.send(&told.entry(level)),
            // One call, so that lines of two threads do not mix.
            Sink::File(file) => (&*file).write_all(told.line(level, at).as_bytes()),
        }
    }
}

/// Whether standard error is the stream that systemd made for it (systemd.exec(5), JOURNAL_STREAM), and not one that was put
/// in its place since.
fn is_journal_stream() -> bool {
    let named = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    let own = io::stderr().as_fd().try_clone_to_owned().map(File::from).and_then(|file| file.metadata());
    own.is_ok_and(|about| named == format!("{}:{}", about.dev(), about.ino()))
}
