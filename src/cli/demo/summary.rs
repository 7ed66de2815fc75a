//! The table at the end, what was real in it and what was not, and where to go from here.

use std::fmt::Write as _;

use super::act::{self, Act};
use super::cast::CAST;
use super::link::Spec;
use super::outcome::Outcome;
use crate::cli::ink::Style;

/// The columns of the table.
const NAME: usize = 26;
const COLUMN: usize = 17;
/// What a number that an act does not have looks like.
const NONE: &str = "-";
/// How wide the courses are.
const COURSE: usize = 50;

/// The whole summary. `seconds` is how long each act asked.
pub fn words(outcomes: &[Outcome; 3], seconds: [f64; 3], style: Style) -> String {
    let mut text = String::new();
    let titles = Act::ALL.map(|act| act.title().to_owned());
    row(&mut text, "", &titles);
    for (name, cell) in ROWS {
        row(&mut text, name, &outcomes.each_ref().map(|outcome| cell(outcome).unwrap_or_else(|| NONE.to_owned())));
    }
    let _ = writeln!(text, "\nclinical answers as they came, from 50 ms (low) to 5 s (high):");
    for ((act, outcome), seconds) in Act::ALL.iter().zip(outcomes).zip(seconds) {
        let line = style.line(&outcome.course, seconds, COURSE);
        let _ = writeln!(text, "{}", format!("  {:<17} {line}", act.title()).trim_end());
    }
    text + &notes()
}

type Cell = fn(&Outcome) -> Option<String>;

const ROWS: [(&str, Cell); 9] = [
    ("clinical p50", |outcome| outcome.p50.map(|ms| format!("{ms:.0} ms"))),
    ("clinical p99", |outcome| outcome.p99.map(|ms| format!("{ms:.0} ms"))),
    ("clinical failures", |outcome| Some(format!("{} of {}", outcome.failed, outcome.asked))),
    ("link used, down / up", |outcome| {
        outcome.used.map(|[down, up]| format!("{:.0} / {:.0} %", down * 100.0, up * 100.0))
    }),
    ("queue p50, down / up", |outcome| outcome.queue.map(|[down, up]| format!("{down:.0} / {up:.0} ms"))),
    ("page load, median", |outcome| outcome.page.map(|seconds| format!("{seconds:.1} s"))),
    ("video, each watcher", |outcome| outcome.video.map(|mbit| format!("{mbit:.2} Mbit/s"))),
    ("photos, each sender", |outcome| outcome.photos.map(|mbit| format!("{mbit:.2} Mbit/s"))),
    ("Jain's index, watchers", |outcome| outcome.jain.map(|jain| format!("{jain:.2}"))),
];

fn row(text: &mut String, name: &str, cells: &[String; 3]) {
    let _ = write!(text, "{name:<NAME$}");
    for cell in cells {
        let _ = write!(text, "{cell:>COLUMN$}");
    }
    text.push('\n');
}

fn notes() -> String {
    let Spec { down, up, delay, queue } = act::link();
    let [trip, queue] = [delay * 2, queue].map(|time| time.as_millis());
    let people = CAST.people();
    format!(
        "
Emulated: a link of {down} down and {up} up with {trip} ms of round trip and
{queue} ms of queue each way, {people} people at lunch; both lunches are the same one.
Real: the gateway, its files, the windows of its sockets. Not real: TCP over the
link is a model of TCP; all is one machine and loopback; the link itself counts
what passes it, where a gateway would ask its [link] interface.
Next: README.md, and `make lab`: 200 people, the kernel's own TCP (needs root)."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_fits_into_eighty_columns_and_what_an_act_lacks_is_a_dash() {
        let full = Outcome {
            p50: Some(4_999.4),
            p99: Some(5_000.0),
            asked: 1_000,
            failed: 1_000,
            used: Some([1.0, 1.0]),
            queue: Some([150.0, 150.0]),
            page: Some(17.25),
            video: Some(1.0),
            photos: Some(2.0),
            jain: Some(0.987),
            course: Vec::new(),
        };
        let text = words(&[Outcome::default(), full.clone(), full], [1.0; 3], Style { colour: false, unicode: true });
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(
            text.contains("clinical failures                    0 of 0     1000 of 1000     1000 of 1000"),
            "{text}"
        );
        assert!(
            text.contains("page load, median                         -           17.2 s           17.2 s"),
            "{text}"
        );
    }
}
