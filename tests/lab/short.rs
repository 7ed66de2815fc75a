//! Short versions of scenes, as tests. Each holds a bound on ratios within the same run, never on absolute times.

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::ask::Run;
use crate::carrier::Carrier;
use crate::full;
use crate::link::Link;
use crate::measure::{CHECKS, Outcome, ratio, table};
use crate::scene::{Cut, Name};

/// What must hold for clinical work in a scene, for a program that was not optimised and some seconds of which the first
/// are slow start: about twice what was then seen. With nobody in between, and with a scheduler that only holds a
/// ceiling, the medians were more than twenty times those of the unloaded scene.
struct Bound {
    /// Clinical latency over that of the unloaded scene.
    p50: f64,
    p99: f64,
    /// Of all clinical work, how much may fail.
    failed: f64,
    /// Of the link, how much must be used each way.
    used: f64,
}

const STEADY: Bound = Bound { p50: 2.0, p99: 3.5, failed: 0.0, used: 0.7 };
const BELL: Bound = Bound { p50: 2.5, p99: 4.0, failed: 0.0, used: 0.6 };
const SURGE: Bound = Bound { p50: 6.0, p99: 6.0, failed: 0.0, used: 0.7 };
/// How long clinical work is waited for, in seconds; what has not come then counts as failed, and as having taken this.
const PATIENCE: f64 = 6.0;
/// What one flow of cubic uses of a link with more queue than its round trip.
const SINGLE: f64 = 0.95;
/// How full it keeps the queue, of what that holds: cubic falls to 0.7 of the window, which is more than the round trip.
const STANDING: f64 = 0.5;

/// A name, and what it plays.
type Test = (&'static str, fn(&Lab));

/// The tests, by name.
const TESTS: &[Test] = &[
    ("one_flow_fills_the_link_and_its_queue", single),
    ("alone_clinical_work_takes_four_round_trips", unloaded),
    ("steady", |lab| lab.holds(Name::Steady, 4.0, 6.0, &STEADY)),
    ("bell", |lab| lab.holds(Name::Bell, 1.0, 7.0, &BELL)),
    ("surge_down", |lab| lab.holds(Name::SurgeDown, 2.0, 6.0, &SURGE)),
];

/// The folder of this run, and what others are measured against.
struct Lab {
    dir: tempfile::TempDir,
    unloaded: OnceCell<Outcome>,
}

/// The names of all tests.
fn names() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|(name, _)| *name).chain(TESTS.iter().map(|(name, _)| *name))
}

/// Prints the names of all tests.
pub fn list() {
    for name in names() {
        println!("{name}: test");
    }
}

/// Whether there is a test whose name contains a word; without words there are all.
pub fn any(words: &[String]) -> bool {
    names().any(|name| is_meant(name, words))
}

fn is_meant(name: &str, words: &[String]) -> bool {
    words.is_empty() || words.iter().any(|word| name.contains(word.as_str()))
}

/// Runs the tests whose names contain a word, or all; says whether they passed.
pub fn run(words: &[String]) -> bool {
    let lab = Lab { dir: tempfile::tempdir().unwrap(), unloaded: OnceCell::new() };
    let (mut passed, mut failed) = (0, 0);
    let mut count = |name: &str, test: &dyn Fn()| {
        if !is_meant(name, words) {
            return;
        }
        let went_well = catch_unwind(AssertUnwindSafe(test)).is_ok();
        println!("test {name} ... {}", if went_well { "ok" } else { "FAILED" });
        *(if went_well { &mut passed } else { &mut failed }) += 1;
    };
    CHECKS.iter().for_each(|(name, check)| count(name, check));
    TESTS.iter().for_each(|(name, test)| count(name, &|| test(&lab)));
    println!("\n{passed} passed, {failed} failed");
    failed == 0
}

impl Lab {
    fn play(&self, name: Name, carrier: Carrier, warm: f64, counts: f64) -> Outcome {
        let cut = Cut { warm, counts, patience: PATIENCE };
        let outcome = full::play(&Run { cut, ..Run::default() }, name, carrier, "cubic", 1, self.dir.path());
        print!("{}", table(std::slice::from_ref(&outcome)));
        outcome
    }

    /// The unloaded scene, which others are measured against.
    fn unloaded(&self) -> &Outcome {
        let play = || self.play(Name::Unloaded, Carrier::Clearway, 0.5, 6.0);
        self.unloaded.get_or_init(play)
    }

    /// Plays a scene and holds it to a bound.
    fn holds(&self, name: Name, warm: f64, counts: f64, bound: &Bound) {
        let unloaded = self.unloaded();
        let outcome = self.play(name, Carrier::Clearway, warm, counts);
        let ratio = ratio(&outcome, unloaded).expect("no clinical work was done");
        assert!(ratio.p50 <= bound.p50, "clinical p50 is {:.2} times that of unloaded", ratio.p50);
        assert!(ratio.p99 <= bound.p99, "clinical p99 is {:.2} times that of unloaded", ratio.p99);
        let failed = outcome.failures as f64 / outcome.clinical.count as f64;
        assert!(failed <= bound.failed, "{failed:.2} of clinical work failed: {:?}", outcome.reasons);
        let used = outcome.used.down.min(outcome.used.up);
        assert!(used >= bound.used, "only {used:.2} of the link is used");
    }
}

/// The lab itself: the rate, the delay and the queue are what they are said to be.
fn single(lab: &Lab) {
    let outcome = lab.play(Name::Single, Carrier::None, 2.0, 4.0);
    let (used, queue) = (outcome.used.down, outcome.queue.down);
    assert!((SINGLE..1.001).contains(&used), "one flow uses {used:.3} of the link");
    let most = Link::default().fifo_ms;
    assert!(queue.max <= most, "the queue was {:.1} ms long, and holds {most} ms", queue.max);
    assert!(queue.p50 >= STANDING * most, "the queue stands at {:.1} ms only", queue.p50);
}

/// Beyond the gateway a look-up has the handshake, the hello, the question and a second flight of the answer.
fn unloaded(lab: &Lab) {
    let outcome = lab.unloaded();
    let round = 2.0 * outcome.context.link.delay_ms;
    let rounds = outcome.clinical.p50 / round;
    assert_eq!(outcome.failures, 0, "{:?}", outcome.reasons);
    assert!((4.0..8.0).contains(&rounds), "clinical work takes {rounds:.1} round trips");
}
