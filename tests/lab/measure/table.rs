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
    ("x p50", |o| part(o.ratio.map(|ratio| ratio.p50))),
    ("x p99", |o| part(o.ratio.map(|ratio| ratio.p99))),
    ("x alone p50", |o| part(o.over_alone.map(|ratio| ratio.p50))),
    ("p99", |o| part(o.over_alone.map(|ratio| ratio.p99))),
    ("used d/u", |o| each(o.used, |used| format!("{used:.2}"))),
    ("got Mbit d/u", |o| each(o.got, |got| format!("{got:.1}"))),
    ("queue ms d/u", |o| each(o.queue, |queue| format!("{:.0}", queue.mean))),
    ("p99 d/u", |o| each(o.queue, |queue| format!("{:.0}", queue.p99))),
    ("jain d/u", |o| each(o.jain, |jain| jain.map_or_else(dash, |jain| format!("{jain:.2}")))),
    ("wanting", |o| each(o.wanting, |wanting| wanting.to_string())),
    ("page load s", page),
    ("whole", |o| format!("{}/{}", o.whole_pages, o.pages.count)),
    ("x pools", |o| part(o.pages_over_pools)),
    ("reading Mbit", |o| format!("{:.2}", o.reading)),
    ("video", |o| format!("{:.2}", o.video)),
    ("surge served, in time, after ms, back ms", |o| o.surge.map_or_else(dash, |it| surge(it, o))),
    ("edges max ms", |o| o.edges.map_or_else(dash, |edges| format!("{:.0}", edges.max_ms))),
    ("edges max x p99", |o| part(o.edges.and_then(|edges| edges.ratio))),
    ("greedy", |o| part(o.greedy)),
    ("cpu s", |o| format!("{:.1}", o.cpu.carrier)),
    ("link cpu", |o| format!("{:.1}", o.cpu.link)),
    ("late us p99", |o| format!("{:.0}", o.precision.p99_us)),
];

fn dash() -> String {
    "-".to_owned()
}

fn part(number: Option<f64>) -> String {
    number.map_or_else(dash, |number| format!("{number:.2}"))
}

/// Something for both ways.
pub fn each<T>(both: Each<T>, show: impl Fn(T) -> String) -> String {
    format!("{}/{}", show(both.down), show(both.up))
}

fn surge(surge: Surge, outcome: &Outcome) -> String {
    let ms = |ms: Option<f64>| ms.map_or_else(|| "never".to_owned(), |ms| format!("{ms:.0}"));
    // Nobody can come back where nobody was.
    let back = if outcome.context.scene.ends_with("alone") { dash() } else { ms(surge.back_ms) };
    format!("{:.2} {:.2} {} {back}", surge.served, surge.in_time, ms(surge.reached_ms))
}

/// The median page load, or the longest that was seen where it lies beyond that.
pub fn page(outcome: &Outcome) -> String {
    match outcome.page_load {
        Some(seconds) => format!("{seconds:.1}"),
        None if outcome.pages.count == 0 => dash(),
        None => format!(">{:.1}", outcome.pages.max),
    }
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
