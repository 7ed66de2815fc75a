//! How the budgets of the link and its tubes are split between processes that carry flows side by side: one that has taken
//! over, and one that drains. Pure.
//!
//! What each could use is added up from the tubes to the link, and what there is is given out from the link to the tubes, by
//! the same rules as the tree's own: clear traffic, then floors, then priorities. Only what a tube's own flows have is split
//! between the processes, by the people who wait on either side. What nobody wants is split evenly: who begins finds some.

use crate::base::TubeId;

/// Of what a process used of late, what it keeps beyond that while it asks for no more; a hundredth of the tube besides.
const ROOM: f64 = 1.04;
const IDLE: f64 = 0.01;
/// What one that asks for more is taken to want: it may have asked for a moment only, and what it does not use then is lost to
/// the other. From nothing to half of a tube it takes some tenths of a second.
const GROWS: f64 = 2.0;
const BEGINS: f64 = 0.03;
/// The same for a process with no flow in a tube: enough for a first packet before the next split.
const EMPTY: f64 = 0.002;
/// No part is less than this of the whole: none is a rate of nothing.
pub(super) const LEAST: f64 = 0.001;
/// What each competitor has before priorities count: the tree's own trickle.
const TRICKLE: f64 = 0.02;
/// More than any link, and finite.
const ALL: f64 = 1e15;

/// The link and its tubes, one way; rates are bits a second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ground {
    /// What the link may give out; `None` is no limit.
    pub link: Option<f64>,
    /// What clear flows that take turns may send.
    pub turns: Option<f64>,
    /// The tubes.
    pub tubes: Vec<Plot>,
}

/// A tube.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Its name.
    pub id: TubeId,
    /// Where the one that it lies in stands.
    pub within: Option<usize>,
    /// Lower is served first.
    pub priority: u8,
    /// The most it may use.
    pub ceiling: Option<f64>,
    /// What it has before others of higher priority.
    pub floor: Option<f64>,
}

/// What one process could use.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Demand {
    /// What its clear flows use.
    pub clear: f64,
    /// Whether any of them waits for its turn.
    pub clear_waits: bool,
    /// What its own flows of each tube could use, as the ground has the tubes.
    pub tubes: Vec<Need>,
}

/// What a process could use of one tube, the tubes within not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Need {
    /// Whether it knows that tube at all.
    pub knows: bool,
    /// Whether it has flows there.
    pub has_flows: bool,
    /// What it uses.
    pub used: f64,
    /// Whether it would use more.
    pub hungry: bool,
    /// People, or flows, who wait there.
    pub sharers: f64,
}

/// What one process may use.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Portion {
    /// Of the link.
    pub link: Option<f64>,
    /// Of the turns of clear flows.
    pub turns: Option<f64>,
    /// Of each tube with a ceiling, as the ground has the tubes.
    pub tubes: Vec<Option<f64>>,
}

/// Who competes for a tube's rate.
#[derive(Clone, Copy)]
enum Member {
    Own,
    Tube(usize),
}

/// Splits what there is; a share for each demand.
pub fn split(ground: &Ground, demands: &[Demand]) -> Vec<Portion> {
    let sides = demands.len();
    let mut given = vec![vec![0.0; sides]; ground.tubes.len()];
    let own = ground.tubes.iter().enumerate().map(|(at, _)| own_wants(ground, demands, at)).collect();
    let work = Work { ground, demands, own };
    let link = work.give_link(&mut given);
    let everybody = vec![true; sides];
    let whole = |rate: Option<f64>, given: &[f64], present: &[bool]| match rate {
        Some(rate) => parts(rate, given, present).into_iter().map(Some).collect(),
        None => vec![None; sides],
    };
    let link = whole(ground.link, &link, &everybody);
    let turns = whole(ground.turns, &work.turns(), &everybody);
    let tubes: Vec<Vec<Option<f64>>> = ground
        .tubes
        .iter()
        .zip(&given)
        .enumerate()
        .map(|(at, (plot, given))| {
            let knows: Vec<bool> = demands.iter().map(|demand| need(demand, at).knows).collect();
            whole(plot.ceiling, given, &knows)
        })
        .collect();
    (0..sides)
        .map(|side| Portion {
            link: link[side],
            turns: turns[side],
            tubes: tubes.iter().map(|parts| parts[side]).collect(),
        })
        .collect()
}

struct Work<'a> {
    ground: &'a Ground,
    demands: &'a [Demand],
    /// What each side's own flows could use, by tube.
    own: Vec<Vec<f64>>,
}

impl Work<'_> {
    /// Gives out the link; what each side was given of it.
    fn give_link(&self, given: &mut [Vec<f64>]) -> Vec<f64> {
        let rate = self.ground.link.unwrap_or(ALL);
        let clear: Vec<f64> = self.demands.iter().map(|demand| demand.clear * ROOM).collect();
        let mut link = fill(rate, &clear, &vec![1.0; clear.len()]);
        let left = rate - link.iter().sum::<f64>();
        let tubes = (0..self.ground.tubes.len()).filter(|at| self.ground.tubes[*at].within.is_none());
        let members: Vec<Member> = tubes.map(Member::Tube).collect();
        for (member, amount) in members.iter().zip(self.compete(&members, None, left)) {
            let Member::Tube(at) = member else { continue };
            self.give(*at, amount, given);
            add(&mut link, &given[*at]);
        }
        link
    }

    /// Gives out a tube's rate to its own flows and the tubes within.
    fn give(&self, at: usize, rate: f64, given: &mut [Vec<f64>]) {
        let within = (0..self.ground.tubes.len()).filter(|other| self.ground.tubes[*other].within == Some(at));
        let members: Vec<Member> = [Member::Own].into_iter().chain(within.map(Member::Tube)).collect();
        for (member, amount) in members.iter().zip(self.compete(&members, Some(at), rate)) {
            let more = match *member {
                Member::Own => {
                    let sharers: Vec<f64> =
                        self.demands.iter().map(|demand| need(demand, at).sharers.max(1.0)).collect();
                    fill(amount, &self.own[at], &sharers)
                }
                Member::Tube(inner) => {
                    self.give(inner, amount, given);
                    given[inner].clone()
                }
            };
            add(&mut given[at], &more);
        }
    }

    /// What each of those who compete for a rate gets of it: floors first, then by priority, equal among equals.
    fn compete(&self, members: &[Member], at: Option<usize>, rate: f64) -> Vec<f64> {
        let tubes = &self.ground.tubes;
        let priority = |member: &Member| match *member {
            Member::Own => at.map_or(0, |at| tubes[at].priority),
            Member::Tube(inner) => tubes[inner].priority,
        };
        let wants: Vec<f64> = members
            .iter()
            .map(|member| match *member {
                Member::Own => at.map_or(0.0, |at| self.own[at].iter().sum()),
                Member::Tube(inner) => self.want(inner),
            })
            .collect();
        let floor = |member: &Member| match *member {
            Member::Tube(inner) => tubes[inner].floor.unwrap_or(0.0).max(TRICKLE * rate),
            Member::Own => TRICKLE * rate,
        };
        let floors: Vec<f64> = members.iter().zip(&wants).map(|(member, want)| floor(member).min(*want)).collect();
        let mut got = fill(rate, &floors, &vec![1.0; floors.len()]);
        let mut ranks: Vec<u8> = members.iter().map(priority).collect();
        ranks.sort_unstable();
        ranks.dedup();
        for rank in ranks {
            let left = (rate - got.iter().sum::<f64>()).max(0.0);
            let more: Vec<f64> = members
                .iter()
                .zip(wants.iter().zip(&got))
                .map(|(member, (want, got))| if priority(member) == rank { want - got } else { 0.0 })
                .collect();
            add(&mut got, &fill(left, &more, &vec![1.0; more.len()]));
        }
        got
    }

    /// What all sides together could use of a tube and those within.
    fn want(&self, at: usize) -> f64 {
        let within = (0..self.ground.tubes.len()).filter(|other| self.ground.tubes[*other].within == Some(at));
        let sum = self.own[at].iter().sum::<f64>() + within.map(|inner| self.want(inner)).sum::<f64>();
        sum.min(self.ground.tubes[at].ceiling.unwrap_or(ALL)).min(ALL)
    }

    /// What each side could use of the turns of clear flows, of what there is.
    fn turns(&self) -> Vec<f64> {
        let rate = self.ground.turns.unwrap_or(ALL);
        let want = |demand: &Demand| {
            if demand.clear_waits { demand.clear * GROWS + BEGINS * rate } else { demand.clear * ROOM + IDLE * rate }
        };
        fill(rate, &self.demands.iter().map(want).collect::<Vec<_>>(), &vec![1.0; self.demands.len()])
    }
}

fn need(demand: &Demand, at: usize) -> Need {
    demand.tubes.get(at).copied().unwrap_or_default()
}

fn add(sums: &mut [f64], more: &[f64]) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

/// What each side's own flows of a tube could use.
fn own_wants(ground: &Ground, demands: &[Demand], at: usize) -> Vec<f64> {
    let mut limit = ground.link.unwrap_or(ALL);
    let (mut up, mut steps) = (Some(at), 0);
    while let Some(plot) = up.and_then(|at| ground.tubes.get(at)).filter(|_| steps <= ground.tubes.len()) {
        limit = limit.min(plot.ceiling.unwrap_or(ALL));
        (up, steps) = (plot.within, steps + 1);
    }
    let want = |demand: &Demand| {
        let need = need(demand, at);
        match need {
            Need { knows: false, .. } => 0.0,
            Need { hungry: true, used, .. } => used * GROWS + BEGINS * limit,
            Need { has_flows: true, used, .. } => used * ROOM + IDLE * limit,
            Need { used, .. } => used * ROOM + EMPTY * limit,
        }
    };
    demands.iter().map(want).collect()
}

/// Gives out an amount to those who want some: each as much as it wants, or as its weight is to those of the others.
fn fill(amount: f64, wants: &[f64], weights: &[f64]) -> Vec<f64> {
    let mut got = vec![0.0; wants.len()];
    let mut left = amount;
    let mut open: Vec<usize> = (0..wants.len()).filter(|at| wants[*at] > 0.0).collect();
    while !open.is_empty() && left > 0.0 {
        let level = left / open.iter().map(|at| weights[*at]).sum::<f64>();
        let (content, rest): (Vec<usize>, Vec<usize>) =
            open.iter().copied().partition(|at| wants[*at] <= level * weights[*at]);
        if content.is_empty() {
            rest.iter().for_each(|at| got[*at] = level * weights[*at]);
            break;
        }
        for at in content {
            got[at] = wants[at];
            left -= wants[at];
        }
        open = rest;
    }
    got
}

/// The parts of a whole: what each was given, and of what is left the same for all who are there. Never more together than
/// the whole, and none without a little.
fn parts(whole: f64, given: &[f64], present: &[bool]) -> Vec<f64> {
    let sum: f64 = given.iter().sum();
    let scale = if sum > whole { whole / sum } else { 1.0 };
    let there = present.iter().filter(|present| **present).count().max(1) as f64;
    let slack = (whole - sum * scale).max(0.0) / there;
    let of = |given: f64, present: bool| given * scale + if present { slack } else { 0.0 };
    let mut parts: Vec<f64> = given.iter().zip(present).map(|(given, present)| of(*given, *present)).collect();
    let least = whole * LEAST;
    let missing: f64 = parts.iter().map(|part| (least - part).max(0.0)).sum();
    let rich: f64 = parts.iter().map(|part| (part - least).max(0.0)).sum();
    // Where nobody is there, all of it is free for that.
    let taken = if rich > 0.0 { missing / rich } else { 0.0 };
    for part in &mut parts {
        *part = if *part < least { least } else { *part - taken * (*part - least) };
    }
    parts
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
