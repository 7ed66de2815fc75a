//! The part of a process that has handed over: it uses of the tubes what it may, reads the files again when the other did,
//! and ends when the other says so.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::line::{Line, LineError};
use super::word::{Obeyed, Tick};
use crate::base::clock;
use crate::daemon::run::Daemon;
use crate::flow::Compartment;
use crate::tube::beside::{Lot, Told};

/// Follows until the other is gone or this process ends.
pub fn until_gone(daemon: &Arc<Daemon>, mut line: Line, pid: u32) {
    let lost = obey(daemon, &mut line);
    // Nobody is told any more who uses what: this process keeps its last part as long as the other may use the rest.
    let successor = line.hang_up();
    if daemon.handed.is_ended() {
        return;
    }
    tracing::warn!(error = %lost, "the successor says nothing any more");
    if successor.gone(|| daemon.handed.is_ended()) {
        tracing::error!(pid, "the successor has ended; this process carries its open flows on by itself");
        daemon.carrier.tubes.alone();
    }
}

fn obey(daemon: &Arc<Daemon>, line: &mut Line) -> LineError {
    match each_tick(daemon, line) {
        Ok(()) => io::Error::from(io::ErrorKind::UnexpectedEof).into(),
        Err(error) => error,
    }
}

fn each_tick(daemon: &Arc<Daemon>, line: &mut Line) -> Result<(), LineError> {
    // The other may be held up for as long as it likes: it cannot use meanwhile what is this one's.
    line.patience(None)?;
    let tubes = &daemon.carrier.tubes;
    let mut generation = daemon.generation.load(Ordering::Relaxed);
    loop {
        let tick: Tick = line.hear()?;
        tubes.heard(&Told::from(&tick.told));
        tubes.follow(&tick.lots.each_ref().map(Lot::from));
        let (flows, reloads) = (daemon.carrier.live.count() as u64, daemon.handed.reloads());
        let drains = daemon.draining.is_cancelled();
        line.say(&Obeyed { told: (&tubes.told()).into(), flows, reloads, drains })?;
        if tick.generation != generation {
            generation = tick.generation;
            let reloads = Arc::clone(daemon);
            let runtime = daemon.carrier.bulkheads.runtime(Compartment::Rest);
            daemon.chores.spawn_on(async move { reloads.read_again(generation).await }, runtime);
        }
        if let Some(left) = tick.drain_ms {
            daemon.handed.end_by(clock::now() + Duration::from_millis(left));
        }
    }
}
