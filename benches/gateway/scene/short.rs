//! Work in small pieces: short tunnels, plain requests, pings.

use super::{Played, Row, Scene, Stage, Takes};
use crate::Outcome;
use crate::client::{Bulk, Ping, Requests, Tunnels, Way, Work};
use crate::figure::Unit;
use crate::peer::{Goal, Peer};
use crate::place::Layout;

pub const CONNECT: Scene = Scene {
    name: "connect",
    rows: &[
        Row::main("connect.cpu", "CONNECT, 1 KiB each way, close, 8 at once: CPU us each", Unit::Micros),
        Row::more("connect.p50", "the same, 64 at once: p50 us", Unit::Micros),
        Row::more("connect.p99", "the same, 64 at once: p99 us", Unit::Micros),
    ],
    rounds: 3,
    takes: Takes::Everybody,
    play: connect,
};

pub const HTTP: Scene = Scene {
    name: "http",
    rows: &[
        Row::main("http.cpu", "plain HTTP GET 1 KiB, 32 kept connections: CPU us each", Unit::Micros),
        Row::more("http.rate", "the same: thousand a second", Unit::Thousands),
    ],
    rounds: 3,
    takes: Takes::Everybody,
    play: http,
};

pub const PING: Scene = Scene {
    name: "ping",
    rows: &[
        Row::main("ping.p50", "64-byte ping-pong, all on one core: p50 us", Unit::Micros),
        Row::more("ping.p99", "the same: p99 us", Unit::Micros),
        Row::more("ping.cpu", "the same: CPU us each", Unit::Micros),
    ],
    rounds: 3,
    takes: Takes::Everybody,
    play: ping,
};

pub const BESIDE: Scene = Scene {
    name: "beside",
    rows: &[
        Row::more("beside.p50", "64-byte ping-pong beside 16 tunnels down: p50 us", Unit::Micros),
        Row::more("beside.p99", "the same: p99 us", Unit::Micros),
    ],
    rounds: 3,
    takes: Takes::Everybody,
    play: beside,
};

const FEW: usize = 8;
const CROWD: usize = 64;
const CONNECTIONS: usize = 32;
const PINGS: usize = 20_000;
const BULK: usize = 16;

fn connect(stage: &Stage, peer: &Peer) -> Outcome<Played> {
    let layout = Layout::apart(&stage.cores);
    let work = |at_once| Work::Tunnels(Tunnels { at_once, warm: stage.pace.warm, seconds: stage.pace.seconds });
    let mut played = Played::new(layout.others.len());
    let mut set = stage.set(&layout, peer)?;
    let few = set.act(Goal::Clinical, work(FEW))?;
    let crowd = set.act(Goal::Clinical, work(CROWD))?;
    let ([few_span], [waits]) = (&few.spans[..], &crowd.waits[..]) else { return Err("no span".into()) };
    played.cost("connect.cpu", peer, few_span, 1e6);
    played.figure("connect.p50", waits.p50);
    played.figure("connect.p99", waits.p99);
    played.spans.push(("connect.cpu", *few_span));
    played.spans.extend(crowd.spans.iter().map(|span| ("connect.p99", *span)));
    played.failures = few.failures + crowd.failures;
    Ok(played)
}

fn http(stage: &Stage, peer: &Peer) -> Outcome<Played> {
    let layout = Layout::apart(&stage.cores);
    let work = Requests { connections: CONNECTIONS, warm: stage.pace.warm, seconds: stage.pace.seconds };
    let found = stage.once(&layout, peer, Goal::Clinical, Work::Requests(work))?;
    let [span] = found.spans[..] else { return Err("no span".into()) };
    let mut played = Played::new(layout.others.len());
    played.cost("http.cpu", peer, &span, 1e6);
    played.renewed = found.renewed;
    played.figure("http.rate", span.units / span.seconds / 1e3);
    played.spans.push(("http.cpu", span));
    Ok(played)
}

fn ping(stage: &Stage, peer: &Peer) -> Outcome<Played> {
    let layout = Layout::together(&stage.cores);
    let work = Ping { warm: PINGS / 10, count: PINGS, beside: None };
    let found = stage.once(&layout, peer, Goal::Clinical, Work::Ping(work))?;
    let ([span], [waits]) = (&found.spans[..], &found.waits[..]) else { return Err("no span".into()) };
    let mut played = Played::new(0);
    played.cost("ping.cpu", peer, span, 1e6);
    played.figure("ping.p50", waits.p50);
    played.figure("ping.p99", waits.p99);
    played.spans.push(("ping.cpu", *span));
    Ok(played)
}

fn beside(stage: &Stage, peer: &Peer) -> Outcome<Played> {
    let layout = Layout::apart(&stage.cores);
    let bulk = Bulk { way: Way::Down, tunnels: BULK, warm: stage.pace.warm, seconds: stage.pace.seconds };
    let work = Ping { warm: PINGS / 2000, count: PINGS / 200, beside: Some(bulk) };
    let found = stage.once(&layout, peer, Goal::Clinical, Work::Ping(work))?;
    let [waits] = &found.waits[..] else { return Err("no waits".into()) };
    let mut played = Played::new(layout.others.len());
    played.figure("beside.p50", waits.p50);
    played.figure("beside.p99", waits.p99);
    Ok(played)
}
