//! What a reader made of a list.

use std::fmt;

use crate::category::{Entry, Rejected};

/// A rejected line is cut to so many characters, about what fits beside its reason on a line of a terminal.
const SHOWN: usize = 60;

/// The entries of a list, and the lines that are none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// In the order of the file.
    pub entries: Vec<Entry>,
    /// Likewise.
    pub rejected: Vec<Rejected>,
}

impl Loaded {
    /// Notes a line that could not be read. Control characters are replaced: a list from elsewhere must not be able to
    /// steer the terminal it is reported on.
    pub(super) fn reject(&mut self, line: u32, text: &str, why: impl fmt::Display) {
        let mut shown: String =
            text.chars().take(SHOWN).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
        if text.chars().nth(SHOWN).is_some() {
            shown.push('…');
        }
        self.rejected.push(Rejected { line, text: shown, why: why.to_string() });
    }
}
