//! The answer to where a host is: the categories it is in, and the tube and category that follow. It borrows what it says
//! from the catalog and the question: a look-up costs no allocation.

use std::fmt;

use smallvec::SmallVec;

use super::key::Reach;
use super::segment::Segment;
use super::wild::Wild;
use crate::base::{CategoryId, Cidr, Host, Source, TubeId};

/// The built-in category of what matches no other.
pub const OTHER: &str = "other";

/// The categories that a host is in, each by its most specific entry, the most specific category first.
#[derive(Clone, Debug)]
pub struct Matches<'a> {
    found: SmallVec<[Match<'a>; 2]>,
    /// The ids of `found`, or `other` alone: what rules are asked about.
    categories: SmallVec<[&'a CategoryId; 2]>,
    /// The tube where no match has one.
    other: &'a TubeId,
}

/// A category that a host is in.
#[derive(Clone, Debug)]
pub struct Match<'a> {
    /// The category.
    pub category: &'a CategoryId,
    /// The category's tube.
    pub tube: Option<&'a TubeId>,
    /// The most specific entry of the category that matched.
    pub entry: Matched<'a>,
    pub(super) segment: &'a Segment,
    pub(super) number: u32,
}

/// An entry that matched; it prints as a list writes it: `example.com`, `=example.com`, `198.51.100.0/24`.
#[derive(Clone, Debug)]
pub struct Matched<'a>(pub(super) Part<'a>);

#[derive(Clone, Debug)]
pub(super) enum Part<'a> {
    /// The part of the matched name that it covers: the table keeps no names.
    Name(&'a str, Reach),
    Network(Cidr),
    /// What was found inside a name.
    Wild(&'a Wild),
    /// The pages of a host whose path begins so.
    Page(&'a Host, &'a str),
}

impl<'a> Matches<'a> {
    /// Those that were found; where there is none, the category and tube of all others.
    pub(super) fn new(found: SmallVec<[Match<'a>; 2]>, (category, tube): (&'a CategoryId, &'a TubeId)) -> Self {
        let mut categories: SmallVec<_> = found.iter().map(|found| found.category).collect();
        if categories.is_empty() {
            categories.push(category);
        }
        Matches { found, categories, other: tube }
    }

    /// The tube that the most specific match with a tube gives, else that of `other`.
    pub fn tube(&self) -> &'a TubeId {
        self.by_tube().and_then(|found| found.tube).unwrap_or(self.other)
    }

    /// The flow's category in labels and records: the one that gave the tube; where none has a tube, the most
    /// specific; `other` where nothing matched.
    pub fn category(&self) -> &'a CategoryId {
        self.named().map_or(self.categories[0], |found| found.category)
    }

    /// The match that names the flow's category; none for `other`.
    pub fn named(&self) -> Option<&Match<'a>> {
        self.by_tube().or(self.found.first())
    }

    /// What rules are asked about: every category that matched, the most specific first; `other` alone where none did.
    pub fn categories(&self) -> &[&'a CategoryId] {
        &self.categories
    }

    /// The matches, the most specific first.
    pub fn as_slice(&self) -> &[Match<'a>] {
        &self.found
    }

    fn by_tube(&self) -> Option<&Match<'a>> {
        self.found.iter().find(|found| found.tube.is_some())
    }
}

impl Match<'_> {
    /// Where the entry stands.
    pub fn source(&self) -> Source {
        self.segment.source(self.number)
    }
}

impl fmt::Display for Matched<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Part::Name(name, reach) => write!(f, "{}{name}", reach.before()),
            Part::Network(network) => network.fmt(f),
            Part::Wild(wild) => wild.fmt(f),
            Part::Page(host, front) => write!(f, "{host}/{front}"),
        }
    }
}
