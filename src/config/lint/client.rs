//! Groups that nobody can be in.

use crate::config::check::client::Draft;
use crate::config::problem::Problems;

/// Warns of groups with nothing in them, and of users where no listener asks for a login.
pub(in crate::config) fn groups(problems: &Problems, drafts: &[Draft]) {
    for Draft { group, name, users, .. } in drafts.iter().filter(|draft| !draft.faulty) {
        if group.clients.is_empty() && group.users.is_empty() {
            let message = format!("nobody is in group `{}`", group.id);
            problems.warning(name, message, "add, for example, `clients = [\"10.4.0.0/16\"]`");
        } else if !group.users.is_empty() {
            let message = format!("the users of group `{}` never match: no listener asks for a login", group.id);
            let hint = match group.clients.is_empty() {
                true => "so nobody is in this group; name addresses in `clients`",
                false => "only its `clients` match",
            };
            problems.warning(users.as_ref().unwrap_or(name), message, hint);
        }
    }
}
