//! Several seeds of the same scene, taken together.

use super::outcome::{Each, Outcome, Ratio};
use super::statistics::Spread;

/// The median of each number over the seeds; work and failures are summed. In the order in which they come.
pub fn medians(outcomes: &[Outcome]) -> Vec<Outcome> {
    let mut groups: Vec<Vec<&Outcome>> = Vec::new();
    for outcome in outcomes {
        match groups.iter_mut().find(|group| is_same(group[0], outcome)) {
            Some(group) => group.push(outcome),
            None => groups.push(vec![outcome]),
        }
    }
    groups.into_iter().map(|group| median(&group)).collect()
}

fn is_same(one: &Outcome, other: &Outcome) -> bool {
    let (one, other) = (&one.context, &other.context);
    (&one.scene, &one.carrier, &one.control) == (&other.scene, &other.carrier, &other.control)
}

fn median(group: &[&Outcome]) -> Outcome {
    let of = |number: &dyn Fn(&Outcome) -> Option<f64>| middle(group.iter().filter_map(|outcome| number(outcome)));
    let plain = |number: &dyn Fn(&Outcome) -> f64| of(&|outcome| Some(number(outcome))).unwrap_or_default();
    let spread = |which: &dyn Fn(&Outcome) -> Spread| Spread {
        count: group.iter().map(|outcome| which(outcome).count).sum(),
        mean: plain(&|outcome| which(outcome).mean),
        p50: plain(&|outcome| which(outcome).p50),
        p90: plain(&|outcome| which(outcome).p90),
        p99: plain(&|outcome| which(outcome).p99),
        max: plain(&|outcome| which(outcome).max),
    };
    let ratio = |which: &dyn Fn(&Ratio) -> f64| of(&|outcome| outcome.ratio.as_ref().map(which));
    let mut all = group[0].clone();
    all.seeds = group.len();
    all.clinical = spread(&|outcome| outcome.clinical);
    all.failures = group.iter().map(|outcome| outcome.failures).sum();
    all.used = Each { down: plain(&|outcome| outcome.used.down), up: plain(&|outcome| outcome.used.up) };
    all.got = Each { down: plain(&|outcome| outcome.got.down), up: plain(&|outcome| outcome.got.up) };
    all.queue = Each { down: spread(&|outcome| outcome.queue.down), up: spread(&|outcome| outcome.queue.up) };
    all.jain = Each { down: of(&|outcome| outcome.jain.down), up: of(&|outcome| outcome.jain.up) };
    all.greedy = of(&|outcome| outcome.greedy);
    all.pages = spread(&|outcome| outcome.pages);
    all.whole_pages = group.iter().map(|outcome| outcome.whole_pages).sum();
    all.video = plain(&|outcome| outcome.video);
    all.cpu.carrier = plain(&|outcome| outcome.cpu.carrier);
    all.cpu.link = plain(&|outcome| outcome.cpu.link);
    all.spilled = group.iter().map(|outcome| outcome.spilled).sum();
    let both = ratio(&|ratio| ratio.p50).zip(ratio(&|ratio| ratio.p99));
    all.ratio = both.map(|(p50, p99)| Ratio { p50, p99 });
    all
}

fn middle(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    let half = numbers.len() / 2;
    match numbers.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(numbers[half]),
        _ => Some(f64::midpoint(numbers[half - 1], numbers[half])),
    }
}
