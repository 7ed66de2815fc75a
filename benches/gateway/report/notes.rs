//! What a reader should know before believing a figure.

use crate::account::Span;
use crate::peer::Peer;
use crate::run::Results;
use crate::scene::{Played, Stage};

/// Client and origin might be the limit beyond this share of their cores' time.
const BUSY: f64 = 0.9;

/// As a list; none is said to be none.
pub fn list(results: &Results, stage: &Stage, missing: &[String]) -> String {
    let mut notes = limits(results);
    notes.extend(peers_of(results, |played| played.failures > 0).into_iter().map(|(scene, peers)| {
        format!("`{scene}`: some connections failed, and were left out, with {}.", peers.join(", "))
    }));
    notes.extend(peers_of(results, |played| played.renewed > 0).into_iter().map(|(scene, peers)| {
        format!("`{scene}`: connections were not kept by {}, so each request made a new one.", peers.join(", "))
    }));
    notes.extend(results.failed.iter().map(|failed| format!("Could not be measured: {failed}.")));
    notes.extend(stage.notes.iter().chain(missing).map(|line| format!("{line}.")));
    if notes.is_empty() {
        notes.push("Client and origin were nowhere the limit, and nothing failed.".to_owned());
    }
    notes.into_iter().map(|note| format!("- {note}")).collect::<Vec<_>>().join("\n")
}

/// Where client and origin were so busy that they may have been the limit: CPU for each unit still holds there, a rate or a
/// latency may not.
fn limits(results: &Results) -> Vec<String> {
    let is_limit = |played: &Played| {
        let busy = |span: &Span| (span.client + span.origin) / span.seconds / played.others as f64;
        played.others > 0 && played.spans.iter().any(|(_, span)| busy(span) > BUSY)
    };
    let note = |(scene, peers): (&str, Vec<&str>)| {
        format!(
            "`{scene}`: the core of client and origin was busy for more than 0.9 of the time with {}, so rate and latency \
             may be theirs; CPU for each unit is not.",
            peers.join(", ")
        )
    };
    peers_of(results, is_limit).into_iter().map(note).collect()
}

/// The peers of each scene of which something is so in a round.
fn peers_of(results: &Results, is_so: impl Fn(&Played) -> bool) -> Vec<(&str, Vec<&str>)> {
    let of = |scene: &'static str| {
        let is = |peer: &&Peer| results.of(&peer.name).any(|sample| sample.scene == scene && is_so(&sample.played));
        results.peers.iter().filter(is).map(|peer| peer.name.as_str()).collect::<Vec<_>>()
    };
    let scenes = results.scenes.iter().map(|scene| (scene.name, of(scene.name)));
    scenes.filter(|(_, peers)| !peers.is_empty()).collect()
}
