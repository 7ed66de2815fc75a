//! What a process could use of each tube, as its counts show one after another. Pure.

use std::time::Duration;

use foldhash::HashMap;

use super::part::{TubeUsage, Usage};
use super::split::{Demand, Ground, Need, Portion};
use crate::base::TubeId;

/// Over this what is used is averaged when it falls; when it rises, half of the rise counts at once.
const FALLS_OVER: Duration = Duration::from_millis(200);
const RISES: f64 = 0.5;
/// Over this people who no longer wait are forgotten: between two grants nobody waits for a moment.
const FORGOTTEN_OVER: Duration = Duration::from_secs(1);
/// Who uses so much of its part is taken to want more.
const FULL: f64 = 0.9;

/// One process, one way.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    last: Option<(Duration, Usage)>,
    clear: f64,
    tubes: HashMap<TubeId, Seen>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    used: f64,
    sharers: f64,
    full: bool,
}

impl Watch {
    /// Its counts at a moment of its own clock, when it had these parts of what there is.
    pub fn saw(&mut self, usage: &Usage, at: Duration, ground: &Ground, had: &Portion) -> Demand {
        let (since, before) = match &self.last {
            Some((last, before)) => (at.saturating_sub(*last).as_secs_f64(), Some(before)),
            None => (0.0, None),
        };
        let rate = |now: u64, before: Option<u64>| match before {
            // What was given back may have been counted before.
            Some(before) if since > 0.0 => now.saturating_sub(before) as f64 * 8.0 / since,
            _ => 0.0,
        };
        self.clear = follow(self.clear, rate(usage.clear, before.map(|before| before.clear)), since);
        let mut tubes = HashMap::default();
        for tube in &usage.tubes {
            let carried = before.and_then(|before| find(before, &tube.id)).map(|before| before.carried);
            let instant = rate(tube.carried, carried);
            let seen = self.tubes.get(&tube.id).copied().unwrap_or_default();
            let fades = (-since / FORGOTTEN_OVER.as_secs_f64()).exp();
            let part = ground.tubes.iter().position(|plot| plot.id == tube.id);
            let part = part.and_then(|at| had.tubes.get(at).copied().flatten());
            let seen = Seen {
                used: follow(seen.used, instant, since),
                sharers: (seen.sharers * fades).max(tube.sharers as f64),
                full: tube.sharers > 0 || part.is_some_and(|part| instant > FULL * part),
            };
            tubes.insert(tube.id.clone(), seen);
        }
        self.tubes = tubes;
        let need = |id: &TubeId| {
            let Some(tube) = find(usage, id) else { return Need::default() };
            let seen = self.tubes.get(id).copied().unwrap_or_default();
            Need { knows: true, has_flows: tube.flows > 0, used: seen.used, hungry: seen.full, sharers: seen.sharers }
        };
        let demand = Demand {
            clear: self.clear,
            clear_waits: usage.clear_waits,
            tubes: ground.tubes.iter().map(|plot| need(&plot.id)).collect(),
        };
        self.last = Some((at, usage.clone()));
        demand
    }
}

fn find<'a>(usage: &'a Usage, id: &TubeId) -> Option<&'a TubeUsage> {
    usage.tubes.iter().find(|tube| tube.id == *id)
}

fn follow(mean: f64, instant: f64, since: f64) -> f64 {
    let weight = if instant > mean { RISES } else { 1.0 - (-since / FALLS_OVER.as_secs_f64()).exp() };
    mean + weight * (instant - mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tube::split::Plot;

    fn ground() -> Ground {
        let (id, ceiling) = (TubeId::from("internet"), Some(20e6));
        Ground { link: None, turns: None, tubes: vec![Plot { id, within: None, priority: 1, ceiling, floor: None }] }
    }

    fn usage(carried: u64, sharers: u64) -> Usage {
        let tube = TubeUsage { id: TubeId::from("internet"), carried, sharers, flows: 3 };
        Usage { passed: carried, tubes: vec![tube], ..Usage::default() }
    }

    #[test]
    fn counts_become_rates_and_who_fills_its_part_wants_more() {
        let (mut watch, had) = (Watch::default(), Portion { tubes: vec![Some(10e6)], ..Portion::default() });
        let mut need = Need::default();
        for step in 0..100u64 {
            let demand = watch.saw(&usage(step * 10_000, 0), Duration::from_millis(20 * step), &ground(), &had);
            need = demand.tubes[0];
        }
        assert!(need.knows && need.has_flows && !need.hungry && (need.used - 4e6).abs() < 1e4, "{need:?}");
        let demand = watch.saw(&usage(99 * 10_000 + 24_000, 0), Duration::from_millis(2000), &ground(), &had);
        assert!(demand.tubes[0].hungry && demand.tubes[0].used > 6e6, "{demand:?}");
        let demand = watch.saw(&usage(99 * 10_000 + 24_000, 7), Duration::from_millis(2020), &ground(), &had);
        assert!(demand.tubes[0].hungry && demand.tubes[0].sharers == 7.0, "{demand:?}");
        let demand = watch.saw(&usage(99 * 10_000 + 24_000, 0), Duration::from_millis(2040), &ground(), &had);
        assert!(!demand.tubes[0].hungry && demand.tubes[0].sharers > 6.0, "{demand:?}");
    }

    #[test]
    fn a_tube_that_a_process_does_not_have_it_does_not_know() {
        let demand = Watch::default().saw(&Usage::default(), Duration::ZERO, &ground(), &Portion::default());
        assert_eq!(demand.tubes, [Need::default()]);
    }
}
