//! Flows of an access log, as they can be judged again.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::base::{Host, Target};

/// As much of a record as is judged, and what was decided.
#[derive(Deserialize)]
pub struct Record<'a> {
    /// When the flow ended.
    #[serde(borrow)]
    time: &'a str,
    /// Its number.
    pub flow: &'a str,
    /// An address, or a pseudonym.
    pub client: &'a str,
    /// A login, or a pseudonym.
    #[serde(default)]
    pub user: Option<&'a str>,
    /// Where it went.
    pub host: Option<&'a str>,
    port: Option<u16>,
    #[serde(default)]
    duration_ms: f64,
    #[serde(default)]
    sni: Option<&'a str>,
    /// What was done.
    pub action: Option<&'a str>,
    /// Its category.
    pub category: Option<&'a str>,
    /// Its tube.
    pub tube: Option<&'a str>,
    /// The rule that decided.
    pub rule: Option<&'a str>,
}

impl Record<'_> {
    /// When the flow ended.
    pub fn ended(&self) -> Option<Timestamp> {
        self.time.parse().ok()
    }

    /// When the flow opened, to the millisecond.
    pub fn opened(&self) -> Option<Timestamp> {
        let ended = self.ended()?;
        #[expect(clippy::cast_possible_truncation, reason = "a flow's duration in milliseconds")]
        let lasted = SignedDuration::from_millis(self.duration_ms.max(0.0) as i64);
        ended.checked_sub(lasted).ok()
    }

    /// Where the flow went, what it said beside that, and the second in which it opened.
    pub fn asked(&self) -> Option<(Target, Option<Host>, Timestamp)> {
        let host: Host = self.host?.parse().ok()?;
        let at = Timestamp::from_second(self.opened()?.as_second()).ok()?;
        let said = self.sni.and_then(|host| host.parse().ok());
        Some((Target { host, port: self.port? }, said, at))
    }
}

/// The line of a flow in a log.
///
/// # Errors
/// Those of reading the log.
pub fn line_of(log: &Path, flow: &str) -> io::Result<Option<String>> {
    let mut log = BufReader::with_capacity(1 << 20, File::open(log)?);
    let mut line = Vec::new();
    while log.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        let is = |record: Record<'_>| record.flow == flow;
        if text.contains(flow) && serde_json::from_str::<Record<'_>>(&text).is_ok_and(is) {
            return Ok(Some(text.into_owned()));
        }
        line.clear();
    }
    Ok(None)
}
