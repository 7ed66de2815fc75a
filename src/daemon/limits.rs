//! What the process may hold: descriptors, and how many connections they are enough for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are not flows: listeners, the admin's connections, logs, name servers, lists being read.
const RESERVE: u64 = 512;

/// A connection and its way out.
const PER_CONNECTION: u64 = 2;

/// Raises the limit on open descriptors as far as it goes without privilege, and returns how many connections fit.
pub fn connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        tracing::warn!(%error, "cannot raise the limit on open descriptors");
    }
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let reserve = RESERVE.min(descriptors / 4);
    usize::try_from((descriptors - reserve) / PER_CONNECTION).unwrap_or(usize::MAX)
}
