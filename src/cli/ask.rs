//! `clearway status`, `reload` and `drain`: talk to a running gateway over the socket in its state directory.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::args::ConfigFile;
use super::{NO, load, write};
use crate::base::Rate;
use crate::portal::client::{self, AskError};
use crate::portal::{self, Status, TubeView, WayView};

/// Shows how a running gateway does.
pub fn status(config: &ConfigFile, json: bool) -> u8 {
    answered(config, client::status, |(status, tubes)| {
        if json {
            write::line(&serde_json::json!({ "status": status, "tubes": tubes }).to_string());
        } else {
            write::line(words(&status, &tubes).trim_end());
        }
        0
    })
}

/// Has a running gateway read its configuration again.
pub fn reload(config: &ConfigFile) -> u8 {
    answered(config, client::reload, |outcome| {
        for problem in &outcome.problems {
            write::note(problem.trim_end());
        }
        let generation = outcome.generation;
        if outcome.applied {
            write::line(&format!("applied: generation {generation} is in force"));
            0
        } else {
            write::line(&format!("refused: generation {generation} stays in force"));
            NO
        }
    })
}

/// Has a running gateway drain and stop.
pub fn drain(config: &ConfigFile) -> u8 {
    answered(config, client::drain, |()| {
        write::line("draining: no new flows; the gateway stops when the open ones have finished");
        0
    })
}

/// Asks the gateway that a configuration belongs to: its socket lies in the state directory.
fn answered<T>(
    config: &ConfigFile,
    ask: impl Fn(&std::path::Path) -> Result<T, AskError>,
    tell: impl Fn(T) -> u8,
) -> u8 {
    let socket: Result<PathBuf, u8> = load::state_dir(config).map(|dir| dir.join(portal::socket::FILE));
    match socket.map(|socket| ask(&socket)) {
        Ok(Ok(answer)) => tell(answer),
        Ok(Err(error)) => {
            write::note(&format!("error: {error}"));
            NO
        }
        Err(code) => code,
    }
}

fn words(status: &Status, tubes: &[TubeView]) -> String {
    let mut text = String::new();
    let state = if status.draining { "draining" } else { "running" };
    let up = span(status.uptime_seconds);
    let Status { name, version, generation, .. } = status;
    let _ = writeln!(text, "{name}: {state} for {up}, version {version}, generation {generation}");
    if let Some(reload) = &status.last_reload {
        let problem = reload.problem.as_ref().map(|problem| format!(": {problem}")).unwrap_or_default();
        let _ = writeln!(text, "last reload {} at {:.0}{problem}", reload.result, reload.time);
    }
    for listener in &status.listeners {
        let _ = writeln!(text, "listener {} ({}) on {}", listener.name, listener.mode, listener.address);
    }
    let _ = writeln!(text, "\n{:<20} {:>7} {:>8}  {:>24}  {:>24}", "tube", "flows", "waiting", "down", "up");
    for tube in tubes {
        let depth = depth(tube, tubes);
        let name = format!("{}{}", "  ".repeat(depth), tube.tube);
        let (down, up) = (way(&tube.down), way(&tube.up));
        let _ = writeln!(text, "{name:<20} {:>7} {:>8}  {down:>24}  {up:>24}", tube.flows, tube.waiting);
    }
    text
}

fn depth(tube: &TubeView, tubes: &[TubeView]) -> usize {
    let around = tube.within.as_ref().and_then(|within| tubes.iter().find(|other| other.tube == *within));
    around.map_or(0, |around| 1 + depth(around, tubes))
}

fn way(way: &WayView) -> String {
    let rate = |bits| Rate::from_bits_per_second(bits).map_or("0".to_owned(), round);
    match way.limit {
        Some(limit) => format!("{} of {}", rate(way.used), rate(limit)),
        None => rate(way.used),
    }
}

/// Three figures are enough to see how things are.
fn round(rate: Rate) -> String {
    let bits = rate.bits_per_second();
    let step = 10u64.pow(bits.ilog10().saturating_sub(2));
    Rate::from_bits_per_second(bits / step * step).map_or("0".to_owned(), |rate| rate.to_string())
}

fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}
