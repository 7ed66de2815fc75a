//! `[gateway]` and `[admin]`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::base::Span;
use crate::config::nearest;
use crate::config::table::Table;
use crate::config::text::{Place, Placed};
use crate::config::value::{Label, quoted};

/// Where state is kept unless the configuration says otherwise.
pub(in crate::config) const STATE_DIR: &str = "state";

/// `[gateway]`.
pub(in crate::config) struct Gateway {
    pub(in crate::config) name: String,
    pub(in crate::config) zone: TimeZone,
    pub(in crate::config) policy: Option<Placed<PathBuf>>,
    pub(in crate::config) state_dir: PathBuf,
    pub(in crate::config) drain: Duration,
    pub(in crate::config) upgrade_drain: Duration,
}

/// `[admin]`.
pub(in crate::config) struct Admin {
    pub(in crate::config) address: SocketAddr,
    /// Where it was written, if it was.
    pub(in crate::config) place: Option<Place>,
}

/// A drain waits this long: most page loads end, and a service manager does not lose patience (systemd.service(5)
/// stops waiting after 90 s).
const DRAIN: Duration = Duration::from_secs(30);

/// After an upgrade the process before goes on for this long: nearly all tunnels have ended by then, and nothing waits for it.
const UPGRADE_DRAIN: Duration = Duration::from_secs(600);

/// Reads `[gateway]`.
pub(in crate::config) fn gateway(root: &mut Table<'_>, file: &Path) -> Gateway {
    root.needs("gateway", "{ name = \"gw1\", timezone = \"Europe/London\", policy = \"policy.toml\" }");
    let mut table = root.table_or_empty("gateway");
    let (mut name, mut zone, mut policy) = (None, None, None);
    // Where the whole table is missing or wrong, that was said.
    if !table.is_absent() {
        name = table.required::<Label>("name");
        table.needs("timezone", "\"Europe/London\"");
        zone = table.take::<String>("timezone");
        policy = table.required::<PathBuf>("policy");
    }
    let state_dir = table.take::<PathBuf>("state_dir").map_or_else(|| PathBuf::from(STATE_DIR), |placed| placed.value);
    let drain = table.take::<Span>("drain").map_or(DRAIN, |span| span.value.0);
    let upgrade_drain = table.take::<Span>("upgrade_drain").map_or(UPGRADE_DRAIN, |span| span.value.0);
    let gateway = Gateway {
        name: via(&table, name),
        zone: zone.and_then(|zone| time_zone(&table, &zone)).unwrap_or(TimeZone::UTC),
        policy,
        state_dir: beside(file, &state_dir),
        drain,
        upgrade_drain,
    };
    table.finish();
    gateway
}

/// Reads `[admin]`.
pub(in crate::config) fn admin(root: &mut Table<'_>) -> Admin {
    let mut table = root.table_or_empty("admin");
    let address = table.take::<SocketAddr>("address");
    table.finish();
    match address {
        Some(Placed { value, place }) => Admin { address: value, place: Some(place) },
        None => Admin { address: SocketAddr::from(([127, 0, 0, 1], 9128)), place: None },
    }
}

/// A path that a file names is relative to that file.
pub(in crate::config) fn beside(file: &Path, path: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) => folder.join(path),
        None => path.to_owned(),
    }
}

/// The name stands in Via as a pseudonym, which is a token (RFC 9110 section 7.6.3).
fn via(table: &Table<'_>, name: Option<Placed<Label>>) -> String {
    let Some(Placed { value: Label(name), place }) = name else { return String::new() };
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')) {
        let message = format!("`name` cannot be {}: it stands in the Via field", quoted(&name));
        table.scope.problems.error(
            &place,
            message,
            "use letters, digits, `-`, `.` and `_`, for example `name = \"gw1\"`",
        );
    }
    name
}

fn time_zone(table: &Table<'_>, zone: &Placed<String>) -> Option<TimeZone> {
    let found = TimeZone::get(&zone.value).ok();
    if found.is_none() {
        let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let hint = match nearest::nearest(&zone.value, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "for example `timezone = \"Europe/London\"`".to_owned(),
        };
        table.scope.problems.error(&zone.place, format!("there is no time zone {}", quoted(&zone.value)), hint);
    }
    found
}
