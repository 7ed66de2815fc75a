//! Squid's `dstdomain`: `example.com` is that name only, `.example.com` that name and all under it.

use super::lines::said;
use super::sheet::{Item, Sheet};
use crate::category::key::Reach;

/// Reads a list. Options of an ACL in front (`-n`) and quotes around are Squid's own and passed over.
pub fn read(bytes: &[u8], sheet: &mut Sheet<'_>) {
    for (line, text) in said(bytes, '#') {
        // Squid takes several names on a line.
        for word in text.split_whitespace().filter(|word| !word.starts_with('-')) {
            match word.trim_matches('"').strip_prefix('.') {
                Some(name) => sheet.put(line, Item::Host(name, Reach::Suffix)),
                None => sheet.put(line, Item::Host(word.trim_matches('"'), Reach::Exact)),
            }
        }
    }
}
