//! Plays the scenes, rounds interleaved: A B C, A B C.

use serde::Serialize;

use crate::figure::Spread;
use crate::peer::Peer;
use crate::scene::{Played, Row, Scene, Stage};

/// One measurement.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    pub scene: &'static str,
    pub peer: String,
    pub round: usize,
    pub played: Played,
}

/// Everything that was measured.
pub struct Results {
    pub scenes: Vec<&'static Scene>,
    pub peers: Vec<Peer>,
    pub samples: Vec<Sample>,
    /// What could not be measured, and why.
    pub failed: Vec<String>,
}

impl Results {
    /// Plays everything; says on standard error how it goes.
    pub fn take(scenes: Vec<&'static Scene>, peers: Vec<Peer>, rounds: Option<usize>, stage: &Stage) -> Results {
        let mut results = Results { scenes, peers, samples: Vec::new(), failed: Vec::new() };
        for scene in results.scenes.clone() {
            for round in 1..=rounds.unwrap_or(scene.rounds) {
                for peer in results.peers.clone().iter().filter(|peer| scene.takes(peer)) {
                    results.play(scene, round, peer, stage);
                }
            }
        }
        results
    }

    fn play(&mut self, scene: &'static Scene, round: usize, peer: &Peer, stage: &Stage) {
        let what = format!("{:<8} {round}  {:<22}", scene.name, peer.name);
        match scene.play(stage, peer) {
            Ok(played) => {
                eprintln!("{what}  {}", line(scene, &played));
                self.samples.push(Sample { scene: scene.name, peer: peer.name.clone(), round, played });
            }
            Err(error) => {
                eprintln!("{what}  could not be measured: {error}");
                self.failed.push(format!("{}, round {round}, {}: {error}", scene.name, peer.name));
            }
        }
    }

    /// The rows of all scenes.
    pub fn rows(&self) -> impl Iterator<Item = &'static Row> {
        self.scenes.iter().flat_map(|scene| scene.rows)
    }

    /// The samples of a peer.
    pub fn of(&self, peer: &str) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| sample.peer == peer)
    }

    /// A peer's figures in a row.
    pub fn spread(&self, key: &str, peer: &str) -> Option<Spread> {
        Spread::of(self.of(peer).filter_map(|sample| sample.played.figures.get(key).copied()).collect())
    }

    /// One peer's figures over another's, each round by itself.
    pub fn ratio(&self, key: &str, peer: &str, other: &str) -> Option<Spread> {
        let of =
            |peer, round| self.of(peer).find_map(|s| s.played.figures.get(key).filter(|_| s.round == round)).copied();
        let rounds = self.samples.iter().map(|sample| sample.round).max().unwrap_or_default();
        Spread::of((1..=rounds).filter_map(|round| Some(of(peer, round)? / of(other, round)?)).collect())
    }
}

/// What one measurement brought.
fn line(scene: &Scene, played: &Played) -> String {
    let figure = |row: &Row| {
        let figure = played.figures.get(row.key)?;
        Some(format!("{} {}", row.key.trim_start_matches(scene.name).trim_start_matches('.'), row.unit.show(*figure)))
    };
    let mut words: Vec<String> = scene.rows.iter().filter_map(figure).collect();
    if played.failures > 0 {
        words.push(format!("{} failed", played.failures));
    }
    if played.renewed > 0 {
        words.push(format!("{} not kept", played.renewed));
    }
    words.join(", ")
}
