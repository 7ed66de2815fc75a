//! Tubes that nothing uses, priorities and floors that promise too much, ceilings that never bind and peaks that never
//! hold.

use std::collections::{HashMap, HashSet};

use crate::base::{Direction, Rate, TubeId, Window};
use crate::config::check::category::{self, Categories};
use crate::config::check::policy::RuleDraft;
use crate::config::check::tube::Draft;
use crate::config::problem::Problems;
use crate::config::text::Placed;
use crate::tube::Link;

/// Tubes beyond this depth are not looked at; nobody nests so deep.
const DEEPEST: usize = 16;

/// Peaks of a tube beyond this are not compared.
const PEAKS: usize = 20;

/// Warns of ceilings above that of a tube they lie within, or above the link: the lower one holds.
pub(in crate::config) fn ceilings(problems: &Problems, link: &Link, tubes: &[Draft]) {
    let by_name: HashMap<&TubeId, &Draft> = tubes.iter().map(|tube| (&tube.id, tube)).collect();
    for tube in tubes {
        for direction in Direction::BOTH {
            let own = tube.ceiling.of(direction).map(|rate| (rate, None));
            let peaks = tube.peaks.iter().take(PEAKS);
            let peaks = peaks.filter_map(|(when, ceiling)| Some((ceiling.of(direction)?, Some(&when.value))));
            for (rate, when) in own.into_iter().chain(peaks) {
                if let Some((lower, whose)) = lower_around(&by_name, link, tube, direction, rate.value, when) {
                    say(problems, tube, rate, lower, &whose, direction);
                }
            }
        }
    }
}

/// The tubes around one, from the inside out.
fn around<'a>(by_name: &HashMap<&TubeId, &'a Draft>, tube: &Draft) -> impl Iterator<Item = &'a Draft> {
    let outer = |tube: &Draft| tube.within.as_ref().and_then(|id| by_name.get(&id.value).copied());
    std::iter::successors(outer(tube), move |tube| outer(tube)).take(DEEPEST)
}

/// The first rate below this one on the way from the tube to the link.
fn lower_around(
    by_name: &HashMap<&TubeId, &Draft>,
    link: &Link,
    tube: &Draft,
    direction: Direction,
    rate: Rate,
    when: Option<&Window>,
) -> Option<(Rate, String)> {
    for around in around(by_name, tube) {
        let held = in_force(around, direction, when);
        if let Some(lower) = held.filter(|held| *held < rate) {
            return Some((lower, format!("tube `{}`", around.id)));
        }
    }
    link.rate.of(direction).filter(|held| *held < rate).map(|lower| (lower, "the link".to_owned()))
}

/// The highest ceiling of a tube at any time in a window; `None` where there is none at some time.
fn in_force(tube: &Draft, direction: Direction, when: Option<&Window>) -> Option<Rate> {
    let base = tube.ceiling.of(direction).map(|rate| rate.value);
    let mut highest: Option<Rate> = None;
    for (peak, ceiling) in tube.peaks.iter().take(PEAKS) {
        if when.is_some_and(|when| !peak.value.meets(when)) {
            continue;
        }
        highest = highest.max(Some(ceiling.of(direction).map(|rate| rate.value).or(base)?));
        // The first peak that is open gives the ceiling: no later one, and not the tube's own, ever holds in the window.
        if when.is_some_and(|when| peak.value.contains(when)) {
            return highest;
        }
    }
    highest.max(Some(base?))
}

fn say(problems: &Problems, tube: &Draft, rate: &Placed<Rate>, lower: Rate, whose: &str, direction: Direction) {
    let message = format!(
        "the ceiling of tube `{}` is above that of {whose}: {} {direction} does not fit in {lower}",
        tube.id, rate.value
    );
    problems.warning(&rate.place, message, format!("the lower one holds; write `{direction} = \"{lower}\"` or less"));
}

/// Warns of floors that cannot hold: of what is clear and never waits, above a ceiling of its own at some time, and side
/// by side more than the tube around them, or the link, always has.
pub(in crate::config) fn floors(problems: &Problems, link: &Link, tubes: &[Draft]) {
    let by_name: HashMap<&TubeId, &Draft> = tubes.iter().map(|tube| (&tube.id, tube)).collect();
    for direction in Direction::BOTH {
        let mut sums: HashMap<Option<&TubeId>, u64> = HashMap::new();
        for tube in tubes.iter().filter(|tube| !tube.faulty) {
            let Some(floor) = tube.floor.of(direction) else { continue };
            let id = &tube.id;
            if tube.priority == 0 && !std::iter::once(tube).chain(around(&by_name, tube)).any(Draft::is_bounded) {
                let message = format!("tube `{id}` is clear and never waits: its floor says nothing");
                problems.warning(&floor.place, message, "take `floor` away, or give the tube a ceiling");
                continue;
            }
            if let Some(lower) = lowest(tube, direction).filter(|lower| *lower < floor.value) {
                let message = format!("the floor of tube `{id}` is above its ceiling in a peak: {direction} {lower}");
                problems.warning(&floor.place, message, "the lower one holds");
            }
            let sum = sums.entry(tube.within.as_ref().map(|within| &within.value)).or_default();
            let before = *sum;
            *sum = before.saturating_add(floor.value.bits_per_second());
            let Some((lower, whose)) = least_around(&by_name, link, tube, direction) else { continue };
            let fits = |sum: u64| sum <= lower.bits_per_second();
            // Said once, where the sum passes what there is.
            if fits(before) && !fits(*sum) {
                let message = format!(
                    "the floors up to that of tube `{id}` are more than {whose} always has, {lower} {direction}"
                );
                let hint = "they cannot all hold, and would leave priorities nothing to say; lower some of them";
                problems.warning(&floor.place, message, hint);
            }
        }
    }
}

/// The least ceiling that a tube has at any time.
fn lowest(tube: &Draft, direction: Direction) -> Option<Rate> {
    let peaks = tube.peaks.iter().map(|(_, ceiling)| ceiling).take(PEAKS);
    let all = std::iter::once(&tube.ceiling).chain(peaks).filter_map(|rates| rates.of(direction));
    all.map(|rate| rate.value).min()
}

/// The least rate at any time of the tubes around one, and of the link.
fn least_around(
    by_name: &HashMap<&TubeId, &Draft>,
    link: &Link,
    tube: &Draft,
    direction: Direction,
) -> Option<(Rate, String)> {
    let tubes = around(by_name, tube);
    let tubes = tubes.filter_map(|tube| Some((lowest(tube, direction)?, format!("tube `{}`", tube.id))));
    let link = link.rate.of(direction).map(|rate| (rate, "the link".to_owned()));
    tubes.chain(link).min_by_key(|(rate, _)| *rate)
}

/// Warns of peaks in a window that an earlier peak of the same tube holds already.
pub(in crate::config) fn hidden_peaks(problems: &Problems, tubes: &[Draft]) {
    for tube in tubes {
        let peaks = &tube.peaks[..tube.peaks.len().min(PEAKS)];
        for (at, (when, _)) in peaks.iter().enumerate() {
            if let Some((earlier, _)) = peaks[..at].iter().find(|(earlier, _)| earlier.value.contains(&when.value)) {
                let message = format!("this peak of tube `{}` never holds", tube.id);
                let line = earlier.place.line();
                let hint = format!(
                    "`{}` in line {line} comes first and is open whenever it is; put the narrower one first",
                    earlier.value
                );
                problems.warning(&when.place, message, hint);
            }
        }
    }
}

/// Warns of tubes in which nothing ever flows: no category or rule names them, and no tube lies within.
pub(in crate::config) fn unused(problems: &Problems, tubes: &[Draft], categories: &Categories, rules: &[RuleDraft]) {
    let specs: Vec<_> = tubes.iter().map(Draft::tube).collect();
    let other = category::other(categories, &specs);
    let named = categories.categories.iter().filter_map(|category| category.tube.as_ref());
    let named = named.chain(rules.iter().filter_map(|draft| draft.rule.tube.as_ref())).chain([&other]);
    let named = named.chain(tubes.iter().filter_map(|tube| Some(&tube.within.as_ref()?.value)));
    let named: HashSet<&TubeId> = named.collect();
    for tube in tubes.iter().filter(|tube| !named.contains(&tube.id)) {
        let message = format!("nothing flows through tube `{}`: no category and no rule names it", tube.id);
        let hint = format!("write `tube = \"{}\"` in a category or rule of the policy, or take the tube away", tube.id);
        problems.warning(&tube.name, message, hint);
    }
}

/// Warns of tubes that are to be served before others, and lie in one that is served later or holds them back. What is
/// clear, of priority 0 without a ceiling around it, is never held back, wherever it lies.
pub(in crate::config) fn inner_priorities(problems: &Problems, tubes: &[Draft]) {
    let by_name: HashMap<&TubeId, &Draft> = tubes.iter().map(|tube| (&tube.id, tube)).collect();
    for tube in tubes.iter().filter(|tube| !tube.faulty) {
        let holds = |outer: &&Draft| match tube.priority {
            _ if outer.faulty => false,
            0 => outer.is_bounded(),
            priority => outer.priority > priority,
        };
        let Some(outer) = around(&by_name, tube).find(holds) else { continue };
        let Some(place) = tube.priority_at.as_ref().or(tube.within.as_ref().map(|within| &within.place)) else {
            continue;
        };
        let (id, priority, outer) = (&tube.id, tube.priority, &outer.id);
        let (message, hint) = match priority {
            0 => (
                format!("tube `{id}` has priority 0, and waits all the same for the ceiling of tube `{outer}`"),
                "to make it clear, take `within` away".to_owned(),
            ),
            _ => (
                format!(
                    "tube `{id}` has priority {priority}, and is served first only within tube `{outer}`, which comes later"
                ),
                format!("take `within` away, or give `{outer}` the better priority"),
            ),
        };
        problems.warning(place, message, hint);
    }
}
