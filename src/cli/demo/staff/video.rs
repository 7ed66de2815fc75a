//! Watching video: segments of four seconds, in the best quality that comes in time, until the buffer is full.

use std::time::Duration;

use super::person::Person;
use crate::cli::demo::ask::Want;
use crate::cli::demo::chance::whole;

/// Qualities, in Mbit/s.
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
    // Until when there is something to play.
    let mut plays: Option<f64> = None;
    loop {
        let mut connection = person.open(&person.origins().video).await;
        loop {
            let ahead = plays.map_or(0.0, |until| until - person.diary().now());
            if ahead > BUFFER - SEGMENT {
                tokio::time::sleep(Duration::from_secs_f64(ahead - (BUFFER - SEGMENT))).await;
            }
            let mbit = LADDER.into_iter().rev().find(|mbit| *mbit <= seen * DARE).unwrap_or(LADDER[0]);
            let began = person.diary().now();
            let want = Want { up: 600, think: 2_000, down: whole(mbit * SEGMENT * 1e6 / 8.0) };
            if !person.ask(&mut connection, want).await {
                break;
            }
            let now = person.diary().now();
            let speed = mbit * SEGMENT / (now - began);
            seen = if seen == 0.0 { speed } else { seen + NEWEST * (speed - seen) };
            plays = Some(plays.map_or(now, |until| until.max(now)) + SEGMENT);
        }
    }
}
