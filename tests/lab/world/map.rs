//! Where everything is: addresses, names.

use std::net::{Ipv4Addr, SocketAddr};

/// The gateway towards staff.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// The clinical server. The link tells clinical traffic by this address.
pub const CLINIC: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);
/// The server of everything else.
pub const SOCIAL: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
/// Where servers listen.
pub const PORT: u16 = 443;
/// The most people who fit into the addresses.
pub const PEOPLE: u32 = 400;
/// From how many addresses clinical work is done.
pub const CLINICIANS: u32 = 20;

/// The address of a member of staff.
pub fn staff(who: u32) -> Ipv4Addr {
    let [high, low] = [who / 100 + 1, who % 100 + 1].map(|part| part as u8);
    Ipv4Addr::new(10, 1, high, low)
}

/// The address that a piece of clinical work is done from.
pub fn clinician(number: u32) -> Ipv4Addr {
    Ipv4Addr::new(10, 2, 0, (number % CLINICIANS) as u8 + 1)
}

/// The servers, by the names that a proxy is asked for.
pub const NAMES: &[(&str, Ipv4Addr)] = &[
    ("clinic.example.wales.nhs.uk", CLINIC),
    ("video.social.example", SOCIAL),
    ("pages.social.example", SOCIAL),
    ("photos.social.example", SOCIAL),
];

/// A server that is asked for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// Clinical work.
    Clinic,
    /// Segments of video, and other large downloads.
    Video,
    /// Pages.
    Pages,
    /// Photos.
    Photos,
}

impl Server {
    fn entry(self) -> (&'static str, Ipv4Addr) {
        NAMES[self as usize]
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.entry().0
    }

    /// Its address.
    pub fn address(self) -> SocketAddr {
        (self.entry().1, PORT).into()
    }
}
