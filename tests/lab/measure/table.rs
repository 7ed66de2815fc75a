//! The table for people.

use std::fmt::Write as _;

use super::outcome::{Each, Outcome};
use super::surge::Surge;

type Column = (&'static str, fn(&Outcome) -> String);

/// What each column shows.
const COLUMNS: &[Column] = &[
    ("scene", |o| o.context.scene.clone()),
    ("carrier", |o| o.context.carrier.clone()),
    ("tcp", |o| o.context.control.clone()),
    ("seed", |o| if o.seeds > 1 { format!("{} seeds", o.seeds) } else { o.context.seed.to_string() }),
    ("clinical p50", |o| format!("{:.0}", o.clinical.p50)),
    ("p90", |o| format!("{:.0}", o.clinical.p90)),
    ("p99", |o| format!("{:.0}", o.clinical.p99)),
    ("max ms", |o| format!("{:.0}", o.clinical.max)),
    ("n", |o| o.clinical.count.to_string()),
    ("failed", |o| o.failures.to_string()),
    ("x p50", |o| o.ratio.map_or_else(dash, |ratio| format!("{:.2}", ratio.p50))),
    ("x p99", |o| o.ratio.map_or_else(dash, |ratio| format!("{:.2}", ratio.p99))),
    ("used d/u", |o| each(o.used, |used| format!("{used:.2}"))),
    ("got Mbit d/u", |o| each(o.got, |got| format!("{got:.1}"))),
    ("queue ms d/u", |o| each(o.queue, |queue| format!("{:.0}", queue.mean))),
    ("p99 d/u", |o| each(o.queue, |queue| format!("{:.0}", queue.p99))),
    ("jain d/u", |o| each(o.jain, |jain| jain.map_or_else(dash, |jain| format!("{jain:.2}")))),
    ("wanting", |o| each(o.wanting, |wanting| wanting.to_string())),
    ("pages p50", |o| page(o, o.pages.p50)),
    ("p90 s", |o| page(o, o.pages.p90)),
    ("whole", |o| format!("{}/{}", o.whole_pages, o.pages.count)),
    ("video Mbit", |o| format!("{:.2}", o.video)),
    ("surge served, after ms, back ms", |o| o.surge.map_or_else(dash, surge)),
    ("greedy", |o| o.greedy.map_or_else(dash, |greedy| format!("{greedy:.2}"))),
    ("cpu s", |o| format!("{:.1}", o.cpu.carrier)),
    ("link cpu", |o| format!("{:.1}", o.cpu.link)),
    ("late us p99", |o| format!("{:.0}", o.precision.p99_us)),
];

fn dash() -> String {
    "-".to_owned()
}

fn each<T>(both: Each<T>, show: impl Fn(T) -> String) -> String {
    format!("{}/{}", show(both.down), show(both.up))
}

fn surge(surge: Surge) -> String {
    let ms = |ms: Option<f64>| ms.map_or_else(|| "never".to_owned(), |ms| format!("{ms:.0}"));
    format!("{:.2} {} {}", surge.served, ms(surge.reached_ms), ms(surge.back_ms))
}

fn page(outcome: &Outcome, seconds: f64) -> String {
    if outcome.pages.count == 0 { dash() } else { format!("{seconds:.1}") }
}

/// One line for each outcome, aligned.
pub fn table(outcomes: &[Outcome]) -> String {
    let heads = COLUMNS.iter().map(|(head, _)| (*head).to_owned()).collect();
    let lines = outcomes.iter().map(|outcome| COLUMNS.iter().map(|(_, show)| show(outcome)).collect());
    let lines: Vec<Vec<String>> = std::iter::once(heads).chain(lines).collect();
    let width = |at: usize| lines.iter().map(|line| line[at].len()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        for (at, cell) in line.iter().enumerate() {
            // Names to the left, numbers to the right.
            let width = widths[at];
            let _ = if at < 3 { write!(text, "{cell:<width$}  ") } else { write!(text, "{cell:>width$}  ") };
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}
