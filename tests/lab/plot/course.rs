//! The course of one scene: clinical latency, rates by class each way, and the queue, over time.

use super::canvas::{BLUE, Canvas, GREY, Hold, INK, ORANGE, RED, SHADE, SKY, WARM};
use super::scale::Scale;
use crate::clock::{self, SECOND};
use crate::link::{BIN, Bin};
use crate::measure::Outcome;
use crate::scene::{Scene, Seen};
use crate::script::Kind;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 940.0;
const HEAD: f64 = 56.0;
/// How high each part is, with the room for its title above.
const PARTS: [f64; 4] = [180.0, 130.0, 110.0, 120.0];
const TITLE: f64 = 34.0;
const FOOT: f64 = 44.0;
/// Bins that make one step of the rates.
const STEP: usize = 10;
/// Milliseconds.
const FASTEST: f64 = 10.0;
const SLOWEST: f64 = 30_000.0;

/// Draws it.
pub fn course(outcome: &Outcome, scene: &Scene, seen: &Seen) -> String {
    let height = HEAD + PARTS.iter().sum::<f64>() + 4.0 * TITLE + FOOT;
    let x = Scale::even(0.0, scene.to, LEFT, RIGHT);
    let mut paper = Canvas::new(WIDTH, height);
    head(&mut paper, outcome);
    let mut top = HEAD;
    let mut part = |height: f64| {
        let from = top + TITLE;
        top = from + height;
        (from, top)
    };
    let places = PARTS.map(&mut part);
    for place in places {
        shades(&mut paper, scene, &x, place);
    }
    latency(&mut paper, seen, &x, places[0]);
    let link = &outcome.context.link;
    let ways = [("Down", &seen.record.down, link.down), ("Up", &seen.record.up, link.up)];
    for ((name, way, rate), place) in ways.into_iter().zip([places[1], places[2]]) {
        let bins = way.between(seen.zero, seen.zero + clock::nanos(scene.to));
        rates(&mut paper, name, bins, rate as f64 * scene.truth / 1e6, &x, place);
    }
    queues(&mut paper, scene, seen, link.fifo_ms, &x, places[3]);
    paper.columns(&x, places[3].1, |second| format!("{second:.0}"));
    paper.text(((LEFT + RIGHT) / 2.0, height - 8.0), 11.0, Hold::Middle, GREY, "seconds");
    paper.finish()
}

fn head(paper: &mut Canvas, outcome: &Outcome) {
    let context = &outcome.context;
    let title = format!("{}, carried by {}", context.scene, context.carrier);
    paper.text((LEFT, 26.0), 18.0, Hold::Start, INK, &title);
    let clinical = &outcome.clinical;
    let words = format!(
        "clinical p50 {:.0} ms, p99 {:.0} ms, {} of {} failed; link used {:.2} down, {:.2} up; {}, seed {}",
        clinical.p50,
        clinical.p99,
        outcome.failures,
        clinical.count,
        outcome.used.down,
        outcome.used.up,
        context.control,
        context.seed
    );
    paper.text((LEFT, 46.0), 12.0, Hold::Start, GREY, &words);
}

/// What does not count is grey; what the scene does in its middle is yellow.
fn shades(paper: &mut Canvas, scene: &Scene, x: &Scale, place: (f64, f64)) {
    paper.rectangle((x.at(0.0), place.0), (x.at(scene.from), place.1), SHADE);
    for (from, to) in scene.surge.iter().chain(&scene.narrow) {
        paper.rectangle((x.at(*from), place.0), (x.at(*to), place.1), WARM);
    }
}

fn title(paper: &mut Canvas, text: &str, place: (f64, f64), entries: &[(&str, &str)]) {
    paper.text((LEFT, place.0 - 8.0), 12.0, Hold::Start, INK, text);
    paper.legend(RIGHT, place.0 - 8.0, entries);
}

fn latency(paper: &mut Canvas, seen: &Seen, x: &Scale, place: (f64, f64)) {
    let y = Scale::log(FASTEST, SLOWEST, place.1, place.0);
    let entries = [("look-up", BLUE), ("referral", SKY), ("failed", RED)];
    title(paper, "Clinical latency by the moment it was due (grey: does not count)", place, &entries);
    paper.rows(&y, x, |ms| if ms < 1000.0 { format!("{ms:.0} ms") } else { format!("{:.0} s", ms / 1e3) });
    for exchange in &seen.diary.clinical {
        let colour = match (&exchange.failure, exchange.kind) {
            (Some(_), _) => RED,
            (None, Kind::LookUp) => BLUE,
            (None, Kind::Referral) => SKY,
        };
        paper.dot(x.at(exchange.at), y.at(exchange.took_ms), 2.2, colour);
    }
}

fn rates(paper: &mut Canvas, name: &str, bins: &[Bin], rate: f64, x: &Scale, place: (f64, f64)) {
    let y = Scale::even(0.0, rate * 1.1, place.1, place.0);
    title(paper, &format!("{name}, Mbit/s on the wire"), place, &[("clinical", BLUE), ("everything else", ORANGE)]);
    let seconds = clock::seconds(BIN) * STEP as f64;
    let mbit = |bytes: u64| bytes as f64 * 8.0 / 1e6 / seconds;
    let steps: Vec<(f64, f64, f64)> = bins
        .chunks_exact(STEP)
        .enumerate()
        .map(|(at, step)| {
            let clinical = mbit(step.iter().map(|bin| bin.clinical).sum());
            (at as f64 * seconds, clinical, clinical + mbit(step.iter().map(|bin| bin.other).sum()))
        })
        .collect();
    paper.rows(&y, x, |mbit| format!("{mbit:.0}"));
    for (colour, high) in [(ORANGE, 2), (BLUE, 1)] {
        let height = |step: &(f64, f64, f64)| if high == 2 { step.2 } else { step.1 };
        let mut points = vec![(x.at(0.0), y.at(0.0))];
        for step in &steps {
            let at = y.at(height(step));
            points.extend([(x.at(step.0), at), (x.at(step.0 + seconds), at)]);
        }
        points.push((points[points.len() - 1].0, y.at(0.0)));
        paper.area(&points, colour);
    }
    paper.dashed((x.at(0.0), y.at(rate)), (RIGHT, y.at(rate)), INK);
}

fn queues(paper: &mut Canvas, scene: &Scene, seen: &Seen, most: f64, x: &Scale, place: (f64, f64)) {
    let y = Scale::even(0.0, most * 1.1, place.1, place.0);
    title(paper, "Queue in front of the link, ms (dashed: it is full)", place, &[("down", ORANGE), ("up", BLUE)]);
    paper.rows(&y, x, |ms| format!("{ms:.0}"));
    let end = seen.zero + clock::nanos(scene.to);
    for (way, colour) in [(&seen.record.down, ORANGE), (&seen.record.up, BLUE)] {
        let bins = way.between(seen.zero, end);
        let step = clock::seconds(BIN) * STEP as f64;
        // The highest of each tenth of a second: a peak is not to be lost between two points.
        let highest = |bins: &[Bin]| clock::millis(bins.iter().map(|bin| bin.queue).max().unwrap_or_default());
        let points: Vec<(f64, f64)> = bins
            .chunks(STEP)
            .enumerate()
            .map(|(at, bins)| (x.at((at as f64 + 0.5) * step), y.at(highest(bins))))
            .collect();
        paper.line(&points, colour, 1.4);
    }
    debug_assert!(STEP as u64 * BIN < SECOND);
    paper.dashed((x.at(0.0), y.at(most)), (RIGHT, y.at(most)), INK);
}
