//! Bytes as fast as they go, in 1 and in 16 tunnels.

use super::{Played, Row, Scene, Stage, Takes};
use crate::Outcome;
use crate::client::{Bulk, Way, Work};
use crate::figure::{GIB, Unit};
use crate::peer::{Goal, Peer};
use crate::place::Layout;

macro_rules! scene {
    ($name:literal, $title:literal, $way:expr, $tunnels:literal) => {
        Scene {
            name: $name,
            rows: &[
                Row::main(concat!($name, ".cpu"), concat!($title, ": CPU s per GiB"), Unit::SecondsPerGib),
                Row::more(concat!($name, ".rate"), "the same: Gbit/s", Unit::Gigabits),
            ],
            rounds: 3,
            takes: Takes::Everybody,
            play: |stage, peer| play(stage, peer, $way, $tunnels, [concat!($name, ".cpu"), concat!($name, ".rate")]),
        }
    };
}

pub const DOWN_1: Scene = scene!("down-1", "1 tunnel down", Way::Down, 1);
pub const DOWN_16: Scene = scene!("down-16", "16 tunnels down", Way::Down, 16);
pub const UP_1: Scene = scene!("up-1", "1 tunnel up", Way::Up, 1);
pub const UP_16: Scene = scene!("up-16", "16 tunnels up", Way::Up, 16);

fn play(stage: &Stage, peer: &Peer, way: Way, tunnels: usize, [cpu, rate]: [&'static str; 2]) -> Outcome<Played> {
    let layout = Layout::apart(&stage.cores);
    let work = Bulk { way, tunnels, warm: stage.pace.warm, seconds: stage.pace.seconds };
    let found = stage.once(&layout, peer, Goal::Clinical, Work::Bulk(work))?;
    let mut played = Played::new(layout.others.len());
    let [span] = found.spans[..] else { return Err("no span".into()) };
    played.cost(cpu, peer, &span, GIB);
    played.figure(rate, span.units * 8.0 / 1e9 / span.seconds);
    played.spans.push((cpu, span));
    Ok(played)
}
