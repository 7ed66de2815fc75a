//! `clearway gateway nft`: nftables and `ip rule` for clients that are not told of a proxy.

use super::super::args::ConfigFile;
use super::super::load;

/// Prints the script, or the one that takes away what it made.
pub fn run(config: &ConfigFile, _undo: bool) -> Result<u8, u8> {
    load::config(config)?;
    Ok(0)
}
