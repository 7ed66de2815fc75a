//! `[group.NAME]`.

use crate::base::{Cidr, GroupId};
use crate::client::Group;
use crate::config::table::Table;
use crate::config::text::Place;

/// A `[group.NAME]` and where its parts stand.
pub(in crate::config) struct Draft {
    pub(in crate::config) group: Group,
    pub(in crate::config) name: Place,
    pub(in crate::config) users: Option<Place>,
    /// Something in it is wrong, so that what it says is not to be trusted.
    pub(in crate::config) faulty: bool,
}

/// Reads every `[group.NAME]`.
pub(in crate::config) fn groups(root: &mut Table<'_>) -> Vec<Draft> {
    let problems = root.scope.problems;
    let mut groups = Vec::new();
    for (name, mut table) in root.named("group") {
        let errors = problems.errors();
        let clients = table.list::<Cidr>("clients").unwrap_or_default();
        let users_at = table.value("users").map(|value| value.place);
        let users = table.list::<String>("users").unwrap_or_default();
        table.finish();
        groups.push(Draft {
            group: Group {
                id: GroupId::from(name.value.as_str()),
                clients: clients.into_iter().map(|client| client.value).collect(),
                users: users.into_iter().map(|user| user.value).collect(),
            },
            name: name.place,
            users: users_at,
            faulty: problems.errors() > errors,
        });
    }
    groups
}
