//! Which imported entries would take a name or network away from a protected category, for `check` to warn of.

use super::catalog::Catalog;
use super::matches::{Match, OTHER};
use super::spec::{Category, Entry};
use crate::base::CategoryId;

/// An imported entry on or under a protected one. The catalog does not let it match; whoever keeps the list should know.
#[derive(Clone, Debug, PartialEq)]
pub struct Collision<'a> {
    /// The protected entry, and whose it is.
    pub protected: Match,
    /// The category that the imported entry belongs to.
    pub category: &'a CategoryId,
    /// The imported entry.
    pub entry: &'a Entry,
}

/// Every collision, in the order of the configuration; one look-up for each imported entry. An imported entry above a
/// protected one (`uk` over `wales.nhs.uk`) is none: the protected one is the more specific.
pub fn collisions(categories: &[Category]) -> Vec<Collision<'_>> {
    let protected = Catalog::of(categories.iter().filter(|category| category.protected), OTHER.into());
    let open = categories.iter().filter(|category| !category.protected);
    open.flat_map(|category| category.entries.iter().map(move |entry| (&category.id, entry)))
        .filter(|(_, entry)| entry.imported)
        .filter_map(|(category, entry)| Some(Collision { protected: protected.over(&entry.pattern)?, category, entry }))
        .collect()
}
