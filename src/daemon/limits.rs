//! What the process may hold: descriptors, and how they are shared out.

use std::fs;
use std::path::{Path, PathBuf};

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
    share(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), memory())
}

/// The memory that the process may have, in octets: the machine's, or less where a container or a unit (`MemoryMax=`,
/// `MemoryHigh=`) holds it to less.
fn memory() -> u64 {
    let machine = sysinfo();
    let machine = machine.totalram.saturating_mul(machine.mem_unit.into());
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    allowance(&groups, Path::new("/sys/fs/cgroup")).map_or(machine, |least| least.min(machine))
}

/// The least that a control group grants of those around the process. `groups` is its `/proc/self/cgroup`, a line for each
/// hierarchy (cgroups(7)): version 2 has one without a controller's name, version 1 one for `memory`. In a container the
/// path may be the host's, of which nothing is to be seen here: then what is mounted is the container's own.
fn allowance(groups: &str, mounted: &Path) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let (_, line) = line.split_once(':')?;
        let (controllers, path) = line.split_once(':')?;
        let (root, files): (PathBuf, &[&str]) = match controllers {
            "" => (mounted.to_owned(), &["memory.max", "memory.high"]),
            _ if controllers.split(',').any(|name| name == "memory") => {
                (mounted.join("memory"), &["memory.limit_in_bytes"])
            }
            _ => return None,
        };
        let own = root.join(path.trim_start_matches('/'));
        let around = own.ancestors().take_while(|group| group.starts_with(&root));
        // `max` is no number, and so no limit.
        let limit = |group: &Path, file: &&str| fs::read_to_string(group.join(file)).ok()?.trim().parse::<u64>().ok();
        around.flat_map(|group| files.iter().filter_map(move |file| limit(group, file))).min()
    });
    limits.min()
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
    fn the_least_that_a_control_group_around_the_process_grants_is_its_memory() {
        let dir = tempfile::tempdir().unwrap();
        for (file, text) in [
            ("memory.max", "8000000000\n"),
            ("system.slice/memory.max", "max\n"),
            ("system.slice/memory.high", "6000000000\n"),
            ("system.slice/clearway.service/memory.max", "2000000000\n"),
            ("system.slice/clearway.service/memory.high", "max\n"),
            ("system.slice/other.service/memory.max", "1000\n"),
            ("memory/docker/memory.limit_in_bytes", "3000000000\n"),
            ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ] {
            let file = dir.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        for (groups, expected) in [
            ("0::/system.slice/clearway.service\n", Some(2_000_000_000)),
            ("0::/system.slice/free.service\n", Some(6_000_000_000)),
            ("0::/\n", Some(8_000_000_000)),
            // The host's path, seen from within a container.
            ("0::/kubepods/pod1/c2\n", Some(8_000_000_000)),
            ("12:cpu,cpuacct:/docker\n7:memory:/docker/c2\n", Some(3_000_000_000)),
            ("7:cpu:/docker\n", None),
            ("", None),
        ] {
            assert_eq!(allowance(groups, dir.path()), expected, "{groups}");
        }
    }

    #[test]
    fn a_small_machine_takes_no_more_connections_than_it_has_memory_for() {
        assert_eq!(share(1_048_576, 2 << 30).connections, 16_384);
        assert!(share(20_000, 2 << 30).connections < 9_500);
    }
}
