//! How it all is, in a sentence: the same words on the live page, in `clearway top` and in the API. Pure.

use serde::{Deserialize, Serialize};

use super::view::{LinkNow, TubeView};

/// From here on, in milliseconds, clear traffic is said to wait: the scheduler gives what is due within a millisecond, and
/// less than this nobody feels beside a round trip.
const WAITS: f64 = 10.0;

/// From here on the queue on the link is said to stand in the way of clear traffic: what the scheduler calls a full one.
const QUEUE: f64 = 30.0;

/// From here on, in percent of its limit, a tube is said to be full; rates are averages over a second, and bursts leave gaps.
const FULL: u64 = 95;

/// So many tubes are named before the rest are counted: a sentence is to be taken in at a glance.
const NAMED: usize = 3;

/// All in a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mood {
    /// What comes first does not wait.
    #[default]
    Clear,
    /// It waits for its share.
    Waits,
    /// A queue stands on the link, which it has to pass.
    Queue,
}

/// How it all is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateView {
    /// In a word: `clear`, `waits` or `queue`.
    pub mood: Mood,
    /// Of what comes first.
    pub text: String,
    /// Of all others.
    pub others: String,
}

impl StateView {
    /// What to say of the link and its tubes.
    pub fn of(link: &LinkNow, tubes: &[TubeView]) -> Self {
        let Some(first) = tubes.iter().map(|tube| tube.priority).min() else {
            return StateView::default();
        };
        let (clear, rest): (Vec<&TubeView>, Vec<&TubeView>) = tubes.iter().partition(|tube| tube.priority == first);
        let queue = [link.down.queue_ms, link.up.queue_ms].into_iter().flatten().fold(0.0, f64::max);
        let slow: Vec<_> = clear.iter().filter(|tube| wait(tube) >= WAITS).copied().collect();
        let (mood, text) = if !slow.is_empty() {
            let worst = slow.iter().map(|tube| wait(tube)).fold(0.0, f64::max);
            (Mood::Waits, format!("{} {} {}.", named(&slow), verb(&slow, "waits", "wait"), time(worst)))
        } else if queue >= QUEUE {
            let not = verb(&clear, "is", "are");
            let queue = time(queue);
            (Mood::Queue, format!("{} {not} not clear: a queue of {queue} stands on the link.", named(&clear)))
        } else {
            (Mood::Clear, format!("{} {} clear: nothing waits.", named(&clear), verb(&clear, "is", "are")))
        };
        StateView { mood, text: capital(&text), others: others(&rest) }
    }
}

fn others(rest: &[&TubeView]) -> String {
    let told: Vec<String> = rest.iter().filter_map(|tube| told(tube)).collect();
    let more = told.len().saturating_sub(NAMED);
    match told.len() {
        0 if rest.is_empty() => String::new(),
        0 => "Nothing else waits.".to_owned(),
        _ if more > 0 => capital(&format!("{}, and {more} more.", told[..NAMED].join(", "))),
        _ => capital(&format!("{}.", told.join(", "))),
    }
}

/// What is to be said of a tube that may wait: nothing where it does not.
fn told(tube: &TubeView) -> Option<String> {
    let full = [tube.down, tube.up].iter().any(|way| is_full(way.used, way.limit));
    let waits = wait(tube);
    match (full, waits >= WAITS) {
        (true, true) => Some(format!("{} is full and waits {}", tube.tube, time(waits))),
        (true, false) => Some(format!("{} is full", tube.tube)),
        (false, true) => Some(format!("{} waits {}", tube.tube, time(waits))),
        (false, false) => None,
    }
}

/// Whether so much of a limit is used that it is called full.
pub fn is_full(used: u64, limit: Option<u64>) -> bool {
    limit.is_some_and(|limit| limit > 0 && used >= limit / 100 * FULL)
}

/// The longest wait of a tube's, in milliseconds.
fn wait(tube: &TubeView) -> f64 {
    let opening = tube.admission.wait_ms.filter(|_| tube.admission.waiting > 0);
    [tube.down.wait_ms, tube.up.wait_ms, opening].into_iter().flatten().fold(0.0, f64::max)
}

fn named(tubes: &[&TubeView]) -> String {
    let names: Vec<&str> = tubes.iter().map(|tube| tube.tube.as_str()).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] if names.len() <= NAMED => format!("{} and {last}", most.join(", ")),
        all => format!("{} and {} more", all[..NAMED - 1].join(", "), all.len() + 1 - NAMED),
    }
}

fn verb(tubes: &[&TubeView], one: &'static str, many: &'static str) -> &'static str {
    if tubes.len() == 1 { one } else { many }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// 0 ms, 0.4 ms, 45 ms, 1.2 s
pub fn time(ms: f64) -> String {
    match ms {
        1000.0.. => format!("{:.1} s", ms / 1000.0),
        0.05..9.95 => format!("{ms:.1} ms"),
        _ => format!("{ms:.0} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::view::{AdmissionView, LinkWayView, RefusedView, WayView};

    fn tube(name: &str, priority: u8, used: u64, limit: Option<u64>, wait_ms: Option<f64>) -> TubeView {
        let way = WayView { limit, used, wait_ms };
        TubeView {
            tube: name.to_owned(),
            within: None,
            priority,
            down: way,
            up: WayView::default(),
            flows: 1,
            waiting: 0,
            admission: AdmissionView::default(),
            refused: RefusedView::default(),
            peak: None,
        }
    }

    #[test]
    fn times_have_the_figures_that_tell() {
        for (ms, text) in
            [(0.0, "0 ms"), (0.04, "0 ms"), (0.42, "0.4 ms"), (9.94, "9.9 ms"), (9.96, "10 ms"), (45.3, "45 ms")]
        {
            assert_eq!(time(ms), text);
        }
        assert_eq!(time(1_234.0), "1.2 s");
    }

    #[test]
    fn the_sentence_says_whether_what_comes_first_waits_and_who_else_does() {
        let queue =
            |ms| LinkNow { down: LinkWayView { limit: None, used: None, queue_ms: Some(ms) }, ..LinkNow::default() };
        let clinical = |wait| tube("clinical", 0, 5, None, wait);
        let social = |used, wait| tube("social", 2, used, Some(1_000), wait);
        let imaging = tube("imaging", 0, 5, None, None);
        for (link, tubes, mood, text, others) in [
            (
                queue(2.0),
                vec![clinical(None), social(10, None)],
                Mood::Clear,
                "Clinical is clear: nothing waits.",
                "Nothing else waits.",
            ),
            (
                queue(2.0),
                vec![clinical(Some(0.3)), social(990, Some(92.0))],
                Mood::Clear,
                "Clinical is clear: nothing waits.",
                "Social is full and waits 92 ms.",
            ),
            (
                queue(2.0),
                vec![clinical(Some(40.0)), social(10, Some(92.0))],
                Mood::Waits,
                "Clinical waits 40 ms.",
                "Social waits 92 ms.",
            ),
            (
                queue(45.0),
                vec![clinical(None), social(960, None)],
                Mood::Queue,
                "Clinical is not clear: a queue of 45 ms stands on the link.",
                "Social is full.",
            ),
            (
                queue(0.0),
                vec![clinical(None), imaging],
                Mood::Clear,
                "Clinical and imaging are clear: nothing waits.",
                "",
            ),
            (queue(0.0), vec![social(10, Some(1_500.0))], Mood::Waits, "Social waits 1.5 s.", ""),
            (queue(0.0), vec![], Mood::Clear, "", ""),
        ] {
            let state = StateView::of(&link, &tubes);
            assert_eq!((state.mood, state.text.as_str(), state.others.as_str()), (mood, text, others));
        }
        let many: Vec<_> = ["a", "b", "c", "d", "e"].map(|name| tube(name, 1, 1, None, Some(20.0))).into();
        let all = [vec![clinical(None)], many].concat();
        assert_eq!(StateView::of(&queue(0.0), &all).others, "A waits 20 ms, b waits 20 ms, c waits 20 ms, and 2 more.");
    }
}
