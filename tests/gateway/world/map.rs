//! Where everything is: addresses, names.

use std::net::IpAddr;

/// The addresses of one family.
#[derive(Debug)]
pub struct Family {
    /// As `ip` has it.
    pub flag: &'static str,
    /// The gateway towards clients.
    pub gateway: &'static str,
    /// Another of its addresses there, as a pair of gateways passes on from one to the other.
    pub shared: &'static str,
    /// A client that is told of the proxy.
    pub told: &'static str,
    /// One that is not, brought in by TPROXY.
    pub ward: &'static str,
    /// One that is not, brought in by REDIRECT.
    pub lab: &'static str,
    /// One that is no client of any listener.
    pub stranger: &'static str,
    /// The gateway's ends of both ways out, and those beyond.
    pub wans: [[&'static str; 2]; 2],
    /// How long prefixes of the wires are.
    pub prefix: u8,
    /// How long the prefix of one address is.
    pub host: u8,
    /// Which of a site's addresses is of this family.
    which: usize,
}

/// The first.
pub const V4: &Family = &Family {
    flag: "-4",
    gateway: "10.0.0.1",
    shared: "10.0.0.9",
    told: "10.0.0.3",
    ward: "10.0.0.2",
    lab: "10.0.0.4",
    stranger: "10.0.0.5",
    wans: [["192.0.2.2", "192.0.2.1"], ["198.18.0.2", "198.18.0.1"]],
    prefix: 24,
    host: 32,
    which: 0,
};

/// The second.
pub const V6: &Family = &Family {
    flag: "-6",
    gateway: "fd00::1",
    shared: "fd00::9",
    told: "fd00::3",
    ward: "fd00::2",
    lab: "fd00::4",
    stranger: "fd00::5",
    wans: [["2001:db8:1::2", "2001:db8:1::1"], ["2001:db8:2::2", "2001:db8:2::1"]],
    prefix: 64,
    host: 128,
    which: 1,
};

/// A name and where it is.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// Its name.
    pub name: &'static str,
    addresses: [&'static str; 2],
}

impl Site {
    /// Its address in a family.
    pub fn at(self, family: &Family) -> IpAddr {
        self.text(family).parse().unwrap()
    }

    /// The same as text.
    pub fn text(self, family: &Family) -> &'static str {
        self.addresses[family.which]
    }
}

/// Clinical by its name.
pub const CLINIC: Site = Site { name: "clinic.example.wales.nhs.uk", addresses: ["198.51.100.10", "2001:db8:51::10"] };
/// Clinical by its address.
pub const CARE: Site = Site { name: "care.example", addresses: ["198.51.100.99", "2001:db8:51::99"] };
/// Social by its name.
pub const SOCIAL: Site = Site { name: "pages.social.example", addresses: ["203.0.113.10", "2001:db8:113::10"] };
/// Social by its address.
pub const MIXED: Site = Site { name: "mixed.example", addresses: ["203.0.113.30", "2001:db8:113::30"] };
/// In no category.
pub const NEWS: Site = Site { name: "news.example", addresses: ["203.0.113.20", "2001:db8:113::20"] };
/// A rule blocks its name.
pub const BLOCKED: Site = Site { name: "blocked.example", addresses: ["203.0.113.40", "2001:db8:113::40"] };
/// The guard denies its address.
pub const DENIED: Site = Site { name: "denied.example", addresses: ["203.0.113.66", "2001:db8:113::66"] };
/// Speaks first.
pub const GREETER: Site = Site { name: "greeter.example", addresses: ["203.0.113.50", "2001:db8:113::50"] };

/// Speaks TLS.
pub const SECURE: Site = Site { name: "secure.example", addresses: ["203.0.113.60", "2001:db8:113::60"] };

/// All of them.
pub const SITES: [Site; 9] = [CLINIC, CARE, SOCIAL, MIXED, NEWS, BLOCKED, DENIED, GREETER, SECURE];
