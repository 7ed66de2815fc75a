//! What processes took: processor time by the scheduler's own count, and resident memory, of a process and all that it
//! started.

use std::fs;
use std::time::{Duration, Instant};

use nix::time::ClockId;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// Whose account is kept; each is a process with all that it started.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Parties {
    /// Not there when the client speaks to the origin directly.
    pub proxy: Option<u32>,
    pub origin: u32,
}

/// What was done in an interval, and the seconds of processor time that it took each party.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Span {
    pub units: f64,
    pub seconds: f64,
    pub proxy: f64,
    pub client: f64,
    pub origin: f64,
}

/// The beginning of a span.
pub struct Mark {
    at: Instant,
    proxy: f64,
    client: f64,
    origin: f64,
}

impl Parties {
    pub fn mark(&self) -> Mark {
        Mark {
            at: Instant::now(),
            proxy: self.proxy.map_or(0.0, processor),
            client: processor(std::process::id()),
            origin: processor(self.origin),
        }
    }

    /// What happened since a mark.
    pub fn since(&self, mark: &Mark, units: f64) -> Span {
        let now = self.mark();
        Span {
            units,
            seconds: (now.at - mark.at).as_secs_f64(),
            proxy: now.proxy - mark.proxy,
            client: now.client - mark.client,
            origin: now.origin - mark.origin,
        }
    }

    /// Resident memory of the proxy, in KiB.
    pub fn memory(&self) -> f64 {
        self.proxy.map_or(0.0, resident)
    }
}

/// Seconds that a process and all that it started have run, its threads that have ended among them: the scheduler's own
/// count in nanoseconds (clock_getcpuclockid(3)).
fn processor(process: u32) -> f64 {
    let run = |process: u32| {
        let time = ClockId::pid_cpu_clock_id(Pid::from_raw(process.cast_signed())).ok()?.now().ok()?;
        Some(Duration::from(time).as_secs_f64())
    };
    family(process).into_iter().filter_map(run).sum()
}

fn resident(process: u32) -> f64 {
    let of = |process: &u32| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    family(process).iter().filter_map(of).sum()
}

/// A process and all that it started.
pub fn family(process: u32) -> Vec<u32> {
    let mut found = vec![process];
    let mut at = 0;
    while let Some(process) = found.get(at) {
        let children = threads(*process).into_iter().filter_map(|thread| fs::read_to_string(thread + "/children").ok());
        let children: Vec<u32> = children
            .flat_map(|text| text.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>())
            .collect();
        found.extend(children);
        at += 1;
    }
    found
}

/// The folders of its threads.
fn threads(process: u32) -> Vec<String> {
    let folder = format!("/proc/{process}/task");
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    entries.map(|entry| format!("{folder}/{}", entry.file_name().to_string_lossy())).collect()
}
