//! Names that are defined in one place and used in another.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use crate::config::nearest;
use crate::config::problem::Problems;
use crate::config::text::{Place, Placed};
use crate::config::value::{quoted, short};

/// All names of one kind.
pub(in crate::config) struct Names<'a> {
    kind: &'static str,
    plural: &'static str,
    known: Vec<&'a str>,
    set: HashSet<&'a str>,
}

impl<'a> Names<'a> {
    /// The names of a kind, in the order in which hints list them.
    pub(in crate::config) fn new(
        kind: &'static str,
        plural: &'static str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        Names { kind, plural, set: known.iter().copied().collect(), known }
    }

    /// Whether there is such a name; if not, that is recorded where it was used.
    pub(in crate::config) fn check(&self, problems: &Problems, at: &Place, name: &str) -> bool {
        let known = self.set.contains(name);
        // Where a header of this kind could not be read, it may be the one.
        if !known && !problems.lost_header(self.kind) {
            let hint = match (problems.full(), self.known.is_empty()) {
                (true, _) => String::new(),
                (_, true) => format!("no {} is defined", self.kind),
                _ => nearest::hint(name, &self.known, &format!("the {} are", self.plural)),
            };
            problems.error(at, format!("there is no {} {}", self.kind, quoted(name)), hint);
        }
        known
    }
}

/// Records every name of a kind that was used before.
pub(in crate::config) fn unique<'a>(
    problems: &Problems,
    kind: &str,
    names: impl IntoIterator<Item = (&'a str, &'a Place)>,
) {
    let mut seen: HashMap<&str, u32> = HashMap::new();
    for (name, at) in names {
        match seen.entry(name) {
            Entry::Vacant(free) => {
                free.insert(at.line());
            }
            Entry::Occupied(first) => {
                let message = format!("a second {kind} is named {}", quoted(name));
                let hint = format!("the first is in line {}; call this one `{}-2`", first.get(), short(name));
                problems.error(at, message, hint);
            }
        }
    }
}

/// Records the use of a name that means something else in metrics, logs or the gateway itself.
pub(in crate::config) fn reserved(problems: &Problems, name: &Placed<String>, word: &str, meaning: &str) {
    if name.value == word {
        problems.error(&name.place, format!("`{word}` is reserved"), format!("{meaning}; choose another name"));
    }
}
