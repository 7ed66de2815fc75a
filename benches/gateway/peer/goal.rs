//! Where flows go: names that Clearway judges differently. All are the same origin.

use std::net::Ipv4Addr;

use crate::estate;
use crate::origin::ADDRESSES;

/// One of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Goal {
    /// In the clinical tube, which nothing holds.
    Clinical,
    /// In a tube with a ceiling.
    Shaped,
    /// In the internet tube; at one of the origin's addresses.
    Crowd(u8),
}

impl Goal {
    pub fn all() -> impl Iterator<Item = Goal> {
        [Goal::Clinical, Goal::Shaped].into_iter().chain((1..=ADDRESSES).map(Goal::Crowd))
    }

    pub fn name(self) -> String {
        match self {
            Goal::Clinical => estate::CLINICAL.to_owned(),
            Goal::Shaped => estate::SHAPED.to_owned(),
            Goal::Crowd(last) => format!("pages-{last}.example.org"),
        }
    }

    pub fn address(self) -> Ipv4Addr {
        match self {
            Goal::Clinical | Goal::Shaped => Ipv4Addr::LOCALHOST,
            Goal::Crowd(last) => Ipv4Addr::new(127, 0, 0, last),
        }
    }
}
