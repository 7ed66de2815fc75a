//! The answer to where a host is: the categories it is in, and the tube and category that follow.

use std::fmt;

use super::key::Reach;
use super::wild::Wild;
use crate::base::{CategoryId, Cidr, Host, Name, Source, TubeId};

/// The built-in category of what matches no other.
pub const OTHER: &str = "other";

/// The categories that a host is in, each by its most specific entry, the most specific category first.
#[derive(Clone, Debug, PartialEq)]
pub struct Matches {
    found: Vec<Match>,
    /// The ids of `found`, or `other` alone: what rules are asked about.
    categories: Vec<CategoryId>,
    /// The tube where no match has one.
    other: TubeId,
}

/// A category that a host is in.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// The category.
    pub category: CategoryId,
    /// The category's tube.
    pub tube: Option<TubeId>,
    /// The most specific entry of the category that matched.
    pub entry: Matched,
    /// Where that entry stands.
    pub source: Source,
}

/// An entry that matched; it prints as a list writes it: `example.com`, `=example.com`, `198.51.100.0/24`.
#[derive(Clone, Debug, PartialEq)]
pub struct Matched(Part);

/// A name entry is kept as the part of the matched name that it covers, which costs no allocation.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    Name { name: Name, start: usize, reach: Reach },
    Network(Cidr),
    Wild(Wild),
    Page(String),
}

impl Matches {
    pub(super) fn new(found: Vec<Match>, other: TubeId) -> Self {
        let categories = if found.is_empty() {
            vec![CategoryId::from(OTHER)]
        } else {
            found.iter().map(|found| found.category.clone()).collect()
        };
        Matches { found, categories, other }
    }

    /// The tube that the most specific match with a tube gives, else that of `other`.
    pub fn tube(&self) -> &TubeId {
        self.by_tube().and_then(|found| found.tube.as_ref()).unwrap_or(&self.other)
    }

    /// The flow's category in labels and records: the one that gave the tube; where none has a tube, the most
    /// specific; `other` where nothing matched.
    pub fn category(&self) -> &CategoryId {
        self.named().map_or(&self.categories[0], |found| &found.category)
    }

    /// The match that names the flow's category; none for `other`.
    pub fn named(&self) -> Option<&Match> {
        self.by_tube().or(self.found.first())
    }

    /// What rules are asked about: every category that matched, the most specific first; `other` alone where none did.
    pub fn categories(&self) -> &[CategoryId] {
        &self.categories
    }

    /// The matches, the most specific first.
    pub fn as_slice(&self) -> &[Match] {
        &self.found
    }

    fn by_tube(&self) -> Option<&Match> {
        self.found.iter().find(|found| found.tube.is_some())
    }
}

impl Matched {
    /// The entry whose name begins at an octet of a matched name.
    pub(super) fn name(name: &Name, start: usize, reach: Reach) -> Self {
        Matched(Part::Name { name: name.clone(), start, reach })
    }

    /// What was found inside a name.
    pub(super) fn wild(wild: Wild) -> Self {
        Matched(Part::Wild(wild))
    }

    /// The pages of a host whose path begins so.
    pub(super) fn page(host: &Host, front: &str) -> Self {
        Matched(Part::Page(format!("{host}/{front}")))
    }

    pub(super) fn network(network: Cidr) -> Self {
        Matched(Part::Network(network))
    }
}

impl fmt::Display for Matched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Part::Name { name, start, reach } => {
                f.write_str(reach.before())?;
                f.write_str(name.as_str().get(*start..).unwrap_or_default())
            }
            Part::Network(network) => network.fmt(f),
            Part::Wild(wild) => wild.fmt(f),
            Part::Page(page) => f.write_str(page),
        }
    }
}
