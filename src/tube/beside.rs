//! Tubes whose budgets are shared with those of another process: the one that leads splits them, the other follows.

use std::time::Duration;

use foldhash::HashMap;

use super::part::{Part, Parts, Usage};
use super::split::{Demand, Ground, LEAST, Portion, split};
use super::tubes::Tubes;
use super::watch::Watch;
use crate::base::{Direction, Moment, Rate, TubeId, clock};

/// For so long what another process was seen to send is taken to go on, when it says nothing.
const GOES_ON: Duration = Duration::from_millis(50);

/// What one process tells the other; pairs are down and up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// For how long its tubes have been, when it was.
    pub at: Duration,
    /// What it uses.
    pub usage: [Usage; 2],
    /// What each tube's own flows used over the last second, in bits.
    pub used: Vec<(TubeId, [u64; 2])>,
}

/// What the one that leads lets the other use, one way. Every tube that it has is named.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lot {
    /// What the link is taken to carry.
    pub carries: Option<Rate>,
    /// Of the link.
    pub link: Option<Rate>,
    /// Of the turns of clear flows.
    pub turns: Option<Rate>,
    /// Of each tube; `None` where it has no ceiling.
    pub tubes: Vec<(TubeId, Option<Rate>)>,
}

/// What is known of the other process.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// What it has sent, and how fast.
    sent: [Option<Sent>; 2],
    clear: bool,
    flows: HashMap<TubeId, u64>,
    used: HashMap<TubeId, [u64; 2]>,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    at: Moment,
    passed: u64,
    clear: u64,
    /// Bytes a second.
    rate: f64,
}

impl Beside {
    /// Takes in what it said.
    fn heard(&mut self, told: &Told, now: Moment) {
        self.clear = false;
        for (sent, usage) in self.sent.iter_mut().zip(&told.usage) {
            let before = sent.map_or((now, usage.passed), |sent| (sent.at, sent.passed));
            let since = now.saturating_duration_since(before.0).as_secs_f64();
            let more = usage.passed.saturating_sub(before.1) as f64;
            let rate = if since > 0.0 { more / since } else { 0.0 };
            self.clear |= sent.is_some_and(|sent| usage.clear > sent.clear);
            *sent = Some(Sent { at: now, passed: usage.passed, clear: usage.clear, rate });
        }
        self.flows = told.usage[0].tubes.iter().map(|tube| (tube.id.clone(), tube.flows)).collect();
        self.used = told.used.iter().cloned().collect();
    }

    /// Bytes that it has sent by now.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // some bytes of the last moments
    pub(super) fn passed(&self, now: Moment) -> [u64; 2] {
        self.sent.map(|sent| {
            let Some(sent) = sent else { return 0 };
            let since = now.saturating_duration_since(sent.at).min(GOES_ON);
            sent.passed + (sent.rate * since.as_secs_f64()) as u64
        })
    }

    /// Whether clear flows of its send.
    pub(super) fn is_clear(&self) -> bool {
        self.clear
    }

    /// Its flows in a tube.
    pub(super) fn flows(&self, tube: &TubeId) -> u64 {
        self.flows.get(tube).copied().unwrap_or(0)
    }

    /// What they used over the last second, in bits.
    pub(super) fn used(&self, tube: &TubeId, way: usize) -> u64 {
        self.used.get(tube).map_or(0, |used| used[way])
    }
}

impl Tubes {
    /// What is told to the other process.
    pub fn told(&self) -> Told {
        let usage = Direction::BOTH.map(|direction| self.pacer(direction).change(|lane, _| lane.tree.usage()));
        Told { at: self.age(), usage, used: self.used_here(clock::now()) }
    }

    /// What the other process said.
    pub fn heard(&self, told: &Told) {
        self.beside().heard(told, clock::now());
    }

    /// Only these parts are this process's from now on.
    fn take_parts(&self, parts: [Parts; 2]) {
        for (direction, parts) in Direction::BOTH.into_iter().zip(parts) {
            self.pacer(direction).change(|lane, now| lane.tree.take_parts(&parts, now));
        }
    }

    /// Uses no more than a lot: another process leads.
    pub fn follow(&self, lots: &[Lot; 2]) {
        self.on_link(|link| link.led(Some(lots.each_ref().map(|lot| lot.carries))));
        self.take_parts(lots.each_ref().map(|lot| Parts {
            link: most(lot.link),
            turns: most(lot.turns),
            tubes: lot.tubes.iter().map(|(id, rate)| (id.clone(), most(*rate))).collect(),
        }));
    }

    /// There is no other process any more, or not yet: everything is this one's.
    pub fn alone(&self) {
        self.on_link(|link| link.led(None));
        *self.beside() = Beside::default();
        self.take_parts([Parts::default(), Parts::default()]);
    }

    /// So much of everything, until one of two begins to lead.
    pub fn keep(&self, part: f64) {
        let grounds = self.grounds();
        self.take_parts(grounds.map(|ground| {
            let some = |rate: Option<f64>| most(rate.map(|rate| Rate::BIT.times(rate * part)));
            let tubes = ground.tubes.iter().map(|plot| (plot.id.clone(), some(plot.ceiling))).collect();
            Parts { link: some(ground.link), turns: some(ground.turns), tubes }
        }));
    }

    /// Next to nothing, while another process has everything.
    pub fn keep_least(&self) {
        self.keep(LEAST);
    }

    /// What the link was found to carry where that is less than was said, in bits a second, down and up.
    pub fn found(&self) -> [Option<u64>; 2] {
        self.on_link(|link| link.found())
    }

    /// The same, as it was found before.
    pub fn find(&self, found: [Option<u64>; 2]) {
        self.on_link(|link| link.find(found));
    }

    fn grounds(&self) -> [Ground; 2] {
        Direction::BOTH.map(|direction| self.pacer(direction).look(|tree| tree.ground()))
    }
}

fn most(rate: Option<Rate>) -> Part {
    rate.map_or(Part::Whole, Part::Most)
}

/// Splits the budgets between this process, which leads, and another.
///
/// A part that falls is let go before the other's rises: between [`Lead::next`] and [`Lead::settled`] this process uses no more
/// than what is left beside both what the other had and what it is to have.
#[derive(Debug, Default)]
pub struct Lead {
    ways: [Way; 2],
}

#[derive(Debug, Default)]
struct Way {
    mine: Watch,
    others: Watch,
    /// What the other holds for sure, and what it was told last.
    holds: Held,
    next: Held,
    /// What each had when it was looked at last, on the ground as it was.
    had: [Portion; 2],
}

/// What the other process holds.
#[derive(Clone, Debug, Default)]
struct Held {
    link: Option<Rate>,
    turns: Option<Rate>,
    tubes: Vec<(TubeId, Option<Rate>)>,
}

impl Held {
    fn of(lot: &Lot) -> Held {
        Held { link: lot.link, turns: lot.turns, tubes: lot.tubes.clone() }
    }

    fn tube(&self, id: &TubeId) -> Option<Rate> {
        self.tubes.iter().find(|(other, _)| other == id).and_then(|(_, rate)| *rate)
    }

    /// What is left beside the larger of this and another.
    fn parts_beside(&self, other: &Held) -> Parts {
        let ids = other.tubes.iter().chain(&self.tubes).map(|(id, _)| id);
        let mut tubes: Vec<(TubeId, Part)> = Vec::new();
        for id in ids {
            if !tubes.iter().any(|(known, _)| known == id) {
                tubes.push((id.clone(), but(self.tube(id).max(other.tube(id)))));
            }
        }
        Parts { link: but(self.link.max(other.link)), turns: but(self.turns.max(other.turns)), tubes }
    }
}

fn but(rate: Option<Rate>) -> Part {
    rate.map_or(Part::Whole, Part::But)
}

impl Lead {
    /// Looks at what both use, and says what the other may from now on.
    pub fn next(&mut self, tubes: &Tubes, others: &Told) -> [Lot; 2] {
        tubes.heard(others);
        let (own, grounds) = (tubes.told(), tubes.grounds());
        let carries = tubes.on_link(|link| link.carries());
        let mut lots = Vec::new();
        for (way, (state, ground)) in self.ways.iter_mut().zip(&grounds).enumerate() {
            let lot = state.next(ground, (&own.usage[way], own.at), (&others.usage[way], others.at), carries[way]);
            lots.push(lot);
        }
        tubes.take_parts(self.ways.each_ref().map(|way| way.holds.parts_beside(&way.next)));
        let mut lots = lots.into_iter();
        [lots.next().unwrap_or_default(), lots.next().unwrap_or_default()]
    }

    /// The other process uses no more than what it was told: the rest is this one's.
    pub fn settled(&mut self, tubes: &Tubes) {
        for way in &mut self.ways {
            way.holds = way.next.clone();
        }
        tubes.take_parts(self.ways.each_ref().map(|way| way.holds.parts_beside(&way.next)));
    }
}

impl Way {
    fn next(
        &mut self,
        ground: &Ground,
        (mine, now): (&Usage, Duration),
        (others, at): (&Usage, Duration),
        carries: Option<Rate>,
    ) -> Lot {
        let demands: [Demand; 2] =
            [self.mine.saw(mine, now, ground, &self.had[0]), self.others.saw(others, at, ground, &self.had[1])];
        let mut portions = split(ground, &demands).into_iter();
        self.had = [portions.next().unwrap_or_default(), portions.next().unwrap_or_default()];
        let rate = |bits: Option<f64>| bits.map(|bits| Rate::BIT.times(bits));
        let tubes = ground.tubes.iter().zip(&self.had[1].tubes);
        let lot = Lot {
            carries,
            link: rate(self.had[1].link),
            turns: rate(self.had[1].turns),
            tubes: tubes.map(|(plot, part)| (plot.id.clone(), rate(*part))).collect(),
        };
        self.next = Held::of(&lot);
        lot
    }
}

#[cfg(test)]
#[path = "beside_tests.rs"]
mod tests;
