//! Certificates that cannot be shown, or not for long.

use std::io;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};

use crate::category::list::Shelf;
use crate::config::check::listen::Draft;
use crate::config::files::reason;
use crate::config::problem::Problems;
use crate::config::text::Placed;
use crate::config::value::quoted;
use crate::listen::identity::Identity;

/// A certificate is warned of from so long before its end: whoever has to ask another department for a new one has time to,
/// and one that renews itself (Let's Encrypt does 30 days before) has failed to.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Looks at the certificate of each listener. They are not among the files that a configuration is made of: nobody keeps a
/// copy of a key. Who only `looks` may not be the user who runs the gateway, and is not to be told that it cannot run.
pub(in crate::config) fn certificates(
    problems: &Problems,
    listeners: &[Draft],
    (shelf, looks): (&dyn Shelf, bool),
    now: Timestamp,
) {
    for [cert, key] in listeners.iter().filter_map(|draft| draft.tls.as_ref()) {
        let open = |file: &Placed<PathBuf>| {
            shelf.bytes(&file.value).map_err(|error| unreadable(problems, file, &error, looks)).ok()
        };
        let (Some(text), Some(secret)) = (open(cert), open(key)) else { continue };
        match Identity::read(&text, &secret) {
            Ok(identity) => expires(problems, cert, identity.expires, now),
            Err(error) => {
                let file = if error.is_of_the_key() { key } else { cert };
                let name = quoted(&file.value.display().to_string());
                problems.error(&file.place, format!("{name} is no use: {error}"), error.hint());
            }
        }
    }
}

fn unreadable(problems: &Problems, file: &Placed<PathBuf>, error: &io::Error, looks: bool) {
    let name = quoted(&file.value.display().to_string());
    let message = format!("cannot read {name}: {}", reason(error));
    match error.kind() {
        io::ErrorKind::PermissionDenied if looks => {
            problems.warning(
                &file.place,
                message,
                "nothing is known of it here: check as the user that runs the gateway",
            );
        }
        io::ErrorKind::PermissionDenied => {
            problems.error(&file.place, message, "let the user that runs the gateway read it, and nobody else a key");
        }
        _ => problems.error(&file.place, message, "a relative path is relative to the file that names it"),
    }
}

fn expires(problems: &Problems, cert: &Placed<PathBuf>, expires: Option<Timestamp>, now: Timestamp) {
    let Some(expires) = expires.filter(|at| at.duration_since(now) < SOON) else { return };
    let name = quoted(&cert.value.display().to_string());
    let days = expires.duration_since(now).as_hours() / 24;
    let message = match days {
        _ if expires <= now => format!("the certificate {name} has expired ({expires:.0}): clients will refuse it"),
        0 => format!("the certificate {name} expires within a day ({expires:.0})"),
        1 => format!("the certificate {name} expires tomorrow ({expires:.0})"),
        _ => format!("the certificate {name} expires in {days} days ({expires:.0})"),
    };
    let hint = "put the new one in its place: it is taken within seconds, without a reload";
    problems.warning(&cert.place, message, hint);
}
