//! The lab's own arithmetic, held to examples. These need no world, and are played with the short scenes.

use super::goal::{Bound, GOALS, Goal};
use super::median::medians;
use super::outcome::{Context, Outcome};
use super::relate::relate;
use super::statistics::median_of_open;
use super::surge::Surge;
use crate::scene::Name;

/// Examples, by name.
pub const CHECKS: &[(&str, fn())] = &[
    ("a_ratio_is_taken_with_each_seed_and_then_the_median", ratios),
    ("what_never_came_with_most_seeds_did_not_come", never),
    ("a_page_load_that_has_not_ended_is_longer_than_it_took", open_loads),
    ("every_goal_is_of_a_scene_that_there_is", goals),
];

fn outcome(scene: Name, seed: u64, p50: f64) -> Outcome {
    let context = Context { scene: scene.text().to_owned(), seed, ..Context::default() };
    let mut outcome = Outcome { context, ..Outcome::default() };
    (outcome.clinical.count, outcome.clinical.p50, outcome.clinical.p99) = (10, p50, 2.0 * p50);
    outcome
}

/// 1.5, 1.1 and 1.2 times; of medians over medians it would be 1.1.
fn ratios() {
    let alone = [(1, 100.0), (2, 200.0), (3, 400.0)].map(|(seed, p50)| outcome(Name::Unloaded, seed, p50));
    let steady = [(3, 480.0), (1, 150.0), (2, 220.0)].map(|(seed, p50)| outcome(Name::Steady, seed, p50));
    let mut all: Vec<Outcome> = alone.into_iter().chain(steady).collect();
    all[4].failures = 2;
    relate(&mut all);
    let medians = medians(&all);
    let steady = &medians[1];
    assert!((steady.ratio.unwrap().p50 - 1.2).abs() < 1e-9, "{:?}", steady.ratio);
    assert_eq!((steady.seeds, steady.failures, steady.clinical.count), (3, 2, 30));
    assert!(medians[0].ratio.is_none(), "the unloaded scene is over itself");
}

fn never() {
    let with = |seed, back_ms| {
        let surge = Surge { served: 1.0, in_time: 1.0, reached_ms: Some(100.0), back_ms };
        Outcome { surge: Some(surge), ..outcome(Name::SurgeDown, seed, 100.0) }
    };
    let back = |all: &[Outcome]| medians(all)[0].surge.and_then(|surge| surge.back_ms);
    assert_eq!(back(&[with(1, None), with(2, None), with(3, Some(400.0))]), None);
    assert_eq!(back(&[with(1, None), with(2, Some(300.0)), with(3, Some(400.0))]), Some(400.0));
}

fn open_loads() {
    assert_eq!(median_of_open(vec![(3.0, true), (1.0, true), (2.0, true)]), Some(2.0));
    // Two that had not ended after 1 s say nothing of what comes after it: of the other three half take up to 3 s.
    assert_eq!(median_of_open(vec![(1.0, false), (1.0, false), (2.0, true), (3.0, true), (4.0, true)]), Some(3.0));
    assert_eq!(median_of_open(vec![(1.0, true), (9.0, false), (9.0, false)]), None);
}

fn goals() {
    for Goal { scene, what, bound, .. } in GOALS {
        assert!(Name::ALL.iter().any(|name| name.text() == *scene), "{what} is of {scene}");
        let (Bound::Most(bound) | Bound::Least(bound)) = bound;
        assert!(*bound >= 0.0, "{what} of {scene} is {bound}");
    }
}
