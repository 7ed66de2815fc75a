//! Clinical work around the moments at which something changes for the gateway: reloads, and the edges of a peak.

use serde::{Deserialize, Serialize};

use super::outcome::Each;
use crate::clock;
use crate::link::Way;
use crate::scene::{Scene, Seen};

/// What clinical work felt of edges.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Edges {
    /// How many edges there were.
    pub edges: usize,
    /// How much clinical work was due around them.
    pub work: usize,
    /// The slowest of it, in milliseconds.
    pub max_ms: f64,
    /// That over the p99 of the unloaded scene.
    pub ratio: Option<f64>,
    /// What others than clinical used of the link between the first edge and the second: the first narrows social to
    /// half of it.
    pub held: Each<f64>,
}

/// Around an edge counts what was due in these seconds before and after it.
const BEFORE: f64 = 0.5;
const AFTER: f64 = 2.0;
/// After an edge the link still carries what was on its way.
const SETTLES: f64 = 0.5;

impl Edges {
    /// Counts them; nothing where a scene has none.
    pub fn count(scene: &Scene, seen: &Seen, link: Each<u64>) -> Option<Edges> {
        let edges = scene.edges();
        let (first, second) = (edges.first()?, edges.get(1)?);
        let near = |at: f64| edges.iter().any(|edge| (edge - BEFORE..edge + AFTER).contains(&at));
        let around = seen.diary.clinical.iter().filter(|exchange| near(exchange.at));
        let took: Vec<f64> = around.map(|exchange| exchange.took_ms).collect();
        let [from, to] = [first + SETTLES, *second].map(|at| seen.zero + clock::nanos(at));
        let others = |way: &Way, rate: u64| {
            let bytes: u64 = way.between(from, to).iter().map(|bin| bin.other).sum();
            bytes as f64 * 8.0 / (rate as f64 * clock::seconds(to - from))
        };
        Some(Edges {
            edges: edges.len(),
            work: took.len(),
            max_ms: took.into_iter().fold(0.0, f64::max),
            ratio: None,
            held: Each { down: others(&seen.record.down, link.down), up: others(&seen.record.up, link.up) },
        })
    }
}
