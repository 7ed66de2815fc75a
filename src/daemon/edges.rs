//! Keeps the clock's edges: when a window opens or closes, the tubes change and open flows are judged again; those that have
//! been silent for too long end.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::base::clock;
use crate::flow::Carrier;

/// The longest sleep: a clock that is set, or a machine that slept, is noticed within this.
const LOOK: Duration = Duration::from_secs(20);

/// Runs until it is dropped. `changed` wakes it when a new plan may have another next edge.
pub async fn keep(carrier: Arc<Carrier>, changed: Arc<Notify>) {
    let mut last = clock::wall();
    loop {
        let edge = carrier.current().plan.next_edge(last);
        tokio::select! {
            () = tokio::time::sleep(until(edge, clock::wall())) => {}
            () = changed.notified() => {}
        }
        let now = clock::wall();
        if passed(last, now, edge) {
            tracing::info!(generation = carrier.current().plan.generation, "a window opened or closed");
            carrier.edge(now);
        }
        last = now;
        carrier.live.end_silent(clock::now());
    }
}

fn until(edge: Option<Timestamp>, now: Timestamp) -> Duration {
    let left = edge.map_or(LOOK, |edge| Duration::try_from(edge.duration_since(now)).unwrap_or_default());
    left.min(LOOK)
}

/// Whether an edge lies between two looks at the clock; a clock that was set back may have crossed any.
fn passed(last: Timestamp, now: Timestamp, edge: Option<Timestamp>) -> bool {
    now < last || edge.is_some_and(|edge| edge <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_edge_is_seen_once_it_has_passed_and_a_clock_set_back_is_an_edge() {
        assert!(!passed(at(10), at(20), Some(at(21))));
        assert!(passed(at(10), at(20), Some(at(20))));
        assert!(!passed(at(10), at(20), None));
        assert!(passed(at(20), at(10), None));
    }

    #[test]
    fn the_sleep_ends_at_the_edge_or_at_the_next_look() {
        assert_eq!(until(Some(at(25)), at(20)), Duration::from_secs(5));
        assert_eq!(until(Some(at(9999)), at(20)), LOOK);
        assert_eq!(until(Some(at(19)), at(20)), Duration::ZERO);
        assert_eq!(until(None, at(20)), LOOK);
    }
}
