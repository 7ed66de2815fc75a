//! `[link]` and `[tube.NAME]`.

use std::collections::HashMap;
use std::net::IpAddr;

use super::egress::interface;
use super::names::{Names, reserved};
use crate::base::{Direction, EgressId, Rate, TubeId, Window};
use crate::config::problem::Problems;
use crate::config::table::Table;
use crate::config::text::{Place, Placed};
use crate::tube::{Limit, Link, Peak, ShareBy, Tube};

/// Rates each way, and where they stand.
#[derive(Clone, Default)]
pub(in crate::config) struct Rates {
    pub(in crate::config) down: Option<Placed<Rate>>,
    pub(in crate::config) up: Option<Placed<Rate>>,
}

/// A `[tube.NAME]` and where its parts stand.
pub(in crate::config) struct Draft {
    pub(in crate::config) id: TubeId,
    pub(in crate::config) name: Place,
    pub(in crate::config) within: Option<Placed<TubeId>>,
    pub(in crate::config) priority: u8,
    /// Where the priority stands, if it was written.
    pub(in crate::config) priority_at: Option<Place>,
    pub(in crate::config) ceiling: Rates,
    pub(in crate::config) floor: Rates,
    pub(in crate::config) share_by: ShareBy,
    pub(in crate::config) flows: Option<u32>,
    pub(in crate::config) egress: Option<Placed<EgressId>>,
    pub(in crate::config) peaks: Vec<(Placed<Window>, Rates)>,
    /// Something in it is wrong, so that what it says is not to be trusted.
    pub(in crate::config) faulty: bool,
}

/// The priority of a tube that names none: after clear traffic, before what was put behind the rest.
const PRIORITY: u8 = 1;

/// Each tube is a class that the scheduler may have to look at for every grant: this keeps that walk short, and a
/// person could not tell more apart.
const MOST: usize = 1_000;

const CEILING: &str = "`ceiling = { down = \"20 Mbit/s\", up = \"8 Mbit/s\" }`";
const FLOOR: &str = "`floor = { down = \"2 Mbit/s\", up = \"1 Mbit/s\" }`";
const REST: &str = "`rest = { down = \"20 Mbit/s\", up = \"8 Mbit/s\" }`";
const PEAK: &str = "[{ when = \"Mon-Fri 12:00-14:00\", ceiling = { down = \"20 Mbit/s\", up = \"8 Mbit/s\" } }]";

impl Rates {
    /// The rate one way.
    pub(in crate::config) fn of(&self, direction: Direction) -> Option<&Placed<Rate>> {
        match direction {
            Direction::Down => self.down.as_ref(),
            Direction::Up => self.up.as_ref(),
        }
    }

    /// Without the places.
    pub(in crate::config) fn limit(&self) -> Limit {
        let rate = |placed: &Option<Placed<Rate>>| placed.as_ref().map(|placed| placed.value);
        Limit { down: rate(&self.down), up: rate(&self.up) }
    }
}

impl Draft {
    /// Whether it has a ceiling at any time, so that even priority 0 waits.
    pub(in crate::config) fn is_bounded(&self) -> bool {
        let bounded = |ceiling: &Rates| ceiling.down.is_some() || ceiling.up.is_some();
        bounded(&self.ceiling) || self.peaks.iter().any(|(_, ceiling)| bounded(ceiling))
    }

    /// Without the places.
    pub(in crate::config) fn tube(&self) -> Tube {
        Tube {
            id: self.id.clone(),
            within: self.within.as_ref().map(|within| within.value.clone()),
            priority: self.priority,
            ceiling: self.ceiling.limit(),
            floor: self.floor.limit(),
            share_by: self.share_by,
            flows: self.flows,
            egress: self.egress.as_ref().map(|egress| egress.value.clone()),
            peak: self
                .peaks
                .iter()
                .map(|(when, ceiling)| Peak { when: when.value.clone(), ceiling: ceiling.limit() })
                .collect(),
        }
    }
}

/// Reads `[link]`.
pub(in crate::config) fn link(root: &mut Table<'_>) -> Link {
    let mut table = root.table_or_empty("link");
    let problems = table.scope.problems;
    let errors = problems.errors();
    let rate = rates(&mut table).limit();
    let interface = interface(&mut table);
    let probe = table.take::<IpAddr>("probe");
    let adapt = table.take::<bool>("adapt").is_none_or(|adapt| adapt.value);
    let rest = limit(&mut table, "rest", REST);
    table.finish();
    fits(problems, &rest, rate);
    let link = Link { rate, interface, probe: probe.as_ref().map(|probe| probe.value), adapt, rest: rest.limit() };
    if let Some(probe) = &probe {
        answers(problems, probe);
        // With a mistake in it, what the table says is not what is meant.
        if problems.errors() == errors {
            matters(problems, &link, &probe.place);
        }
    }
    link
}

/// Records what may go past the gateway and is more than the link.
fn fits(problems: &Problems, rest: &Rates, link: Limit) {
    for direction in Direction::BOTH {
        if let (Some(rest), Some(link)) = (rest.of(direction), link.of(direction))
            && rest.value > link
        {
            let message = format!("`rest` is more than the link: {} {direction} does not fit in {link}", rest.value);
            problems.error(&rest.place, message, format!("write `{direction} = \"{link}\"` or less"));
        }
    }
}

/// Records a probe that nobody could answer for.
fn answers(problems: &Problems, probe: &Placed<IpAddr>) {
    let what = match probe.value {
        address if address.is_unspecified() => "no machine's address",
        address if address.is_multicast() => "a group's address",
        // RFC 4291 section 2.5.6: each interface has these, so the address alone does not say whose is meant.
        IpAddr::V6(address) if address.is_unicast_link_local() => "of one interface alone, which cannot be named here",
        _ => return,
    };
    let message = format!("the probe {} cannot be timed: it is {what}", probe.value);
    problems.error(&probe.place, message, "name one machine just beyond the link that answers pings");
}

/// Warns of a probe from which nothing follows.
fn matters(problems: &Problems, link: &Link, place: &Place) {
    let (message, hint) = if !link.adapt {
        ("`probe` has no effect: with `adapt = false` nothing is held back for a queue", "take one of the two away")
    } else if link.rate == Limit::default() && link.interface.is_none() {
        (
            "`probe` has no effect: nothing is known of the link that could be held back",
            "say what it carries in `down` and `up`, or name its `interface`",
        )
    } else {
        return;
    };
    problems.warning(place, message, hint);
}

/// Reads every `[tube.NAME]`.
pub(in crate::config) fn tubes(root: &mut Table<'_>) -> Vec<Draft> {
    let problems = root.scope.problems;
    if !root.has("tube") && !root.has_slip_of("tube") {
        let hint =
            "add `[tube.clinical]` with `priority = 0`, and a `[tube.internet]` with `priority = 1` and a ceiling";
        problems.error(&root.place, "there is no tube, so nothing could flow", hint);
    }
    let mut drafts = Vec::new();
    for (name, table) in root.named("tube") {
        if drafts.len() == MOST {
            problems.error(
                &name.place,
                format!("there are more than {MOST} tubes"),
                "put several categories in one tube",
            );
            break;
        }
        reserved(problems, &name, "none", "metrics use it for flows without a tube");
        drafts.push(tube(name, table));
    }
    drafts
}

fn tube(name: Placed<String>, mut table: Table<'_>) -> Draft {
    let problems = table.scope.problems;
    let errors = problems.errors();
    let within = table.take::<String>("within");
    let priority = table.take::<u8>("priority");
    let ceiling = limit(&mut table, "ceiling", CEILING);
    let floor = limit(&mut table, "floor", FLOOR);
    below(problems, &floor, &ceiling);
    let words = [("client", ShareBy::Client), ("user", ShareBy::User), ("flow", ShareBy::Flow)];
    let share_by = table.choice("share_by", &words).map_or(ShareBy::default(), |by| by.value);
    let flows = table.take::<u32>("flows");
    if let Some(Placed { value: 0, place }) = &flows {
        problems.error(
            place,
            "`flows` is 0: the tube would refuse every flow",
            "leave it out for no limit, or block with a rule",
        );
    }
    let egress = table.take::<String>("egress");
    let peaks = peaks(&mut table);
    table.finish();
    Draft {
        id: TubeId::from(name.value.as_str()),
        name: name.place,
        within: within.map(|within| within.map(|name| TubeId::from(name.as_str()))),
        priority: priority.as_ref().map_or(PRIORITY, |priority| priority.value),
        priority_at: priority.map(|priority| priority.place),
        ceiling,
        floor,
        share_by,
        flows: flows.map(|flows| flows.value),
        egress: egress.map(|egress| egress.map(|name| EgressId::from(name.as_str()))),
        peaks,
        faulty: problems.errors() > errors,
    }
}

fn peaks(table: &mut Table<'_>) -> Vec<(Placed<Window>, Rates)> {
    let Some(value) = table.value("peak") else { return Vec::new() };
    if !value.is_list() {
        value.wrong_kind("a list of tables", &format!("for example `peak = {PEAK}`"));
        return Vec::new();
    }
    let mut peaks = Vec::new();
    for mut peak in table.tables("peak") {
        peak.needs("when", "\"Mon-Fri 12:00-14:00\"");
        peak.needs("ceiling", "{ down = \"20 Mbit/s\", up = \"8 Mbit/s\" }");
        let when = peak.one_or_list::<Window>("when").unwrap_or_default();
        let ceiling = limit(&mut peak, "ceiling", CEILING);
        peak.finish();
        peaks.extend(when.into_iter().map(|when| (when, ceiling.clone())));
    }
    peaks
}

fn limit(table: &mut Table<'_>, key: &'static str, example: &str) -> Rates {
    let Some(value) = table.value(key) else { return Rates::default() };
    let Some(mut inner) = value.table(format!("`{key}`"), example) else { return Rates::default() };
    let empty = !inner.has("down") && !inner.has("up");
    let limit = rates(&mut inner);
    if empty {
        value.wrong(format!("`{key}` names neither `down` nor `up`"), format!("for example {example}"));
    }
    inner.finish();
    limit
}

/// Records floors above the ceiling of the same tube.
fn below(problems: &Problems, floor: &Rates, ceiling: &Rates) {
    for direction in Direction::BOTH {
        if let (Some(floor), Some(ceiling)) = (floor.of(direction), ceiling.of(direction))
            && floor.value > ceiling.value
        {
            let message = format!(
                "the floor is above the ceiling of the same tube: {} {direction} does not fit in {}",
                floor.value, ceiling.value
            );
            problems.error(&floor.place, message, format!("write `{direction} = \"{}\"` or less", ceiling.value));
        }
    }
}

fn rates(table: &mut Table<'_>) -> Rates {
    Rates { down: table.take("down"), up: table.take("up") }
}

/// Records names that do not exist, and tubes that lie in themselves.
pub(in crate::config) fn check(problems: &Problems, drafts: &[Draft], tubes: &Names<'_>, egresses: &Names<'_>) {
    for draft in drafts {
        if let Some(within) = &draft.within {
            tubes.check(problems, &within.place, within.value.as_str());
        }
        if let Some(egress) = &draft.egress {
            egresses.check(problems, &egress.place, egress.value.as_str());
        }
    }
    circles(problems, drafts);
}

/// Each circle once, at the first of its tubes that the file names.
fn circles(problems: &Problems, drafts: &[Draft]) {
    let by_name: HashMap<&TubeId, usize> = drafts.iter().enumerate().map(|(at, draft)| (&draft.id, at)).collect();
    let outer = |at: usize| drafts[at].within.as_ref().and_then(|within| by_name.get(&within.value).copied());
    // In which walk a tube was first met; a walk that meets its own steps has found a circle.
    let mut met: Vec<Option<usize>> = vec![None; drafts.len()];
    for start in 0..drafts.len() {
        let mut next = Some(start);
        while let Some(at) = next.filter(|at| met[*at].is_none()) {
            met[at] = Some(start);
            next = outer(at);
        }
        if let Some(entry) = next.filter(|at| met[*at] == Some(start)) {
            let mut circle = vec![entry];
            circle.extend(std::iter::successors(outer(entry), |at| outer(*at)).take_while(|at| *at != entry));
            let first = circle.iter().copied().min().unwrap_or(entry);
            let place: Option<&Place> = drafts[first].within.as_ref().map(|within| &within.place);
            let from = circle.iter().position(|at| *at == first).unwrap_or(0);
            circle.rotate_left(from);
            circle.push(first);
            let path: Vec<&str> = circle.iter().map(|at| drafts[*at].id.as_str()).collect();
            if let Some(place) = place {
                let message = format!("`within` goes in a circle: {}", path.join(" in "));
                problems.error(place, message, "take `within` away from the tube that lies in the link itself");
            }
        }
    }
}
