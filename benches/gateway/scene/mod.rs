//! What is measured: each scene's work, the rows that it fills, and who plays it.

mod stage;
mod bulk;
mod short;
mod memory;
mod shaped;
mod cores;

use std::collections::BTreeMap;

use serde::Serialize;

pub use stage::{Pace, Stage};

use crate::Outcome;
use crate::account::Span;
use crate::figure::Unit;
use crate::peer::{CLEARWAY, DIRECT, HAPROXY_COPY, HAPROXY_SPLICE, Peer};

/// One scene.
pub struct Scene {
    pub name: &'static str,
    pub rows: &'static [Row],
    /// How often it is played where nobody says.
    pub rounds: usize,
    takes: Takes,
    play: fn(&Stage, &Peer) -> Outcome<Played>,
}

/// One row of the table.
pub struct Row {
    pub key: &'static str,
    pub title: &'static str,
    pub unit: Unit,
    /// Whether Clearway's figure over another's says something.
    pub compared: bool,
    /// Whether the picture shows it.
    pub drawn: bool,
}

/// Who plays.
enum Takes {
    Everybody,
    /// Whoever is between client and origin.
    Proxies,
    These(&'static [&'static str]),
}

/// What one play of a scene brought.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Played {
    /// By the rows' keys.
    pub figures: BTreeMap<&'static str, f64>,
    /// The accounts behind them, and whether client and origin had cores of their own.
    pub spans: Vec<(&'static str, Span)>,
    /// Cores of the client and the origin; none where they shared the proxy's.
    pub others: usize,
    pub failures: usize,
    /// Connections that should have been kept, and were not.
    pub renewed: usize,
}

impl Scene {
    pub const ALL: [&Scene; 12] = [
        &bulk::DOWN_1,
        &bulk::DOWN_16,
        &bulk::UP_1,
        &bulk::UP_16,
        &short::CONNECT,
        &short::HTTP,
        &short::PING,
        &short::BESIDE,
        &memory::IDLE,
        &memory::MANY,
        &shaped::SHAPED,
        &cores::CORES,
    ];

    /// Whether a peer plays it.
    pub fn takes(&self, peer: &Peer) -> bool {
        match self.takes {
            Takes::Everybody => true,
            Takes::Proxies => peer.name != DIRECT,
            Takes::These(names) => names.contains(&peer.name.as_str()),
        }
    }

    pub fn play(&self, stage: &Stage, peer: &Peer) -> Outcome<Played> {
        (self.play)(stage, peer)
    }
}

impl Row {
    /// A row that is compared, and drawn.
    const fn main(key: &'static str, title: &'static str, unit: Unit) -> Row {
        Row { key, title, unit, compared: true, drawn: true }
    }

    /// A row that is compared.
    const fn more(key: &'static str, title: &'static str, unit: Unit) -> Row {
        Row { key, title, unit, compared: true, drawn: false }
    }

    /// A row that stands for itself.
    const fn alone(key: &'static str, title: &'static str, unit: Unit) -> Row {
        Row { key, title, unit, compared: false, drawn: false }
    }
}

impl Played {
    fn new(others: usize) -> Played {
        Played { others, ..Played::default() }
    }

    fn figure(&mut self, key: &'static str, figure: f64) {
        self.figures.insert(key, figure);
    }

    /// The proxy's processor time for each unit; there is none without a proxy.
    fn cost(&mut self, key: &'static str, peer: &Peer, span: &Span, scale: f64) {
        if peer.name != DIRECT {
            self.figure(key, span.proxy / span.units * scale);
        }
    }
}
