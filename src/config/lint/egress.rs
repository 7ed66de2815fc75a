//! Answers of `[dns] hosts` that could never be dialled.

use std::net::IpAddr;

use crate::base::Name;
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
