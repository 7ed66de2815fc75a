//! Address prefixes.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// A network such as `10.4.0.0/16` or `fe80::/10`; a bare address is a network of one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Cidr(IpNet);

/// Why a text is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// Not an address or prefix at all.
    #[error("not an address or network")]
    Syntax,
    /// Bits are set to the right of the prefix: `10.4.1.0/16`.
    #[error("has bits set beyond its prefix; the network is {0}")]
    HostBits(Cidr),
}

impl Cidr {
    /// Whether an address is inside. An IPv4-mapped IPv6 address counts as the IPv4 address it carries, so that
    /// `::ffff:127.0.0.1` cannot slip past `127.0.0.0/8`.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Whether every address of `other` is inside too.
    pub fn covers(&self, other: &Cidr) -> bool {
        self.0.contains(&other.0)
    }

    /// The prefix length in bits.
    pub fn prefix(&self) -> u8 {
        self.0.prefix_len()
    }

    /// The first address of the network.
    pub fn network(&self) -> IpAddr {
        self.0.network()
    }
}

impl From<IpAddr> for Cidr {
    fn from(address: IpAddr) -> Self {
        Cidr(IpNet::from(address.to_canonical()))
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Cidr::from(address));
        }
        let net: IpNet = text.parse().map_err(|_| CidrError::Syntax)?;
        if net.trunc() != net {
            return Err(CidrError::HostBits(Cidr(net.trunc())));
        }
        Ok(Cidr(canonical(net)))
    }
}

/// A network of IPv4-mapped addresses is the IPv4 network it carries: addresses are looked up as what they carry.
fn canonical(net: IpNet) -> IpNet {
    match (net.network().to_canonical(), net.prefix_len().checked_sub(96)) {
        (IpAddr::V4(address), Some(prefix)) if net.network().is_ipv6() => {
            IpNet::new(IpAddr::V4(address), prefix).unwrap_or(net)
        }
        _ => net,
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_counts_as_the_ipv4_address_it_carries() {
        let loopback: Cidr = "127.0.0.0/8".parse().unwrap();
        assert!(loopback.contains("::ffff:127.0.0.1".parse().unwrap()));
        assert!(!loopback.contains("::1".parse().unwrap()));
    }

    #[test]
    fn a_mapped_network_is_the_ipv4_network_it_carries() {
        let mapped: Cidr = "::ffff:10.0.0.0/104".parse().unwrap();
        assert_eq!(mapped.to_string(), "10.0.0.0/8");
        assert!(mapped.contains("10.1.2.3".parse().unwrap()));
        assert_eq!("::ffff:0:0/96".parse::<Cidr>().unwrap().to_string(), "0.0.0.0/0");
    }

    #[test]
    fn host_bits_are_refused_and_the_network_named() {
        let error = "10.4.1.0/16".parse::<Cidr>().unwrap_err();
        assert_eq!(error.to_string(), "has bits set beyond its prefix; the network is 10.4.0.0/16");
        assert_eq!("10.4".parse::<Cidr>(), Err(CidrError::Syntax));
        assert_eq!("::1".parse::<Cidr>().unwrap().prefix(), 128);
    }
}
