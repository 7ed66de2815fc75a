//! The faces that clients and users have in the log: keyed hashes, whose key changes at local midnight and never
//! leaves the gateway. The same client on the same day has the same face, so that ops can follow one trouble; across
//! days, and without the key, nobody can.

use std::fs;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foldhash::HashMap;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use crate::base::Calendar;

/// The file in `state_dir` that lets a restart keep the day's key.
pub const FILE: &str = "pseudonym.key";

/// A clock that is set back by less than this over midnight keeps its key: NTP's slews and the order in which threads
/// look at the clock must not make two keys for one day.
const BACK: SignedDuration = SignedDuration::from_mins(5);

/// The faces of one day, and what is needed to make the next day's.
pub struct Pseudonyms {
    file: PathBuf,
    calendar: Calendar,
    day: Option<Day>,
}

/// The key of one day.
struct Day {
    from: Timestamp,
    until: Timestamp,
    /// `None` when the system gave no random bytes: then every face is the same one.
    key: Option<hmac::Key>,
    /// Those of clients that were asked for, so that one with many flows is not hashed for each.
    clients: HashMap<IpAddr, Arc<str>>,
}

/// Clients whose faces are kept; more than a large hospital has. When there are more, keeping begins anew.
const KEPT: usize = 50_000;

/// Why a stored key is not used.
#[derive(Debug, thiserror::Error)]
enum KeyError {
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("is not a date and 64 hexadecimal digits")]
    Syntax,
    #[error("could be read by others (mode {0:o})")]
    Mode(u32),
}

impl Pseudonyms {
    /// Faces whose key is kept in `state_dir`. Reads nothing yet.
    pub fn new(state_dir: &Path, calendar: Calendar) -> Self {
        Pseudonyms { file: state_dir.join(FILE), calendar, day: None }
    }

    /// Another calendar; the key stays where the date does.
    pub fn follow(&mut self, calendar: Calendar) {
        if self.calendar != calendar {
            self.calendar = calendar;
            self.day = None;
        }
    }

    /// The face of a client at a moment: `c-` and 64 bits in hex.
    pub fn client(&mut self, at: Timestamp, address: IpAddr) -> Arc<str> {
        let day = self.day(at);
        if let Some(face) = day.clients.get(&address) {
            return Arc::clone(face);
        }
        let face: Arc<str> = day.face("c-", &address.to_canonical().to_string()).into();
        if day.clients.len() >= KEPT {
            day.clients.clear();
        }
        day.clients.insert(address, Arc::clone(&face));
        face
    }

    /// The face of a user at a moment: `u-` and 64 bits in hex. Case does not matter, as in groups.
    pub fn user(&mut self, at: Timestamp, login: &str) -> String {
        self.day(at).face("u-", &login.to_lowercase())
    }

    fn day(&mut self, at: Timestamp) -> &mut Day {
        let kept =
            self.day.take().filter(|day| at < day.until && at >= day.from.saturating_sub(BACK).unwrap_or(day.from));
        let day = match kept {
            Some(day) => day,
            None => self.begin(at),
        };
        self.day.insert(day)
    }

    /// The key of the date at a moment: the stored one if it is that date's, else a new one.
    fn begin(&self, at: Timestamp) -> Day {
        let date = self.calendar.local(at).date();
        let from = self.calendar.midnight(date).unwrap_or(at);
        let until = date.tomorrow().ok().and_then(|next| self.calendar.midnight(next)).unwrap_or(Timestamp::MAX);
        let stored = match read(&self.file) {
            Ok(stored) => stored.filter(|(of, _)| *of == date).map(|(_, secret)| secret),
            Err(why) => {
                tracing::warn!(side = "proxy", file = %self.file.display(), "the day's pseudonym key {why}; a new one is made");
                None
            }
        };
        let secret = stored.or_else(|| {
            let mut fresh = [0_u8; 32];
            if SystemRandom::new().fill(&mut fresh).is_err() {
                tracing::error!(side = "proxy", "the system gives no random bytes; clients are not told apart in the log");
                return None;
            }
            if let Err(why) = write(&self.file, date, &fresh) {
                tracing::warn!(side = "proxy", file = %self.file.display(), "cannot keep the day's pseudonym key: {why}; a restart makes another");
            }
            Some(fresh)
        });
        let clients = HashMap::default();
        Day { from, until, clients, key: secret.map(|secret| hmac::Key::new(hmac::HMAC_SHA256, &secret)) }
    }
}

impl Day {
    fn face(&self, prefix: &str, text: &str) -> String {
        let Some(key) = &self.key else {
            return format!("{prefix}hidden");
        };
        let mut context = hmac::Context::with_key(key);
        context.update(prefix.as_bytes());
        context.update(text.as_bytes());
        let tag = context.sign();
        // 64 bits: two of 10,000 people share a face once in 370 billion days.
        format!("{prefix}{}", hex(tag.as_ref().get(..8).unwrap_or_default()))
    }
}

fn read(file: &Path) -> Result<Option<(Date, [u8; 32])>, KeyError> {
    let about = match fs::metadata(file) {
        Ok(about) => about,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mode = about.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Mode(mode));
    }
    if !about.is_file() || about.len() > 128 {
        return Err(KeyError::Syntax); // ours has 76 bytes
    }
    let bytes = fs::read(file)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| KeyError::Syntax)?;
    let (date, digits) = text.trim_end().split_once(' ').ok_or(KeyError::Syntax)?;
    let date = date.parse().map_err(|_| KeyError::Syntax)?;
    Ok(Some((date, unhex(digits).ok_or(KeyError::Syntax)?)))
}

/// Beside the old one first, then in its place, so that a crash leaves one or the other whole.
fn write(file: &Path, date: Date, secret: &[u8]) -> io::Result<()> {
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent)?;
    }
    let beside = file.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    writeln!(out, "{date} {}", hex(secret))?;
    out.sync_all()?;
    fs::rename(&beside, file)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(digits: &str) -> Option<[u8; 32]> {
    if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut secret = [0; 32];
    for (at, byte) in secret.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    fn london() -> Calendar {
        Calendar { zone: TimeZone::get("Europe/London").unwrap(), bank_holidays: [].into() }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_face_lasts_from_midnight_to_midnight_of_the_calendar() {
        let home = tempfile::tempdir().unwrap();
        let mut faces = Pseudonyms::new(home.path(), london());
        let address = "10.1.2.3".parse().unwrap();
        // Summer time: local midnight is 23:00 UTC.
        let morning = faces.client(at("2026-07-01T06:00:00Z"), address);
        assert_eq!(morning, faces.client(at("2026-07-01T22:59:59Z"), address));
        assert_eq!(morning, faces.client(at("2026-07-01T12:00:00Z"), "::ffff:10.1.2.3".parse().unwrap()));
        assert_ne!(morning, faces.client(at("2026-07-01T12:00:00Z"), "10.1.2.4".parse().unwrap()));
        let next = faces.client(at("2026-07-01T23:00:00Z"), address);
        assert_ne!(morning, next);
        assert_eq!(next, faces.client(at("2026-07-01T22:58:00Z"), address), "a clock slewed back makes no third key");
    }

    #[test]
    fn more_clients_than_are_kept_still_have_one_face_each() {
        let home = tempfile::tempdir().unwrap();
        let mut faces = Pseudonyms::new(home.path(), london());
        let now = at("2026-11-24T12:00:00Z");
        let first = IpAddr::from([10, 0, 0, 0]);
        let face = faces.client(now, first);
        for number in 1..=u32::try_from(KEPT).unwrap() {
            faces.client(now, std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into());
        }
        let kept = &faces.day(now).clients;
        assert!(kept.len() <= KEPT && !kept.contains_key(&first), "{}", kept.len());
        assert_eq!(faces.client(now, first), face);
    }

    #[test]
    fn faces_have_a_prefix_and_64_bits_and_do_not_show_what_they_stand_for() {
        let home = tempfile::tempdir().unwrap();
        let mut faces = Pseudonyms::new(home.path(), london());
        let now = at("2026-11-24T12:00:00Z");
        let face = faces.client(now, "10.1.2.3".parse().unwrap());
        assert!(face.starts_with("c-") && face.len() == 18, "{face}");
        let user = faces.user(now, "Rhian.Example");
        assert!(user.starts_with("u-") && user.len() == 18, "{user}");
        assert_eq!(user, faces.user(now, "rhian.example"));
        assert_ne!(user[2..], faces.client(now, "10.1.2.3".parse().unwrap())[2..]);
    }

    #[test]
    fn a_restart_keeps_the_days_key_and_no_other() {
        let home = tempfile::tempdir().unwrap();
        let address = "10.1.2.3".parse().unwrap();
        let fresh = |when| Pseudonyms::new(home.path(), london()).client(at(when), address);
        let before = fresh("2026-11-24T12:00:00Z");
        assert_eq!(before, fresh("2026-11-24T13:00:00Z"));
        assert_eq!(fs::metadata(home.path().join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
        assert_ne!(before, fresh("2026-11-25T12:00:00Z"));
        assert_ne!(before, fresh("2026-11-24T13:00:00Z"), "yesterday's key is gone for good");
    }

    #[test]
    fn a_key_file_that_cannot_be_trusted_is_replaced() {
        let good = format!("2026-11-24 {}", "ab".repeat(32));
        let now = at("2026-11-24T12:00:00Z");
        let address = "10.1.2.3".parse().unwrap();
        let face_with = |content: &[u8], mode| {
            let home = tempfile::tempdir().unwrap();
            let file = home.path().join(FILE);
            fs::write(&file, content).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let face = Pseudonyms::new(home.path(), london()).client(now, address);
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
            (face, fs::read(&file).unwrap())
        };
        let (kept, file) = face_with(good.as_bytes(), 0o600);
        assert_eq!(file, good.as_bytes());
        for (content, mode) in [
            (good.as_bytes(), 0o644),
            (b"".as_slice(), 0o600),
            (b"\xff\xfe", 0o600),
            (b"2026-11-24 abcd", 0o600),
            (b"2026-11-31 00", 0o600),
            (&[b'a'; 4096], 0o600),
        ] {
            let (face, file) = face_with(content, mode);
            assert_ne!(face, kept);
            assert_ne!(file, content);
        }
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_not_fatal() {
        let home = tempfile::tempdir().unwrap();
        let blocker = home.path().join("file");
        fs::write(&blocker, "").unwrap();
        let mut faces = Pseudonyms::new(&blocker.join("below"), london());
        let now = at("2026-11-24T12:00:00Z");
        let face = faces.client(now, "10.1.2.3".parse().unwrap());
        assert_eq!(face, faces.client(now, "10.1.2.3".parse().unwrap()));
    }
}
