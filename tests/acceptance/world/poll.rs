//! Waiting for a condition, with a bound and a name for what was waited for.

use std::thread;
use std::time::{Duration, Instant};

/// How often a condition is looked at; short against every bound the tests state.
const EVERY: Duration = Duration::from_millis(5);

/// Looks until there is something, and fails by name when there is nothing within the limit.
#[track_caller]
pub fn until<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < limit, "waited {limit:?} in vain for {what}");
        thread::sleep(EVERY);
    }
}
