//! Whose an entry is. Entries are numbered in one row: the categories in the order of the file, in each its own entries
//! before those of its lists. So a number tells all that a table has to keep of an entry.

use std::sync::Arc;

use super::list::{Effect, Places};
use super::spec::Entry;
use crate::base::Source;

/// Entries of one category that came from one place.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The number of its first entry.
    first: u32,
    /// The category's place in the file; the earlier wins a tie.
    pub category: u32,
    origin: Origin,
    effects: Arc<[(u32, Effect)]>,
}

#[derive(Clone, Debug)]
enum Origin {
    Policy(Arc<[Source]>),
    List(Arc<Places>),
}

/// All segments, in the order of their numbers.
#[derive(Clone, Debug, Default)]
pub struct Segments {
    all: Vec<Segment>,
    count: u32,
}

impl Segments {
    /// Numbers the own entries of a category; the first number.
    pub fn own(&mut self, category: u32, entries: &[Entry]) -> u32 {
        let sources = entries.iter().map(|entry| entry.source.clone()).collect();
        self.push(category, entries.len(), Origin::Policy(sources), Arc::default())
    }

    /// Numbers the entries of a list; the first number.
    pub fn list(&mut self, category: u32, places: &Arc<Places>, effects: &Arc<[(u32, Effect)]>) -> u32 {
        self.push(category, places.len(), Origin::List(Arc::clone(places)), Arc::clone(effects))
    }

    /// Where an entry's segment stands among all, and the segment.
    pub fn of(&self, entry: u32) -> Option<(usize, &Segment)> {
        let at = self.all.partition_point(|segment| segment.first <= entry).checked_sub(1)?;
        Some((at, self.all.get(at)?))
    }

    fn push(&mut self, category: u32, entries: usize, origin: Origin, effects: Arc<[(u32, Effect)]>) -> u32 {
        let first = self.count;
        self.all.push(Segment { first, category, origin, effects });
        self.count = first.saturating_add(number(entries));
        first
    }
}

impl Segment {
    /// Whether a list says it, and not the policy itself.
    pub fn is_imported(&self) -> bool {
        matches!(self.origin, Origin::List(_))
    }

    /// What an entry of it does beside matching.
    pub fn effect(&self, entry: u32) -> Option<Effect> {
        let number = entry - self.first;
        let at = self.effects.binary_search_by_key(&number, |(entry, _)| *entry).ok()?;
        Some(self.effects[at].1)
    }

    /// Where an entry of it stands.
    pub fn source(&self, entry: u32) -> Source {
        let number = entry - self.first;
        match &self.origin {
            Origin::Policy(sources) => sources[number as usize].clone(),
            Origin::List(places) => places.source(number),
        }
    }
}

/// A number of entries, or of one among them. More than a table can tell apart fit no machine.
pub fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
