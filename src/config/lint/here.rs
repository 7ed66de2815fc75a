//! What a configuration names and this machine has not. It may come later, as an address does that two gateways share.

use crate::config::check::{egress, listen};
use crate::config::problem::Problems;
use crate::config::text::Placed;
use crate::egress::here;

/// Warns of addresses that a listener could not be opened on.
pub(in crate::config) fn listeners(problems: &Problems, listeners: &[listen::Draft]) {
    for listen::Draft { spec, address, .. } in listeners {
        if let Some(place) = address
            && !here::has_address(spec.address.ip())
        {
            let message =
                format!("this machine has no address {}, on which `{}` is to listen", spec.address.ip(), spec.id);
            let hint = "`ip address` lists those it has; until it has this one, the gateway does not start, and a reload is refused";
            problems.warning(place, message, hint);
        }
    }
}

/// Warns of sources and interfaces that are not on this machine. They may come later, so the gateway starts all the same.
pub(in crate::config) fn egresses(problems: &Problems, egresses: &[egress::Draft]) {
    for egress::Draft { egress, source, interface, .. } in egresses {
        for Placed { value, place } in source.iter().filter(|source| !here::has_address(source.value)) {
            let message = format!("this machine has no address {value}, from which egress `{}` is to leave", egress.id);
            let hint = "`ip address` lists those it has; until it has this one, whoever is sent this way is refused";
            problems.warning(place, message, hint);
        }
        if let (Some(name), Some(place)) = (&egress.interface, interface)
            && !here::has_interface(name)
        {
            let message = format!("this machine has no interface {name}, by which egress `{}` is to leave", egress.id);
            let hint = "`ip link` lists those it has; until it has this one, whoever is sent this way is refused";
            problems.warning(place, message, hint);
        }
    }
}
