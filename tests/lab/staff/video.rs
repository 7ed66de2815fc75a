//! Watching video: segments of four seconds, in the best quality that comes in time, until the buffer is full.

use std::time::Duration;

use super::Person;
use crate::script::Segment;
use crate::tunnel::Want;
use crate::world::Server;

/// Qualities, in Mbit/s; segments of 0.5 to 2 MB.
const LADDER: [f64; 3] = [1.0, 2.5, 4.0];
/// A segment, in seconds of play.
const SEGMENT: f64 = 4.0;
/// What a player keeps ahead, in seconds of play.
const BUFFER: f64 = 24.0;
/// Of the throughput it has seen a player dares to use this much.
const DARE: f64 = 0.8;
/// How much the last segment counts in what it has seen.
const NEWEST: f64 = 0.4;

pub async fn watch(person: &Person) {
    let mut seen: f64 = 0.0;
    // Until when there is something to play; the picture stands still after that.
    let mut plays = None;
    loop {
        let mut tunnel = person.open(Server::Video).await;
        loop {
            let ahead = plays.map_or(0.0, |until: f64| until - person.now());
            if ahead > BUFFER - SEGMENT {
                tokio::time::sleep(Duration::from_secs_f64(ahead - (BUFFER - SEGMENT))).await;
            }
            let mbit = LADDER.into_iter().rev().find(|mbit| *mbit <= seen * DARE).unwrap_or(LADDER[0]);
            let began = person.now();
            let want = Want { up: 600, think: 2_000, down: (mbit * SEGMENT * 1e6 / 8.0) as u64 };
            if !person.ask(&mut tunnel, want).await {
                break;
            }
            let now = person.now();
            let speed = mbit * SEGMENT / (now - began);
            seen = if seen == 0.0 { speed } else { seen + NEWEST * (speed - seen) };
            let stalled = plays.map_or(0.0, |until| (now - until).max(0.0));
            plays = Some(plays.map_or(now, |until| until.max(now)) + SEGMENT);
            person.note(|notes| notes.segments.push(Segment { who: person.who(), at: now, mbit, stalled }));
        }
    }
}
