//! How clinical work was served that suddenly wanted most of the link.

use serde::{Deserialize, Serialize};

use crate::clock::{self, SECOND};
use crate::scene::{Name, Scene, Seen, WIRE};

/// How a surge was served; times in milliseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Surge {
    /// Of what was asked for within it, what had been carried when it ended and its last answers had had 250 ms.
    pub served: f64,
    /// Of the work that was due within it, how much had its whole answer within 250 ms.
    pub in_time: f64,
    /// Until clinical had 95% of what it asked for.
    pub reached_ms: Option<f64>,
    /// From its end until social had 90% of its share again; nothing also where there is no social.
    pub back_ms: Option<f64>,
}

/// Over how long a rate is looked at in a surge.
const LOOK: u64 = SECOND / 10;
/// How soon clinical work is to have what it asks for.
const IN_TIME_MS: f64 = 250.0;

impl Surge {
    /// Counts what the link carried of each class around a surge, from and to these seconds of the scene.
    pub fn count(scene: &Scene, seen: &Seen, (from, to): (f64, f64)) -> Surge {
        let [begins, ends] = [from, to].map(|at| seen.zero + clock::nanos(at));
        let way = match scene.name {
            Name::SurgeUp | Name::SurgeUpAlone => &seen.record.up,
            _ => &seen.record.down,
        };
        let clinical = |from, to| way.between(from, to).iter().map(|bin| bin.clinical).sum::<u64>() as f64;
        let other = |from, to| way.between(from, to).iter().map(|bin| bin.other).sum::<u64>() as f64;
        let due: Vec<_> = seen.diary.clinical.iter().filter(|e| (from..to).contains(&e.at)).collect();
        let asked = due.iter().map(|e| e.bytes).sum::<u64>() as f64 * WIRE;
        let in_time = due.iter().filter(|e| e.failure.is_none() && e.took_ms <= IN_TIME_MS).count();
        let a_look = asked * clock::seconds(LOOK) / (to - from);
        let step = LOOK / 10;
        let looks = |from: u64, most: u64| (0..most).map(move |at| from + at * step);
        let since = |from: u64, at: u64| clock::millis(at + LOOK - from);
        let reached = looks(begins, 500).find(|at| clinical(*at, at + LOOK) >= 0.95 * a_look);
        let share = other(begins - 3 * SECOND, begins) / 30.0;
        let back = looks(ends, 500).filter(|_| !scene.crews.is_empty()).find(|at| other(*at, at + LOOK) >= 0.9 * share);
        Surge {
            served: clinical(begins, ends + clock::nanos(IN_TIME_MS / 1e3)) / asked,
            in_time: in_time as f64 / due.len().max(1) as f64,
            reached_ms: reached.map(|at| since(begins, at)),
            back_ms: back.map(|at| since(ends, at)),
        }
    }
}
