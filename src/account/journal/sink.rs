//! Where the lines of the access log go.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::account::journald::{Entry, Journald};
use crate::account::spec::Access;

/// Who an entry of the access log is from, in the journal of systemd: `journalctl -t clearway-access -o cat`.
const IDENTIFIER: &str = "clearway-access";
/// What syslog(3) calls `info`.
const INFO: &str = "6";

/// Device and inode of a file.
pub(super) type Identity = (u64, u64);

/// It is open.
pub(super) enum Sink {
    Stdout,
    Journald(Journald),
    File(File),
}

impl Sink {
    /// Opens it; a file has an identity.
    pub(super) fn open(access: &Access) -> io::Result<(Sink, Option<Identity>)> {
        Ok(match access {
            Access::Stdout => (Sink::Stdout, None),
            Access::Journald => (Sink::Journald(Journald::open()?), None),
            Access::File(path) => {
                let file = open_file(path)?;
                let about = file.metadata()?;
                (Sink::File(file), Some((about.dev(), about.ino())))
            }
        })
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    // Names of hosts are in it: not for everybody on the machine.
    File::options().append(true).create(true).mode(0o640).open(path)
}

/// Hands the first line over as an entry. Lines are whole here: only a file is ever left in the middle of one.
fn enter(journald: &Journald, lines: &[u8]) -> io::Result<usize> {
    let end = lines.iter().position(|byte| *byte == b'\n').unwrap_or(lines.len());
    let line = String::from_utf8_lossy(lines.get(..end).unwrap_or_default());
    let entry = Entry::default().with("MESSAGE", &line).with("PRIORITY", INFO).with("SYSLOG_IDENTIFIER", IDENTIFIER);
    journald.send(&entry)?;
    Ok((end + 1).min(lines.len()))
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Stdout => io::stdout().lock().write(bytes),
            Sink::Journald(journald) => enter(journald, bytes),
            Sink::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::Stdout => io::stdout().lock().flush(),
            Sink::Journald(_) => Ok(()),
            Sink::File(file) => file.flush(),
        }
    }
}
