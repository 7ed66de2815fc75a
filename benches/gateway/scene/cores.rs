//! One core and two. Where there are four, client and origin have two of their own; else everything runs on one core, then
//! everything on two, and what HAProxy and no proxy at all gain by that is what there was to gain.

use super::{CLEARWAY, DIRECT, HAPROXY_SPLICE, Played, Row, Scene, Stage, Takes};
use crate::Outcome;
use crate::account::Span;
use crate::client::{Bulk, Tunnels, Way, Work};
use crate::figure::Unit;
use crate::peer::{Goal, Peer};
use crate::place::Layout;

pub const CORES: Scene = Scene {
    name: "cores",
    rows: &[
        Row::alone("cores.bulk.rate", "16 tunnels down, 2 cores over 1: rate", Unit::Times),
        Row::alone("cores.bulk.cpu", "the same: CPU per byte", Unit::Times),
        Row::alone("cores.connect.rate", "CONNECT, 64 at once, 2 cores over 1: rate", Unit::Times),
        Row::alone("cores.connect.cpu", "the same: CPU each", Unit::Times),
    ],
    rounds: 3,
    takes: Takes::These(&[DIRECT, CLEARWAY, HAPROXY_SPLICE]),
    play,
};

fn play(stage: &Stage, peer: &Peer) -> Outcome<Played> {
    let one = spans(stage, peer, 1)?;
    let two = spans(stage, peer, 2)?;
    // Who was the limit is plain where all share two cores.
    let mut played = Played::new(0);
    let keys = [("cores.bulk.rate", "cores.bulk.cpu"), ("cores.connect.rate", "cores.connect.cpu")];
    for ((rate, cpu), (one, two)) in keys.into_iter().zip(one.into_iter().zip(two)) {
        played.figure(rate, (two.units / two.seconds) / (one.units / one.seconds));
        if peer.name != DIRECT {
            played.figure(cpu, (two.proxy / two.units) / (one.proxy / one.units));
        }
        played.spans.extend([(rate, one), (cpu, two)]);
    }
    Ok(played)
}

/// Bulk, then short tunnels, on so many cores.
fn spans(stage: &Stage, peer: &Peer, cores: usize) -> Outcome<Vec<Span>> {
    let layout = Layout::scaled(&stage.cores, cores);
    let (warm, seconds) = (stage.pace.warm, stage.pace.seconds);
    let works = [
        Work::Bulk(Bulk { way: Way::Down, tunnels: 16, warm, seconds }),
        Work::Tunnels(Tunnels { at_once: 64, warm, seconds }),
    ];
    let mut spans = Vec::new();
    for work in works {
        spans.extend(stage.once(&layout, peer, Goal::Clinical, work)?.spans);
    }
    Ok(spans)
}
