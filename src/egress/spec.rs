//! What a configuration says of ways out.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::base::{Cidr, EgressId, Name, Rate, Target};

/// Every egress, the resolver, and what no flow may do.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// The `[egress.NAME]` tables; the built-in `system` (no option set) is not among them.
    pub egresses: Vec<Egress>,
    /// `[dns]`.
    pub dns: Dns,
    /// `[guard]`.
    pub guard: Guard,
}

/// What the kernel may hold for a connection, in bytes; `None`: as much as it thinks right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buffers {
    /// Of what came and was not read, and so of what a sender may have under way (tcp(7), SO_RCVBUF).
    pub receive: Option<usize>,
    /// Of what was written and not acknowledged (SO_SNDBUF).
    pub send: Option<usize>,
    /// How fast it may be sent.
    pub pace: Option<Rate>,
}

/// One `[egress.NAME]`: how connections leave.
#[derive(Clone, Debug, PartialEq)]
pub struct Egress {
    /// Its name.
    pub id: EgressId,
    /// The source address towards IPv4 targets.
    pub source_v4: Option<Ipv4Addr>,
    /// The source address towards IPv6 targets.
    pub source_v6: Option<Ipv6Addr>,
    /// The interface it is bound to (SO_BINDTODEVICE, socket(7)).
    pub interface: Option<String>,
    /// The router beyond the interface towards IPv4 targets. Packets find it by the machine's own routes, which
    /// `clearway gateway nft` writes; no flow looks at it.
    pub next_hop_v4: Option<Ipv4Addr>,
    /// The same towards IPv6 targets.
    pub next_hop_v6: Option<Ipv6Addr>,
    /// The firewall mark for policy routing (SO_MARK, socket(7)).
    pub fwmark: Option<u32>,
    /// The DSCP on every packet, 0 to 63 (RFC 2474).
    pub dscp: Option<u8>,
    /// The next proxy on the way.
    pub parent: Option<Parent>,
    /// How long a connection may take to be made, all addresses together.
    pub connect_timeout: Duration,
}

impl Egress {
    /// One with no option set: the system's route.
    pub fn bare(id: EgressId, connect_timeout: Duration) -> Self {
        Egress {
            id,
            source_v4: None,
            source_v6: None,
            interface: None,
            next_hop_v4: None,
            next_hop_v6: None,
            fwmark: None,
            dscp: None,
            parent: None,
            connect_timeout,
        }
    }
}

/// A parent proxy, reached over plain HTTP/1.1.
#[derive(Clone, PartialEq)]
pub struct Parent {
    /// Where it is.
    pub target: Target,
    /// User and password for Basic authentication (RFC 7617).
    pub credentials: Option<(String, String)>,
}

/// `[dns]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dns {
    /// The servers; empty: the system's.
    pub servers: Vec<SocketAddr>,
    /// Names answered from here before any server is asked; a name covers itself only.
    pub hosts: HashMap<Name, Vec<IpAddr>>,
}

/// `[guard]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    /// Addresses that are never dialled, checked after resolution.
    pub deny: Vec<Cidr>,
    /// The ports that may be asked for.
    pub ports: Vec<RangeInclusive<u16>>,
}

impl Guard {
    /// Whether this address may be dialled. An IPv6 address that stands for an IPv4 one behind a translator (RFC 6052,
    /// RFC 3056) is looked up as that one too. The unspecified address (`0.0.0.0`, `::`) never may: to dial it reaches
    /// this machine itself, so it would slip past a `deny` of the loopback addresses.
    pub fn permits(&self, address: IpAddr) -> bool {
        let denied = |address: IpAddr| {
            address.to_canonical().is_unspecified() || self.deny.iter().any(|net| net.contains(address))
        };
        !denied(address) && !embedded(address).is_some_and(denied)
    }

    /// Whether this port may be asked for.
    pub fn permits_port(&self, port: u16) -> bool {
        self.ports.iter().any(|range| range.contains(&port))
    }
}

/// The IPv4 address in one of 64:ff9b::/96 (NAT64), 64:ff9b:1::/96 (the same of a network's own, RFC 8215) or 2002::/16
/// (6to4).
fn embedded(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(address) = address else { return None };
    let [a, b, c, .., y, z] = address.segments();
    let (high, low) = match (a, b) {
        (0x64, 0xff9b) if matches!(address.segments()[2..6], [0 | 1, 0, 0, 0]) => (y, z),
        (0x2002, _) => (b, c),
        _ => return None,
    };
    let [[o1, o2], [o3, o4]] = [high.to_be_bytes(), low.to_be_bytes()];
    Some(IpAddr::from([o1, o2, o3, o4]))
}

/// Never shows the password.
impl std::fmt::Debug for Parent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parent").field("target", &self.target).finish_non_exhaustive()
    }
}
