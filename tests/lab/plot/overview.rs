//! All scenes and carriers of a run on one page: clinical p50 to p99.

use super::canvas::{BLUE, Canvas, GREY, Hold, INK, Mark, RED, SHADE};
use super::scale::Scale;
use crate::measure::Outcome;

const WIDTH: f64 = 1040.0;
const NAMES: f64 = 250.0;
const RIGHT: f64 = 850.0;
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
    let is_one_kind = shown.iter().all(|outcome| outcome.context.control == shown[0].context.control);
    let height = HEAD + shown.len() as f64 * ROW + scenes.len() as f64 * GAP + FOOT;
    let x = Scale::log(50.0, 30_000.0, NAMES, RIGHT);
    let bottom = height - FOOT;
    let mut paper = Canvas::new(WIDTH, height);
    let title = "Clinical latency: half of the work is done by the left dot, all but a hundredth by the right one";
    paper.text((20.0, 26.0), 16.0, Hold::Start, INK, title);
    paper.legend(RIGHT - 20.0, 48.0, &[("p50 to p99", Mark::Line(BLUE)), ("some work failed", Mark::Dashes(RED))]);
    paper.text((WIDTH - 20.0, 48.0), 11.0, Hold::End, GREY, "link used, down/up");
    for mark in x.marks() {
        paper.line(&[(x.at(mark), HEAD), (x.at(mark), bottom)], SHADE, 1.0);
    }
    let mut y = HEAD;
    for scene in scenes {
        y += GAP;
        paper.text((20.0, y + 14.0), 12.0, Hold::Start, INK, scene);
        for outcome in shown.iter().filter(|outcome| outcome.context.scene == scene) {
            row(&mut paper, outcome, is_one_kind, &x, y + 10.0);
            y += ROW;
        }
    }
    let show = |ms: f64| if ms < 1000.0 { format!("{ms:.0} ms") } else { format!("{:.0} s", ms / 1e3) };
    paper.columns(&x, bottom + 6.0, show);
    paper.finish()
}

fn row(paper: &mut Canvas, outcome: &Outcome, is_one_kind: bool, x: &Scale, y: f64) {
    let (clinical, used, context) = (&outcome.clinical, &outcome.used, &outcome.context);
    let has_failed = outcome.failures > 0;
    let colour = if has_failed { RED } else { BLUE };
    let (from, to) = (x.at(clinical.p50), x.at(clinical.p99));
    let name = if is_one_kind { context.carrier.clone() } else { format!("{}, {}", context.carrier, context.control) };
    paper.text((NAMES - 12.0, y + 4.0), 12.0, Hold::End, GREY, &name);
    if has_failed {
        paper.dashed(&[(from, y), (to, y)], colour, 3.0);
    } else {
        paper.line(&[(from, y), (to, y)], colour, 3.0);
    }
    paper.dot(from, y, 5.0, colour);
    paper.dot(to, y, 3.5, colour);
    let failed =
        if has_failed { format!(", {} of {} failed", outcome.failures, clinical.count) } else { String::new() };
    let words = format!("{:.0} to {:.0} ms{failed}", clinical.p50, clinical.p99);
    paper.text((to + 10.0, y + 4.0), 11.0, Hold::Start, INK, &words);
    let words = format!("{:.2} / {:.2}", used.down, used.up);
    paper.text((WIDTH - 20.0, y + 4.0), 11.0, Hold::End, GREY, &words);
}
