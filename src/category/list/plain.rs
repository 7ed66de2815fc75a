//! The plain format: an entry a line, as in `domains` and `networks` of a category; `#` begins a comment.

use super::lines::said;
use super::sheet::{Item, Sheet};
use crate::category::Pattern;
use crate::category::key::Reach;

/// Reads a list. A `#` begins a comment at the start of a line or after white space. A byte order mark, CRLF and blank
/// lines are passed over.
pub fn read(bytes: &[u8], sheet: &mut Sheet<'_>) {
    for (line, entry) in said(bytes, '#') {
        match entry.parse::<Pattern>() {
            Ok(Pattern::Suffix(name)) => sheet.put(line, Item::Host(name.as_str(), Reach::Suffix)),
            Ok(Pattern::Exact(name)) => sheet.put(line, Item::Host(name.as_str(), Reach::Exact)),
            Ok(Pattern::Network(network)) => sheet.put(line, Item::Network(network)),
            Err(error) => match error.hint() {
                Some(hint) => sheet.reject(line, &entry, format_args!("{error}; {hint}")),
                None => sheet.reject(line, &entry, error),
            },
        }
    }
}
