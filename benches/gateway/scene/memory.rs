//! What open tunnels hold, and what a crowd of them costs others.

use super::{HAPROXY_COPY, Played, Row, Scene, Stage, Takes};
use crate::Outcome;
use crate::client::{Crowd, Idle, Work};
use crate::figure::Unit;
use crate::origin::ADDRESSES;
use crate::peer::{CLEARWAY, Goal, Peer};
use crate::place::Layout;

pub const IDLE: Scene = Scene {
    name: "idle",
    rows: &[
        Row::main("idle.fresh", "idle tunnel, fresh: resident kB each", Unit::Kib),
        Row::main("idle.used", "idle tunnel, after 64 KiB down: resident kB each", Unit::Kib),
        Row::more("idle.after", "resident MB, 5 s after all were closed", Unit::Mib),
        Row::alone("idle.grown", "the same, above the start: MB", Unit::Mib),
    ],
    rounds: 1,
    takes: Takes::Proxies,
    play: idle,
};

pub const MANY: Scene = Scene {
    name: "many",
    rows: &[
        Row::alone("many.ping.p50", "a crowd open in another tube: ping p50, over before", Unit::Times),
        Row::alone("many.ping.p99", "the same: ping p99, over before", Unit::Times),
        Row::alone("many.short.p50", "the same: CONNECT p50, over before", Unit::Times),
        Row::alone("many.short.p99", "the same: CONNECT p99, over before", Unit::Times),
        Row::more("many.first", "opening the first 1,000 of the crowd: CPU us each", Unit::Micros),
        Row::more("many.last", "opening the last 1,000 of the crowd: CPU us each", Unit::Micros),
        Row::more("many.open", "resident MB with the crowd open", Unit::Mib),
        Row::alone("many.grown", "resident MB above the start, 5 s after closing it", Unit::Mib),
    ],
    rounds: 1,
    takes: Takes::These(&[CLEARWAY, HAPROXY_COPY]),
    play: many,
};

/// Seconds between what was done and a look.
const SETTLE: f64 = 0.5;
/// Seconds that memory has to come back.
const WAIT: f64 = 5.0;

fn idle(stage: &Stage, peer: &Peer) -> Outcome<Played> {
    let layout = Layout::apart(&stage.cores);
    let tunnels = stage.pace.idle;
    let found = stage.once(&layout, peer, Goal::Clinical, Work::Idle(Idle { tunnels, settle: SETTLE, wait: WAIT }))?;
    let [start, fresh, used, after] = found.memory[..] else { return Err("no memory".into()) };
    let mut played = Played::new(layout.others.len());
    played.figure("idle.fresh", (fresh - start) / tunnels as f64);
    played.figure("idle.used", (used - start) / tunnels as f64);
    played.figure("idle.after", after / 1024.0);
    played.figure("idle.grown", (after - start) / 1024.0);
    Ok(played)
}

fn many(stage: &Stage, peer: &Peer) -> Outcome<Played> {
    let layout = Layout::apart(&stage.cores);
    let mut set = stage.set(&layout, peer)?;
    let roads = (1..=ADDRESSES).map(|last| set.road(Goal::Crowd(last))).collect();
    let work = Crowd { tunnels: stage.pace.crowd, roads, pings: 10_000, short: 3_000, wait: WAIT };
    let found = set.act(Goal::Clinical, Work::Crowd(work))?;
    let ([first, last], [ping, short, ping_then, short_then], [start, open, after]) =
        (&found.spans[..], &found.waits[..], &found.memory[..])
    else {
        return Err("not everything was found".into());
    };
    let mut played = Played::new(layout.others.len());
    played.figure("many.ping.p50", ping_then.p50 / ping.p50);
    played.figure("many.ping.p99", ping_then.p99 / ping.p99);
    played.figure("many.short.p50", short_then.p50 / short.p50);
    played.figure("many.short.p99", short_then.p99 / short.p99);
    played.cost("many.first", peer, first, 1e6);
    played.cost("many.last", peer, last, 1e6);
    played.figure("many.open", open / 1024.0);
    played.figure("many.grown", (after - start) / 1024.0);
    Ok(played)
}
