//! Reads a list of any format.

use std::io;
use std::path::Path;

use super::{Format, List, Sheet, Shelf, Watch};
use super::{adguard, hosts, m365, plain, rpz, squid, ut1, v2fly};
use crate::category::key::Seed;

/// Reads a list.
///
/// # Errors
/// Those of reading a file; what a file says is never one, but that JSON is not whole (`InvalidData`).
pub fn read(path: &Path, format: Format, shelf: &dyn Shelf, seed: &Seed, watch: Watch<'_>) -> io::Result<List> {
    let mut sheet = Sheet::new(path, format, seed, watch);
    match format {
        Format::Ut1 => ut1::read(path, shelf, &mut sheet)?,
        Format::V2fly => v2fly::read(path, shelf, &mut sheet)?,
        _ => {
            let bytes = shelf.bytes(path)?;
            sheet.look_at(&bytes);
            match format {
                Format::Hosts => hosts::read(&bytes, &mut sheet),
                Format::Squid => squid::read(&bytes, &mut sheet),
                Format::Adguard => adguard::read(&bytes, &mut sheet),
                Format::Rpz => rpz::read(&bytes, &mut sheet),
                Format::M365 => m365::read(&bytes, &mut sheet)?,
                Format::Plain | Format::Ut1 | Format::V2fly => plain::read(&bytes, &mut sheet),
            }
        }
    }
    Ok(sheet.done())
}
