//! What a configuration says of clients.

use crate::base::{Cidr, GroupId};

/// All `[group.NAME]` tables, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spec {
    /// The groups.
    pub groups: Vec<Group>,
}

/// One `[group.NAME]`: whoever matches any address or any user of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its name.
    pub id: GroupId,
    /// Client addresses.
    pub clients: Vec<Cidr>,
    /// Logins, compared without regard to case.
    pub users: Vec<String>,
}
