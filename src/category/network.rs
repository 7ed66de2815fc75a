//! The table of networks: from an address to the entries whose network it is in, the longest prefix first.

use std::net::IpAddr;

use foldhash::{HashMap, HashMapExt as _};
use smallvec::SmallVec;

use crate::base::Cidr;

/// Networks and their entries, the families apart: no IPv6 network holds an IPv4 address.
#[derive(Clone, Debug, Default)]
pub struct Networks {
    v4: Family,
    v6: Family,
}

impl Networks {
    /// Adds an entry, unless one of the same network stands for it already; the earlier added comes first.
    pub fn add(&mut self, network: Cidr, entry: u32, stands_for: impl Fn(u32) -> bool) {
        let (bits, width) = bits(network.network());
        let family = if width == 32 { &mut self.v4 } else { &mut self.v6 };
        let entries = family.entries(network, front(bits, width, network.prefix()));
        if !entries.iter().any(|held| stands_for(*held)) {
            entries.push(entry);
        }
    }

    /// Every entry whose network holds the address, the longest prefix first: the network, and the entry.
    pub fn find(&self, address: IpAddr) -> impl Iterator<Item = (Cidr, u32)> + '_ {
        let (bits, width) = bits(address.to_canonical());
        let family = if width == 32 { &self.v4 } else { &self.v6 };
        family
            .levels
            .iter()
            .filter_map(move |level| level.networks.get(&front(bits, width, level.prefix)))
            .flat_map(|(network, entries)| entries.iter().map(|entry| (*network, *entry)))
    }
}

/// The networks of one family by prefix length, the longest first. A look-up asks each length that occurs: 33 or 129
/// at most, about four in practice.
#[derive(Clone, Debug, Default)]
struct Family {
    levels: Vec<Level>,
}

#[derive(Clone, Debug)]
struct Level {
    prefix: u8,
    /// By the bits in front of the prefix's end.
    networks: HashMap<u128, (Cidr, SmallVec<[u32; 2]>)>,
}

impl Family {
    /// The entries of a network.
    fn entries(&mut self, network: Cidr, front: u128) -> &mut SmallVec<[u32; 2]> {
        let prefix = network.prefix();
        let at = self.levels.partition_point(|level| level.prefix > prefix);
        if self.levels.get(at).is_none_or(|level| level.prefix != prefix) {
            self.levels.insert(at, Level { prefix, networks: HashMap::new() });
        }
        let known = self.levels[at].networks.entry(front);
        &mut known.or_insert_with(|| (network, SmallVec::new())).1
    }
}

/// An address as a number, and how many bits its family has.
fn bits(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    }
}

/// The first `prefix` bits. Shifting out all 128 is an overflow to Rust; here it leaves nothing.
fn front(bits: u128, width: u8, prefix: u8) -> u128 {
    bits.checked_shr(u32::from(width - prefix)).unwrap_or(0)
}
