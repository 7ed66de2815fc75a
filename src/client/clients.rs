//! All groups in memory: a client goes in, the groups it is in come out.

use std::net::IpAddr;

use super::spec::Spec;
use crate::base::{Cidr, GroupId};

/// The groups of a configuration, ready to be asked. It never changes.
#[derive(Clone, Debug, Default)]
pub struct Clients {
    /// In the order of the file.
    groups: Vec<Known>,
    /// Every login with its case folded, and the group's place in `groups`; sorted, for a search that needs no copy
    /// of the login asked for.
    users: Vec<(Box<str>, usize)>,
}

#[derive(Clone, Debug)]
struct Known {
    id: GroupId,
    clients: Vec<Cidr>,
}

impl Clients {
    /// Takes up every group.
    pub fn new(spec: &Spec) -> Self {
        let mut users: Vec<(Box<str>, usize)> = Vec::new();
        for (at, group) in spec.groups.iter().enumerate() {
            users.extend(group.users.iter().map(|user| (folded(user).collect::<String>().into_boxed_str(), at)));
        }
        users.sort_unstable();
        let groups = spec.groups.iter().map(|group| Known { id: group.id.clone(), clients: group.clients.clone() });
        Clients { groups: groups.collect(), users }
    }

    /// The groups of a client, in the order of the file: those that name its address or its user. An IPv4-mapped
    /// address counts as the IPv4 address it carries; logins are compared without regard to case. Nothing is allocated
    /// where no group matches.
    pub fn groups_of(&self, client: IpAddr, user: Option<&str>) -> Vec<GroupId> {
        let named = user.map_or(&[][..], |user| self.named(user));
        let within = |group: &Known| group.clients.iter().any(|network| network.contains(client));
        let groups = self.groups.iter().enumerate();
        groups
            .filter(|(at, group)| named.iter().any(|(_, of)| of == at) || within(group))
            .map(|(_, group)| group.id.clone())
            .collect()
    }

    /// The entries of `users` for one login.
    fn named(&self, user: &str) -> &[(Box<str>, usize)] {
        let from = self.users.partition_point(|(known, _)| known.chars().lt(folded(user)));
        let rest = &self.users[from..];
        &rest[..rest.partition_point(|(known, _)| known.chars().eq(folded(user)))]
    }
}

/// A login without regard to case, letter by letter so that it needs no allocation. Both sides are folded by this, so
/// that they agree where `str::to_lowercase` looks at the letters around (a final sigma).
fn folded(user: &str) -> impl Iterator<Item = char> + '_ {
    user.chars().flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Group;
    use proptest::prelude::*;

    fn group(id: &str, clients: &[&str], users: &[&str]) -> Group {
        Group {
            id: id.into(),
            clients: clients.iter().map(|network| network.parse().unwrap()).collect(),
            users: users.iter().map(|user| (*user).to_owned()).collect(),
        }
    }

    fn asked(clients: &Clients, address: &str, user: Option<&str>) -> Vec<String> {
        clients.groups_of(address.parse().unwrap(), user).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_client_is_in_every_group_that_names_its_address_or_its_user() {
        let clients = Clients::new(&Spec {
            groups: vec![
                group("wards", &["10.4.0.0/16", "2001:db8:4::/48"], &[]),
                group("communications", &["10.4.7.0/24"], &["rhian.example", "Siôn"]),
                group("students", &[], &["RHIAN.EXAMPLE", "ΟΔΟΣ"]),
            ],
        });
        for (address, user, groups) in [
            ("10.4.1.1", None, &["wards"][..]),
            ("10.4.7.1", None, &["wards", "communications"]),
            ("10.5.0.1", None, &[]),
            ("::ffff:10.4.1.1", None, &["wards"]),
            ("2001:db8:4::1", Some("nobody"), &["wards"]),
            ("10.5.0.1", Some("Rhian.Example"), &["communications", "students"]),
            ("10.4.1.1", Some("SIÔN"), &["wards", "communications"]),
            ("10.4.7.1", Some("siôn"), &["wards", "communications"]),
            ("10.5.0.1", Some("οδος"), &[]),
            ("10.5.0.1", Some("οδοσ"), &["students"]),
            ("10.5.0.1", Some("rhian"), &[]),
            ("10.5.0.1", Some(""), &[]),
        ] {
            assert_eq!(asked(&clients, address, user), groups, "{address} {user:?}");
        }
    }

    #[test]
    fn no_match_allocates_nothing() {
        let clients = Clients::new(&Spec { groups: vec![group("wards", &["10.4.0.0/16"], &["rhian"])] });
        assert_eq!(clients.groups_of([192, 0, 2, 1].into(), Some("owain")).capacity(), 0);
    }

    proptest! {
        #[test]
        fn a_user_is_found_as_a_walk_over_all_would(
            users in prop::collection::vec(prop::collection::vec("[abAB]{0,3}", 0..6), 0..5),
            asked in "[abAB]{0,3}",
        ) {
            let groups: Vec<Group> = users.iter().enumerate().map(|(at, users)| Group {
                id: at.to_string().as_str().into(),
                clients: Vec::new(),
                users: users.clone(),
            }).collect();
            let naive: Vec<GroupId> = groups.iter()
                .filter(|group| group.users.iter().any(|user| user.eq_ignore_ascii_case(&asked)))
                .map(|group| group.id.clone())
                .collect();
            let clients = Clients::new(&Spec { groups });
            prop_assert_eq!(clients.groups_of([192, 0, 2, 1].into(), Some(&asked)), naive);
        }
    }
}
