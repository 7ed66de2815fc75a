//! The course of one scene: clinical latency, rates by class each way, and the queue, over time.

use super::canvas::{BLUE, Canvas, GREY, HATCHED, Hold, INK, Mark, PURPLE, RED, SHADE, SKY, WARM};
use super::scale::Scale;
use crate::carrier::Carrier;
use crate::clock::{self, SECOND};
use crate::link::{BIN, Bin};
use crate::measure::Outcome;
use crate::scene::{Scene, Seen};
use crate::script::{Exchange, Kind};

const WIDTH: f64 = 980.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 940.0;
const HEAD: f64 = 56.0;
/// How high each part is, with the room for its title above.
const PARTS: [f64; 4] = [180.0, 130.0, 110.0, 120.0];
const TITLE: f64 = 34.0;
const FOOT: f64 = 44.0;
/// Steps that a picture has at most, of a tenth of a second or more.
const STEPS: f64 = 400.0;
const SHORTEST: usize = 10;
/// How near two words below each other may come.
const LINE: f64 = 11.0;
/// Milliseconds.
const FASTEST: f64 = 10.0;
const SLOWEST: f64 = 30_000.0;

const LOOK_UP: Mark = Mark::Dots(BLUE);
const REFERRAL: Mark = Mark::Diamonds(SKY);
const FAILED: Mark = Mark::Crosses(RED);
const CLINICAL: Mark = Mark::Area(BLUE);
const OTHER: Mark = Mark::Area(HATCHED);

/// One part of the picture: the time below it, where it stands, and how many bins make a step.
#[derive(Clone, Copy)]
struct Part<'a> {
    x: &'a Scale,
    top: f64,
    bottom: f64,
    step: usize,
}

/// Draws it.
pub fn course(outcome: &Outcome, scene: &Scene, seen: &Seen) -> String {
    let height = HEAD + PARTS.iter().sum::<f64>() + 4.0 * TITLE + FOOT;
    let x = Scale::even(0.0, scene.to, LEFT, RIGHT);
    let bins = scene.to / clock::seconds(BIN);
    let step = SHORTEST * ((bins / STEPS / SHORTEST as f64).ceil() as usize).max(1);
    let mut paper = Canvas::new(WIDTH, height);
    head(&mut paper, outcome);
    let mut end = HEAD;
    let parts = PARTS.map(|height| {
        let top = end + TITLE;
        end = top + height;
        Part { x: &x, top, bottom: end, step }
    });
    for part in &parts {
        shades(&mut paper, scene, part);
    }
    latency(&mut paper, outcome, scene, seen, &parts[0]);
    let link = &outcome.context.link;
    let ways = [("Down", &seen.record.down, link.down), ("Up", &seen.record.up, link.up)];
    for ((name, way, rate), part) in ways.into_iter().zip(&parts[1..3]) {
        let bins = way.between(seen.zero, seen.zero + clock::nanos(scene.to));
        rates(&mut paper, name, bins, rate as f64 * scene.truth / 1e6, part);
    }
    queues(&mut paper, scene, seen, link.fifo_ms, &parts[3]);
    paper.columns(&x, end, |second| format!("{second:.0}"));
    paper.text(((LEFT + RIGHT) / 2.0, height - 8.0), 11.0, Hold::Middle, GREY, "seconds since the scene began");
    paper.finish()
}

fn head(paper: &mut Canvas, outcome: &Outcome) {
    let context = &outcome.context;
    let carrier = Carrier::ALL.into_iter().find(|carrier| carrier.name() == context.carrier);
    let title = format!("{}: {}", context.scene, carrier.map(Carrier::title).unwrap_or_default());
    paper.text((LEFT, 26.0), 18.0, Hold::Start, INK, &title);
    let clinical = &outcome.clinical;
    let work = match clinical.count {
        0 => "no clinical work".to_owned(),
        count => format!(
            "clinical p50 {:.0} ms, p99 {:.0} ms, {} of {count} failed",
            clinical.p50, clinical.p99, outcome.failures
        ),
    };
    let words = format!(
        "{work}; link used {:.2} down, {:.2} up; {} senders, seed {}",
        outcome.used.down, outcome.used.up, context.control, context.seed
    );
    paper.text((LEFT, 46.0), 12.0, Hold::Start, GREY, &words);
}

/// What does not count is grey; what the scene does in its middle is yellow; a reload is a line.
fn shades(paper: &mut Canvas, scene: &Scene, part: &Part<'_>) {
    let Part { x, top, bottom, .. } = *part;
    paper.rectangle((x.at(0.0), top), (x.at(scene.from), bottom), SHADE);
    for (from, to) in scene.surge.iter().chain(&scene.peak) {
        paper.rectangle((x.at(*from), top), (x.at(*to), bottom), WARM);
    }
}

/// Over what else the part shows.
fn reloads(paper: &mut Canvas, scene: &Scene, part: &Part<'_>) {
    for (at, _) in &scene.changes {
        paper.dashed(&[(part.x.at(*at), part.top), (part.x.at(*at), part.bottom)], INK, 1.0);
    }
}

fn title(paper: &mut Canvas, text: &str, part: &Part<'_>, entries: &[(&str, Mark)]) {
    paper.text((LEFT, part.top - 8.0), 12.0, Hold::Start, INK, text);
    paper.legend(RIGHT, part.top - 8.0, entries);
}

fn latency(paper: &mut Canvas, outcome: &Outcome, scene: &Scene, seen: &Seen, part: &Part<'_>) {
    let x = part.x;
    let y = Scale::log(FASTEST, SLOWEST, part.bottom, part.top);
    let mut text = "Clinical latency, by when the work was due (grey: does not count".to_owned();
    for (is_there, what) in [
        (scene.surge.is_some(), "; yellow: the surge"),
        (scene.peak.is_some(), "; yellow: the peak"),
        (!scene.changes.is_empty(), "; upright: a reload"),
    ] {
        text.push_str(if is_there { what } else { "" });
    }
    title(paper, &(text + ")"), part, &[("look-up", LOOK_UP), ("referral", REFERRAL), ("failed", FAILED)]);
    paper.rows(&y, x, |ms| if ms < 1000.0 { format!("{ms:.0} ms") } else { format!("{:.0} s", ms / 1e3) });
    reloads(paper, scene, part);
    let place = |exchange: &Exchange| (x.at(exchange.at), y.at(exchange.took_ms));
    let of = |kind| move |exchange: &&Exchange| exchange.failure.is_none() && exchange.kind == kind;
    let work = || seen.diary.clinical.iter();
    paper.points(LOOK_UP, &work().filter(of(Kind::LookUp)).map(place).collect::<Vec<_>>());
    paper.points(REFERRAL, &work().filter(of(Kind::Referral)).map(place).collect::<Vec<_>>());
    paper.points(FAILED, &work().filter(|exchange| exchange.failure.is_some()).map(place).collect::<Vec<_>>());
    let clinical = &outcome.clinical;
    if clinical.count > 0 {
        let low = y.at(clinical.p50);
        for (name, at, word) in [("p50", low, low), ("p99", y.at(clinical.p99), y.at(clinical.p99).min(low - LINE))] {
            paper.dashed(&[(x.at(scene.from), at), (RIGHT, at)], INK, 1.0);
            paper.text((RIGHT + 6.0, word + 4.0), 11.0, Hold::Start, INK, name);
        }
    }
}

fn rates(paper: &mut Canvas, name: &str, bins: &[Bin], rate: f64, part: &Part<'_>) {
    let Part { x, top, bottom, step } = *part;
    let y = Scale::even(0.0, rate * 1.1, bottom, top);
    let text = format!("{name}: Mbit/s on the wire (dashed: all that the link carries)");
    title(paper, &text, part, &[("clinical", CLINICAL), ("everything else", OTHER)]);
    let seconds = clock::seconds(BIN) * step as f64;
    let mbit = |bytes: u64| bytes as f64 * 8.0 / 1e6 / seconds;
    paper.rows(&y, x, |mbit| format!("{mbit:.0}"));
    // Clinical stands before the sum of both.
    for (colour, others) in [(HATCHED, 1), (BLUE, 0)] {
        let height = |bins: &[Bin]| y.at(mbit(bins.iter().map(|bin| bin.clinical + others * bin.other).sum()));
        let heights = bins.chunks_exact(step).map(height).chain(std::iter::once(bottom));
        let points: Vec<_> = heights.enumerate().map(|(at, height)| (x.at(at as f64 * seconds), height)).collect();
        paper.steps(&points, bottom, colour);
    }
    paper.dashed(&[(x.at(0.0), y.at(rate)), (RIGHT, y.at(rate))], INK, 1.0);
}

fn queues(paper: &mut Canvas, scene: &Scene, seen: &Seen, most: f64, part: &Part<'_>) {
    let Part { x, top, bottom, step } = *part;
    let y = Scale::even(0.0, most * 1.1, bottom, top);
    let (down, up) = (Mark::Line(INK), Mark::Dashes(PURPLE));
    title(paper, "Queue in front of the link, ms (dashed: it is full)", part, &[("down", down), ("up", up)]);
    paper.rows(&y, x, |ms| format!("{ms:.0}"));
    reloads(paper, scene, part);
    let end = seen.zero + clock::nanos(scene.to);
    let points = |bins: &[Bin]| -> Vec<(f64, f64)> {
        // The highest of each step: a peak is not to be lost between two points.
        let highest = |bins: &[Bin]| clock::millis(bins.iter().map(|bin| bin.queue).max().unwrap_or_default());
        let middle = |at: usize| (at as f64 + 0.5) * clock::seconds(BIN) * step as f64;
        bins.chunks(step).enumerate().map(|(at, bins)| (x.at(middle(at)), y.at(highest(bins)))).collect()
    };
    paper.line(&points(seen.record.down.between(seen.zero, end)), INK, 1.3);
    paper.dashed(&points(seen.record.up.between(seen.zero, end)), PURPLE, 1.6);
    debug_assert!(SHORTEST as u64 * BIN < SECOND);
    paper.dashed(&[(x.at(0.0), y.at(most)), (RIGHT, y.at(most))], INK, 1.0);
}
