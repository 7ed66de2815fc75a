//! Lanes: what can be told apart on the wire. A packet shows the mark of the egress that it leaves by, not its tube; so
//! tubes that leave with one mark are one lane, and a lane lies in another as its tubes lie in the other's.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::base::{Direction, Rate, TubeId};
use crate::config::Config;

/// Packets with one mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// The mark.
    pub mark: u32,
    /// The outermost tubes that leave with it, as people read them: `internet`.
    pub name: String,
    /// The least priority among them; 0 is clear.
    pub priority: u8,
    /// The lane around it, by its place among the lanes.
    pub within: Option<usize>,
    /// The most that its tubes may use together, down and up; `None` is no limit.
    pub ceiling: [Option<Rate>; 2],
    /// What they are to have together before others, down and up.
    pub floor: [Option<Rate>; 2],
}

/// Everything that leaves by the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// One for each mark, in the order of the file.
    pub marked: Vec<Lane>,
    /// Tubes whose packets show no mark.
    pub unmarked: Vec<String>,
    /// Tubes that leave by another interface than the link's.
    pub elsewhere: Vec<String>,
}

/// A tube, as far as lanes go.
struct Member {
    id: TubeId,
    within: Option<usize>,
    priority: u8,
    leaves: Leaves,
    ceiling: [Option<Rate>; 2],
    floor: [Option<Rate>; 2],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaves {
    Marked(u32),
    Unmarked,
    Elsewhere,
}

impl Lanes {
    /// Those of a configuration, with the ceilings that hold at a moment.
    pub fn of(config: &Config, at: Timestamp) -> Lanes {
        let members = members(config, at);
        let named = |leaves: Leaves| {
            let these = members.iter().filter(|member| member.leaves == leaves);
            these.map(|member| member.id.to_string()).collect()
        };
        let mut marks: Vec<u32> = Vec::new();
        for member in &members {
            if let Leaves::Marked(mark) = member.leaves
                && !marks.contains(&mark)
            {
                marks.push(mark);
            }
        }
        let marked = marks.iter().map(|mark| lane(*mark, &marks, &members)).collect();
        Lanes { marked, unmarked: named(Leaves::Unmarked), elsewhere: named(Leaves::Elsewhere) }
    }
}

fn members(config: &Config, at: Timestamp) -> Vec<Member> {
    let tubes = &config.tubes.tubes;
    let places: HashMap<&TubeId, usize> = tubes.iter().enumerate().map(|(place, tube)| (&tube.id, place)).collect();
    let outer = |place: usize| tubes[place].within.as_ref().and_then(|within| places.get(within).copied());
    let leaves = |place: usize| {
        let named = around(place, outer).find_map(|place| tubes[place].egress.as_ref());
        let egress = named.and_then(|id| config.egress.egresses.iter().find(|egress| egress.id == *id));
        let link = config.tubes.link.interface.as_deref();
        match egress {
            Some(egress) if egress.interface.as_deref().is_some_and(|own| Some(own) != link) => Leaves::Elsewhere,
            // The mark 0 is no mark (socket(7)).
            Some(egress) => egress.fwmark.filter(|mark| *mark != 0).map_or(Leaves::Unmarked, Leaves::Marked),
            None => Leaves::Unmarked,
        }
    };
    // A ceiling holds for what lies within.
    let ceiling = |place: usize, direction| {
        let each = around(place, outer).map(|place| tubes[place].ceiling_at(at, &config.calendar).of(direction));
        each.flatten().min()
    };
    let member = |place: usize| Member {
        id: tubes[place].id.clone(),
        within: outer(place),
        priority: tubes[place].priority,
        leaves: leaves(place),
        ceiling: Direction::BOTH.map(|direction| ceiling(place, direction)),
        floor: Direction::BOTH.map(|direction| tubes[place].floor.of(direction)),
    };
    (0..tubes.len()).map(member).collect()
}

/// A tube and those around it, the innermost first.
fn around(place: usize, outer: impl Fn(usize) -> Option<usize>) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(place), move |place| outer(*place))
}

/// The lane of a mark: of its tubes, those that lie in none of the others count.
fn lane(mark: u32, marks: &[u32], members: &[Member]) -> Lane {
    let own = Leaves::Marked(mark);
    let outer = |place: usize| members[place].within;
    let outermost = |place: &usize| {
        members[*place].leaves == own && !around(*place, outer).skip(1).any(|place| members[place].leaves == own)
    };
    let tops: Vec<usize> = (0..members.len()).filter(outermost).collect();
    let lies_in = |top: usize, place: usize| around(top, outer).skip(1).any(|around| around == place);
    // The nearest tube around all of them that has another lane. That lane's own tubes lie at or above it, so that lanes
    // never lie in a circle.
    let inner = tops.first().copied();
    let within = inner.and_then(|inner| {
        let shared = around(inner, outer).skip(1).filter(|place| tops.iter().all(|top| lies_in(*top, *place)));
        shared.filter_map(|place| marks.iter().position(|mark| members[place].leaves == Leaves::Marked(*mark))).next()
    });
    let tops = || tops.iter().map(|top| &members[*top]);
    // A tube without a ceiling makes a lane without one; a floor that is not there adds nothing.
    let ceiling = |way: usize| tops().map(|tube| tube.ceiling[way].map(Rate::bits_per_second)).sum::<Option<u64>>();
    let floor = |way: usize| Some(tops().filter_map(|tube| tube.floor[way]).map(Rate::bits_per_second).sum::<u64>());
    Lane {
        mark,
        name: tops().map(|tube| tube.id.to_string()).collect::<Vec<_>>().join(" and "),
        priority: tops().map(|tube| tube.priority).min().unwrap_or_default(),
        within,
        ceiling: [0, 1].map(|way| ceiling(way).and_then(Rate::from_bits_per_second)),
        floor: [0, 1].map(|way| floor(way).and_then(Rate::from_bits_per_second)),
    }
}
