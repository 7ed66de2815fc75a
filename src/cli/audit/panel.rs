//! The panel: well-known services that every Trust is asked about, read from `panel.txt`.

use crate::base::Target;

/// One service of the panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// What kind of service it is.
    pub group: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// The host that is asked about.
    pub host: &'static str,
    /// The same as a target, on port 443.
    pub target: Target,
    /// Other hosts without which the service does not work.
    pub companions: Vec<(&'static str, Target)>,
}

impl Service {
    /// Whether patients' business depends on it.
    pub fn is_care(&self) -> bool {
        self.is_clinical() || self.group == "mail"
    }

    /// Whether somebody waits beside a patient while it waits.
    pub fn is_clinical(&self) -> bool {
        self.group == "clinical"
    }
}

/// Every service of the panel, in the order of the file.
pub fn services() -> Vec<Service> {
    include_str!("panel.txt").lines().filter_map(service).collect()
}

/// A line of the panel; none for comments and empty lines, and a test sees to it that no other line is lost.
fn service(line: &'static str) -> Option<Service> {
    let mut columns = line.split('|').map(str::trim);
    let group = columns.next().filter(|group| !group.is_empty() && !group.starts_with('#'))?;
    let (name, host) = (columns.next()?, columns.next()?);
    let named = columns.next().unwrap_or_default().split(',').map(str::trim).filter(|host| !host.is_empty());
    let companions = named.map(|host| Some((host, host.parse().ok()?))).collect::<Option<_>>()?;
    Some(Service { group, name, host, target: host.parse().ok()?, companions })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_line_of_the_panel_is_a_service_with_one_name_and_groups_come_in_one_piece() {
        let lines = include_str!("panel.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let services = services();
        assert_eq!(services.len(), lines.count());
        assert!((55..=70).contains(&services.len()), "{}", services.len());
        let names: BTreeSet<_> = services.iter().map(|service| service.name).collect();
        assert_eq!(names.len(), services.len());
        let hosts = services.iter().flat_map(|of| of.companions.iter().map(|(host, _)| *host).chain([of.host]));
        assert_eq!(hosts.clone().collect::<BTreeSet<_>>().len(), hosts.count(), "a host stands twice");
        let mut groups: Vec<_> = services.iter().map(|service| service.group).collect();
        groups.dedup();
        assert_eq!(groups.len(), groups.iter().collect::<BTreeSet<_>>().len(), "{groups:?}");
    }

    #[test]
    fn a_line_names_the_hosts_that_belong_together() {
        let service = service("mail | Post | mail.example | a.example, b.example").unwrap();
        assert_eq!((service.group, service.name, service.host), ("mail", "Post", "mail.example"));
        assert_eq!(service.companions.iter().map(|(host, _)| *host).collect::<Vec<_>>(), ["a.example", "b.example"]);
        assert!(service.is_care() && !service.is_clinical());
        for line in ["", "# mail | Post | mail.example |", "mail | Post", "mail | Post | not a host |"] {
            assert_eq!(super::service(line), None, "{line}");
        }
    }
}
