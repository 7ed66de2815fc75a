//! Ways out that nothing takes, and answers of `[dns] hosts` that could never be dialled.

use std::collections::HashSet;
use std::net::IpAddr;

use crate::base::Name;
use crate::config::check::egress::Draft;
use crate::config::check::tube;
use crate::config::problem::Problems;
use crate::config::text::Placed;
use crate::egress::Guard;

/// Warns of every answer that `[guard] deny` refuses.
pub(in crate::config) fn denied_answers(problems: &Problems, answers: &[(Name, Placed<IpAddr>)], guard: &Guard) {
    for (name, Placed { value, place }) in answers {
        if let Some(net) = guard.deny.iter().find(|net| net.contains(*value)) {
            let message = format!("`{name}` is at {value}, which `[guard] deny` refuses");
            let hint = format!("every flow to it is refused; give another address, or take {net} out of `deny`");
            problems.warning(place, message, hint);
        }
    }
}

/// Warns of ways out that no tube names.
pub(in crate::config) fn unused(problems: &Problems, egresses: &[Draft], tubes: &[tube::Draft]) {
    let named: HashSet<_> = tubes.iter().filter_map(|tube| Some(&tube.egress.as_ref()?.value)).collect();
    for Draft { egress, name, .. } in egresses.iter().filter(|draft| !named.contains(&draft.egress.id)) {
        let message = format!("nothing leaves by egress `{}`: no tube names it", egress.id);
        let hint = format!("write `egress = \"{}\"` in a tube, or take the egress away", egress.id);
        problems.warning(name, message, hint);
    }
}
