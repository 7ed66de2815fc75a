//! Names that lists should leave alone: those of protected categories, and those whose loss would hurt care.

use std::fmt;
use std::sync::Arc;

use foldhash::HashMap;

use super::key::{Reach, Seed};
use super::network::Networks;
use super::spec::{Category, Entry, Pattern, Spec};
use crate::base::{CategoryId, Cidr, Source};

/// A name or network that is watched over.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// What it is.
    pub pattern: Pattern,
    /// Why.
    pub why: Why,
}

/// Why a name is watched over.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// A protected category has it, and no list can take it away.
    Protected {
        /// The category.
        category: CategoryId,
        /// Where it stands.
        source: Source,
    },
    /// Care would suffer without it: what it is, for people.
    Care(Arc<str>),
}

/// What is watched over, by the keys that a reader of lists has at hand anyway.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    watched: Vec<Arc<Watched>>,
    /// Under the key of each: suffix entries by their suffix key, exact ones by their exact key.
    on: HashMap<u64, usize>,
    /// The first that lies under a name, by that name's suffix key.
    above: HashMap<u64, usize>,
    networks: Networks,
}

/// Names whose loss would hurt care: a name, what it is.
const CARE: &str = include_str!("care.txt");

impl Guard {
    /// Over the names whose loss would hurt care.
    pub fn of_care(seed: &Seed) -> Self {
        let mut guard = Guard::default();
        for line in CARE.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (name, what) = line.split_once(' ').unwrap_or((line, ""));
            if let Ok(pattern) = name.parse() {
                guard.watch(seed, Watched { pattern, why: Why::Care(what.trim().into()) });
            }
        }
        guard
    }

    /// Over those, and over what the policy itself puts into protected categories.
    pub fn of(spec: &Spec) -> Self {
        let mut guard = Guard::of_care(&spec.seed);
        guard.watch_own(&spec.seed, &spec.categories);
        guard
    }

    /// Watches over what the policy itself puts into protected categories.
    pub fn watch_own(&mut self, seed: &Seed, categories: &[Category]) {
        for category in categories.iter().filter(|category| category.protected) {
            for Entry { pattern, source } in &category.entries {
                let why = Why::Protected { category: category.id.clone(), source: source.clone() };
                self.watch(seed, Watched { pattern: pattern.clone(), why });
            }
        }
    }

    /// Watches over one more. Of two with the same name the first is told, but a protected one before any of care.
    pub fn watch(&mut self, seed: &Seed, watched: Watched) {
        let number = self.watched.len();
        let protected = watched.is_protected();
        let told = |table: &mut HashMap<u64, usize>, known: &[Arc<Watched>], key: u64| {
            let held = table.entry(key).or_insert(number);
            if protected && known.get(*held).is_some_and(|known| !known.is_protected()) {
                *held = number;
            }
        };
        let (name, reach) = match &watched.pattern {
            Pattern::Suffix(name) => (name, Reach::Suffix),
            Pattern::Exact(name) => (name, Reach::Exact),
            Pattern::Network(network) => {
                self.networks.add(*network, super::segment::number(number), |_| false);
                self.watched.push(Arc::new(watched));
                return;
            }
        };
        for (start, suffix) in seed.keys(name.as_str()) {
            match (start, reach) {
                (0, Reach::Exact) => {
                    told(&mut self.on, &self.watched, seed.reaching(suffix, Reach::Exact));
                    // A suffix entry of that name holds more than it.
                    told(&mut self.above, &self.watched, suffix);
                }
                (0, _) => told(&mut self.on, &self.watched, suffix),
                _ => told(&mut self.above, &self.watched, suffix),
            }
        }
        self.watched.push(Arc::new(watched));
    }

    /// Tells guards apart that watch over something else.
    pub fn mark(&self, seed: &Seed) -> u64 {
        let all: String = self.watched.iter().map(|watched| format!("{watched}\n")).collect();
        seed.digest(all.as_bytes())
    }

    /// What an entry would take, given the keys of its name and of all parents, the shortest first: the most specific that
    /// it lies on or under; or, with `true`, one that lies under it. A protected one is told first.
    pub fn look(&self, seed: &Seed, keys: &[u64], reach: Reach) -> Option<(&Arc<Watched>, bool)> {
        let whole = *keys.last()?;
        let exact = (reach == Reach::Exact).then(|| self.on.get(&seed.reaching(whole, reach))).flatten();
        let on = exact.or_else(|| keys.iter().rev().find_map(|key| self.on.get(key)));
        let above = (reach != Reach::Exact).then(|| self.above.get(&whole)).flatten();
        let told = |number: Option<&usize>| number.and_then(|number| self.watched.get(*number));
        match (told(on), told(above)) {
            (Some(on), Some(above)) if above.is_protected() && !on.is_protected() => Some((above, true)),
            (Some(on), _) => Some((on, false)),
            (None, above) => above.map(|above| (above, true)),
        }
    }

    /// What a network would take, on or under.
    pub fn look_at_network(&self, network: &Cidr) -> Option<&Arc<Watched>> {
        let hit = self.networks.find(network.network()).find(|(around, _)| around.covers(network))?;
        self.watched.get(hit.1 as usize)
    }
}

impl Watched {
    /// Whether no list can take it away.
    pub fn is_protected(&self) -> bool {
        matches!(self.why, Why::Protected { .. })
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Why::Protected { category, source } => {
                write!(f, "a name of the protected category `{category}`: `{}` ({source})", self.pattern)
            }
            Why::Care(what) => write!(f, "`{}`, which care needs: {what}", self.pattern),
        }
    }
}
