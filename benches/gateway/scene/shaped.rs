//! 200 tunnels under a ceiling, and the same held by nothing.

use super::{Played, Row, Scene, Stage, Takes};
use crate::Outcome;
use crate::client::{Bulk, Way, Work};
use crate::estate::CEILING;
use crate::figure::{GIB, Unit};
use crate::peer::{CLEARWAY, Goal, Peer};
use crate::place::Layout;

pub const SHAPED: Scene = Scene {
    name: "shaped",
    rows: &[
        Row::main("shaped.cpu", "200 tunnels down under 2 Gbit/s: CPU s per GiB", Unit::SecondsPerGib),
        Row::alone("shaped.free", "the same held by nothing: CPU s per GiB", Unit::SecondsPerGib),
        Row::alone("shaped.ratio", "shaped over held by nothing", Unit::Times),
        Row::alone("shaped.held", "payload that came, over the ceiling", Unit::Times),
    ],
    rounds: 3,
    takes: Takes::These(&[CLEARWAY]),
    play,
};

const TUNNELS: usize = 200;

fn play(stage: &Stage, peer: &Peer) -> Outcome<Played> {
    let layout = Layout::apart(&stage.cores);
    let mut played = Played::new(layout.others.len());
    let work = Bulk { way: Way::Down, tunnels: TUNNELS, warm: stage.pace.warm, seconds: stage.pace.seconds };
    let mut spans = Vec::new();
    for (key, goal) in [("shaped.cpu", Goal::Shaped), ("shaped.free", Goal::Clinical)] {
        let found = stage.once(&layout, peer, goal, Work::Bulk(work.clone()))?;
        let [span] = found.spans[..] else { return Err("no span".into()) };
        played.cost(key, peer, &span, GIB);
        played.spans.push((key, span));
        spans.push(span);
    }
    let [shaped, free] = spans[..] else { return Err("no spans".into()) };
    played.figure("shaped.ratio", shaped.proxy / shaped.units / (free.proxy / free.units));
    played.figure("shaped.held", shaped.units * 8.0 / shaped.seconds / 1e9 / f64::from(CEILING));
    Ok(played)
}
