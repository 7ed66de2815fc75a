//! Doors that stand open to everybody.

use crate::config::check::gateway::Admin;
use crate::config::check::listen::Draft;
use crate::config::problem::Problems;

/// Warns of listeners that let in every address there is.
pub(in crate::config) fn open_to_all(problems: &Problems, listeners: &[Draft]) {
    for client in listeners.iter().flat_map(|draft| &draft.clients).filter(|client| client.value.prefix() == 0) {
        let message = format!("{} is everybody: anyone who reaches this address may use the gateway", client.value);
        let hint = "name the networks of your staff, for example `clients = [\"10.0.0.0/8\"]`";
        problems.warning(&client.place, message, hint);
    }
}

/// Warns of listeners that believe everybody who says whose a connection is.
pub(in crate::config) fn anybodys_word(problems: &Problems, listeners: &[Draft]) {
    for balancer in listeners.iter().flat_map(|draft| &draft.balancers).filter(|balancer| balancer.value.prefix() == 0)
    {
        let message = format!("{} is everybody: anyone can say that a connection is somebody else's", balancer.value);
        let hint = "name the addresses of your balancers, for example `proxy_protocol = [\"10.0.0.10/32\"]`";
        problems.warning(&balancer.place, message, hint);
    }
}

/// Warns of an `[admin]` on every address of this machine.
pub(in crate::config) fn admin_for_all(problems: &Problems, admin: &Admin) {
    if let Some(place) = admin.place.as_ref().filter(|_| admin.address.ip().is_unspecified()) {
        let message =
            format!("[admin] listens on every address of this machine, and it has no login: {}", admin.address);
        let hint =
            "name the one address that Prometheus and your team reach, for example `address = \"127.0.0.1:9128\"`";
        problems.warning(place, message, hint);
    }
}
