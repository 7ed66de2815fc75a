//! What the process may hold: descriptors, and how they are shared out.

use rustix::process::{Resource, Rlimit, getpriority_process, getrlimit, setpriority_process, setrlimit};
use rustix::system::sysinfo;

/// How the descriptors that the process may open are shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// Client connections, each with its way out.
    pub connections: usize,
    /// Connections to origins that wait for their next request.
    pub idle: usize,
    /// Names that are looked up at once.
    pub names: usize,
    /// Attempts to connect beside each connection's first.
    pub attempts: usize,
}

/// The most that is held back for what is no flow: listeners, the admin's connections, logs, name servers, lists being
/// read, and idle connections to origins.
const RESERVE: u64 = 1024;

/// Before other programs of the machine (nice(2)): what is late here is late for everybody behind this gateway.
const NICE: i32 = -10;

/// Has the process run before others, where it may (CAP_SYS_NICE) and nobody has said otherwise; threads started later
/// do likewise.
pub fn hasten() {
    if getpriority_process(None).is_ok_and(|nice| nice == 0)
        && let Err(error) = setpriority_process(None, NICE)
    {
        tracing::debug!(%error, "runs with no more priority than other programs");
    }
}

/// How much later than that whatever can wait is run: by five steps a thread gets a third of one before it (sched(7)),
/// and is interrupted when that wakes.
const BEHIND: i32 = 5;

/// Has this thread stand back behind the others of the process.
pub fn give_way() {
    let behind = getpriority_process(None).and_then(|nice| setpriority_process(None, nice + BEHIND));
    if let Err(error) = behind {
        tracing::debug!(%error, "clear flows' threads run with no more priority than others");
    }
}

/// Raises the limit on open descriptors as far as it goes without privilege.
pub fn raise() -> Descriptors {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        tracing::warn!(%error, "cannot raise the limit on open descriptors");
    }
    let memory = sysinfo();
    let memory = memory.totalram.saturating_mul(memory.mem_unit.into());
    share(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), memory)
}

/// What a connection may hold when neither side reads: a buffer each way, the first bytes of a tunnel, and what was
/// written to sockets and does not go on. Most hold a tenth of it.
const HELD: u64 = 64 << 10;

/// A quarter is held back; the rest is two for each client, and no more clients than half of the memory holds at the worst.
/// Of what is held back, three eighths are for idle connections. A look-up takes two, one for each family, and an attempt
/// to connect beside another takes one; of each, one is the place of the connection that it is for.
fn share(descriptors: u64, memory: u64) -> Descriptors {
    let reserve = RESERVE.min(descriptors / 4);
    let whole = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    Descriptors {
        connections: whole(((descriptors - reserve) / 2).min(memory / 2 / HELD)),
        idle: whole(reserve * 3 / 8),
        names: whole(reserve / 4),
        attempts: whole(reserve / 8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_never_add_up_to_more_than_there_is() {
        for descriptors in [64, 200, 1024, 20_000, 1_048_576] {
            let Descriptors { connections, idle, names, attempts } = share(descriptors, 8 << 30);
            let left = descriptors.checked_sub((connections * 2 + idle + names + attempts) as u64);
            assert!(left >= Some((descriptors / 16).min(RESERVE / 4)), "{descriptors}");
            // Each compartment has half of these.
            assert!(connections > 0 && idle > 1 && names > 1 && attempts > 1);
        }
    }

    #[test]
    fn a_small_machine_takes_no_more_connections_than_it_has_memory_for() {
        assert_eq!(share(1_048_576, 2 << 30).connections, 16_384);
        assert!(share(20_000, 2 << 30).connections < 9_500);
    }
}
