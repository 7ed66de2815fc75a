//! Several seeds of the same scene, taken together. Ratios are taken with each seed before, and are numbers like others.

use serde_json::{Map, Value};

use super::outcome::Outcome;
use crate::carrier::Carrier;
use crate::scene::Name;

/// What is summed over the seeds, wherever it stands: it says how much was seen. Of all other numbers it is the median.
const SUMMED: [&str; 8] = ["count", "work", "failures", "reasons", "trouble", "whole_pages", "lost", "spilled"];
/// Where nothing stands for what never came, which is worse than any number. Elsewhere it is what could not be measured.
const NEVER: [&str; 3] = ["reached_ms", "back_ms", "page_load"];

/// The median of each number over the seeds. Scenes and carriers stand in the order in which the lab names them, for a
/// run may have gone on with others.
pub fn medians(outcomes: &[Outcome]) -> Vec<Outcome> {
    let mut groups: Vec<Vec<&Outcome>> = Vec::new();
    for outcome in outcomes {
        match groups.iter_mut().find(|group| is_same(group[0], outcome)) {
            Some(group) => group.push(outcome),
            None => groups.push(vec![outcome]),
        }
    }
    groups.sort_by_key(|group| place(group[0]));
    groups.into_iter().map(|group| median(&group)).collect()
}

fn is_same(one: &Outcome, other: &Outcome) -> bool {
    let (one, other) = (&one.context, &other.context);
    (&one.scene, &one.carrier, &one.control) == (&other.scene, &other.carrier, &other.control)
}

fn place(outcome: &Outcome) -> (Option<usize>, Option<usize>) {
    let context = &outcome.context;
    let scene = Name::ALL.iter().position(|name| name.text() == context.scene);
    (scene, Carrier::ALL.iter().position(|carrier| carrier.name() == context.carrier))
}

fn median(group: &[&Outcome]) -> Outcome {
    let values: Vec<Value> = group.iter().map(|outcome| serde_json::to_value(outcome).unwrap()).collect();
    let taken = together("", &values.iter().collect::<Vec<_>>(), false);
    let mut outcome: Outcome = serde_json::from_value(taken).unwrap();
    outcome.context = group[0].context.clone();
    outcome.seeds = group.len();
    outcome
}

/// One value of several that stand at the same place.
fn together(name: &str, values: &[&Value], is_summed: bool) -> Value {
    let is_summed = is_summed || SUMMED.contains(&name);
    let objects: Vec<&Map<String, Value>> = values.iter().filter_map(|value| value.as_object()).collect();
    if !objects.is_empty() {
        let mut taken = Map::new();
        for key in objects.iter().flat_map(|object| object.keys()) {
            if !taken.contains_key(key) {
                let there: Vec<&Value> = objects.iter().filter_map(|object| object.get(key)).collect();
                taken.insert(key.clone(), together(key, &there, is_summed));
            }
        }
        return Value::Object(taken);
    }
    let is_whole = values.iter().all(|value| value.is_u64());
    let absent = |value: &&Value| if value.is_null() && NEVER.contains(&name) { Some(f64::INFINITY) } else { None };
    let numbers: Vec<f64> = values.iter().filter_map(|value| value.as_f64().or_else(|| absent(value))).collect();
    if numbers.is_empty() {
        return values[0].clone();
    }
    let one = if is_summed { numbers.iter().sum() } else { middle(numbers) };
    // Infinity becomes nothing again.
    if is_whole { Value::from(one.round() as u64) } else { Value::from(one) }
}

fn middle(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let half = numbers.len() / 2;
    if numbers.len() % 2 == 1 { numbers[half] } else { f64::midpoint(numbers[half - 1], numbers[half]) }
}
