//! Ceilings that never bind, and peaks that never hold.

use std::collections::HashMap;

use crate::base::{Direction, Rate, TubeId, Window};
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

/// The first rate below this one on the way from the tube to the link.
fn lower_around(
    by_name: &HashMap<&TubeId, &Draft>,
    link: &Link,
    tube: &Draft,
    direction: Direction,
    rate: Rate,
    when: Option<&Window>,
) -> Option<(Rate, String)> {
    let outer = |tube: &&Draft| tube.within.as_ref().and_then(|id| by_name.get(&id.value).copied());
    for around in std::iter::successors(outer(&tube), outer).take(DEEPEST) {
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
