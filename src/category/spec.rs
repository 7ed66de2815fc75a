//! What a configuration says of categories.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::base::{CategoryId, Cidr, Name, Source, TubeId};

/// All `[category.NAME]` tables, in the order of the file; ties between equal entries go to the earlier.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spec {
    /// The categories.
    pub categories: Vec<Category>,
    /// The tube of a flow that no category with a tube claims (the built-in category `other`).
    pub other: Option<TubeId>,
}

/// One `[category.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Category {
    /// Its name.
    pub id: CategoryId,
    /// The tube its flows ride in; without one, the next category that matches gives it.
    pub tube: Option<TubeId>,
    /// For people.
    pub about: Option<String>,
    /// No imported list can take these names away.
    pub protected: bool,
    /// What is in it, from the table itself and from its lists.
    pub entries: Vec<Entry>,
    /// The lists that were read, for metrics and reports.
    pub lists: Vec<List>,
    /// Where the table begins.
    pub source: Source,
}

/// One line of a category.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it matches.
    pub pattern: Pattern,
    /// Where it stands.
    pub source: Source,
    /// Whether it came from an imported list, not from the policy itself.
    pub imported: bool,
}

/// What an entry matches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// `example.com`: the name and every name under it.
    Suffix(Name),
    /// `=example.com`: that name only.
    Exact(Name),
    /// `198.51.100.0/24`: address-literal targets inside.
    Network(Cidr),
}

/// One list that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// The file.
    pub path: Arc<Path>,
    /// Entries taken.
    pub entries: usize,
    /// Lines that could not be read.
    pub rejected: Vec<Rejected>,
    /// When the file was last modified.
    pub modified: Option<Timestamp>,
}

/// A line of a list that could not be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejected {
    /// The line, from 1.
    pub line: u32,
    /// The text, cut to a length fit for a message.
    pub text: String,
    /// Why.
    pub why: String,
}
