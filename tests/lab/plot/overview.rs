//! All scenes and carriers of a run on one page: clinical p50 to p99.

use super::canvas::{BLUE, Canvas, GREY, Hold, INK, ORANGE, SHADE};
use super::scale::Scale;
use crate::measure::Outcome;

const WIDTH: f64 = 960.0;
const NAMES: f64 = 190.0;
const RIGHT: f64 = 830.0;
const HEAD: f64 = 60.0;
const ROW: f64 = 20.0;
/// Between two scenes.
const GAP: f64 = 14.0;
const FOOT: f64 = 50.0;

/// Draws it; scenes in the order in which they come, outcomes of several seeds one below the other.
pub fn overview(outcomes: &[Outcome]) -> String {
    let mut scenes: Vec<&str> = Vec::new();
    let shown: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.clinical.count > 0).collect();
    for outcome in &shown {
        if !scenes.contains(&outcome.context.scene.as_str()) {
            scenes.push(&outcome.context.scene);
        }
    }
    let height = HEAD + shown.len() as f64 * ROW + scenes.len() as f64 * GAP + FOOT;
    let x = Scale::log(50.0, 30_000.0, NAMES, RIGHT);
    let bottom = height - FOOT;
    let mut paper = Canvas::new(WIDTH, height);
    paper.text((20.0, 26.0), 18.0, Hold::Start, INK, "Clinical latency: half of all work, and all but a hundredth");
    paper.legend(RIGHT, 48.0, &[("p50 to p99", BLUE), ("with failures", ORANGE)]);
    paper.text((WIDTH - 20.0, 48.0), 11.0, Hold::End, GREY, "used down/up");
    for mark in x.marks() {
        paper.line(&[(x.at(mark), HEAD), (x.at(mark), bottom)], SHADE, 1.0);
    }
    let mut y = HEAD;
    for scene in scenes {
        y += GAP;
        paper.text((20.0, y + 14.0), 12.0, Hold::Start, INK, scene);
        for outcome in shown.iter().filter(|outcome| outcome.context.scene == scene) {
            row(&mut paper, outcome, &x, y + 10.0);
            y += ROW;
        }
    }
    let show = |ms: f64| if ms < 1000.0 { format!("{ms:.0} ms") } else { format!("{:.0} s", ms / 1e3) };
    paper.columns(&x, bottom + 6.0, show);
    paper.finish()
}

fn row(paper: &mut Canvas, outcome: &Outcome, x: &Scale, y: f64) {
    let (clinical, used) = (&outcome.clinical, &outcome.used);
    let colour = if outcome.failures > 0 { ORANGE } else { BLUE };
    let (from, to) = (x.at(clinical.p50), x.at(clinical.p99));
    paper.text((NAMES - 12.0, y + 4.0), 12.0, Hold::End, GREY, &outcome.context.carrier);
    paper.line(&[(from, y), (to, y)], colour, 4.0);
    paper.dot(from, y, 5.0, colour);
    paper.dot(to, y, 3.5, colour);
    let words = format!("{:.0} to {:.0} ms", clinical.p50, clinical.p99);
    paper.text((to + 10.0, y + 4.0), 11.0, Hold::Start, INK, &words);
    let words = format!("{:.2}/{:.2}", used.down, used.up);
    paper.text((WIDTH - 20.0, y + 4.0), 11.0, Hold::End, GREY, &words);
}
