//! What an act came to: the numbers of the summary, and of the picture while it goes on.

use super::act;
use super::cast::{CAST, Habit};
use super::diary::{Diary, Exchange, Notes, Sample};
use crate::base::Rate;

/// Numbers of an act, or of the part of it that is over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Milliseconds from when clinical work was due to the whole answer: half of all was done in this time,
    pub p50: Option<f64>,
    /// and all but a hundredth in this.
    pub p99: Option<f64>,
    /// How much clinical work that was, and how much of it failed.
    pub asked: usize,
    /// How much failed.
    pub failed: usize,
    /// Of what the link can carry, down and up.
    pub used: Option<[f64; 2]>,
    /// Milliseconds that stood in its queues half of the time, down and up.
    pub queue: Option<[f64; 2]>,
    /// Seconds that half of all pages took. One that was not whole at the end counts as long as it had taken.
    pub page: Option<f64>,
    /// Mbit/s that each who watches video received.
    pub video: Option<f64>,
    /// Mbit/s that each who sends photos sent.
    pub photos: Option<f64>,
    /// Fairness between those who watch video: 1 when all received the same.
    pub jain: Option<f64>,
    /// Clinical work, all of it, for a drawing.
    pub course: Vec<Exchange>,
}

impl Outcome {
    /// Of what is in a diary by now.
    pub fn count(diary: &Diary) -> Outcome {
        let notes = diary.notes().clone();
        // The last look at the link is the end of an act that is over.
        let (now, from) = (notes.samples.last().map_or(0.0, |sample| sample.at), diary.counts_from());
        let counted: Vec<&Exchange> = notes.clinical.iter().filter(|exchange| exchange.at >= from).collect();
        let took: Vec<f64> = counted.iter().map(|exchange| exchange.took_ms).collect();
        let samples: Vec<&Sample> = notes.samples.iter().filter(|sample| sample.at >= from).collect();
        let seconds = now - from;
        let people = notes.samples.last().is_some_and(|sample| sample.moved.iter().any(|moved| *moved > 0));
        let each = |habit| (people && seconds > 0.0).then(|| mean(&shares(&notes, habit)) * 8e-6 / seconds);
        Outcome {
            p50: rank(took.clone(), 0.5),
            p99: rank(took, 0.99),
            asked: counted.len(),
            failed: counted.iter().filter(|exchange| exchange.failed).count(),
            used: used(&samples),
            queue: both(|way| rank(samples.iter().map(|sample| sample.queue_ms[way]).collect(), 0.5)),
            page: rank(pages(&notes, now), 0.5),
            video: each(Habit::Video),
            photos: each(Habit::Photos),
            jain: if people { jain(&shares(&notes, Habit::Video)) } else { None },
            course: notes.clinical,
        }
    }
}

/// What is needed for both ways or for none.
fn both(of: impl Fn(usize) -> Option<f64>) -> Option<[f64; 2]> {
    Some([of(0)?, of(1)?])
}

/// Of what the link can carry between the first and the last look at it.
pub fn used(samples: &[&Sample]) -> Option<[f64; 2]> {
    let (first, last) = (samples.first()?, samples.last()?);
    let link = act::link();
    let seconds = last.at - first.at;
    let part = |way: usize, rate: Rate| (last.passed[way] - first.passed[way]) / (rate.bytes_per_second() * seconds);
    (seconds > 0.0).then(|| [part(0, link.down), part(1, link.up)])
}

fn pages(notes: &Notes, now: f64) -> Vec<f64> {
    let unfinished = notes.waiting.iter().flatten().map(|since| now - since);
    notes.pages.iter().copied().chain(unfinished).collect()
}

fn shares(notes: &Notes, habit: Habit) -> Vec<f64> {
    notes.counted[CAST.numbers(habit)].iter().map(|bytes| *bytes as f64).collect()
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len().max(1) as f64
}

/// By the nearest rank.
fn rank(mut numbers: Vec<f64>, part: f64) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let count = numbers.len();
    let at = usize::try_from(super::chance::whole((part * count as f64).ceil())).ok()?;
    numbers.get(at.max(1) - 1).copied()
}

/// Jain's index of fairness: 1 when all have the same, 1/n when one has all.
fn jain(shares: &[f64]) -> Option<f64> {
    let (sum, squares) = shares.iter().fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
    (squares > 0.0).then(|| sum * sum / (shares.len() as f64 * squares))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_the_nearest() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(rank(hundred.clone(), 0.5), Some(50.0));
        assert_eq!(rank(hundred, 0.99), Some(99.0));
        assert_eq!(rank(vec![3.0], 0.5), Some(3.0));
        assert_eq!(rank(Vec::new(), 0.5), None);
    }

    #[test]
    fn jains_index_is_one_for_equals_and_the_nth_for_one_who_has_all() {
        assert_eq!(jain(&[2.0, 2.0, 2.0]), Some(1.0));
        assert_eq!(jain(&[4.0, 0.0, 0.0, 0.0]), Some(0.25));
        assert_eq!(jain(&[0.0, 0.0]), None);
    }

    #[test]
    fn use_is_what_passed_between_two_looks() {
        let sample = |at, down, up| Sample { at, queue_ms: [0.0; 2], passed: [down, up], moved: [0; 3] };
        // 20 Mbit/s are 2.5 MB a second, 8 Mbit/s are 1 MB.
        let (first, last) = (sample(1.0, 1e6, 0.0), sample(3.0, 3.5e6, 2e6));
        assert_eq!(used(&[&first, &last]), Some([0.5, 1.0]));
        assert_eq!(used(&[&first]), None);
    }
}
