//! What a list would do that somebody should know of: entries on, under or above a name that is watched over.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::category::guard::Watched;

/// An entry of a list that gives reason to look.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// The file it stands in.
    pub file: Arc<Path>,
    /// The line, from 1.
    pub line: u32,
    /// The entry as a plain list would write it.
    pub entry: String,
    /// What it would do.
    pub trouble: Trouble,
}

/// What an entry would do.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// It lies on or under a name that is watched over.
    Takes(Arc<Watched>),
    /// One that is watched over lies under it.
    Above(Arc<Watched>),
    /// It holds everybody under a public suffix.
    PublicSuffix,
}

impl Trouble {
    /// Whether it is about a name that care needs and no category protects.
    pub fn is_for_care(&self) -> bool {
        match self {
            Trouble::Takes(watched) | Trouble::Above(watched) => !watched.is_protected(),
            Trouble::PublicSuffix => false,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = &self.entry;
        match &self.trouble {
            Trouble::Takes(watched) => write!(f, "`{entry}` would take {watched}"),
            Trouble::Above(watched) => write!(f, "`{entry}` would take {watched}, which lies under it"),
            Trouble::PublicSuffix => write!(f, "`{entry}` is a public suffix: it holds every name under it"),
        }
    }
}
