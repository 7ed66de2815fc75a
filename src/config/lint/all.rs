//! Everything that is legal and surely wrong, asked for in turn.

use jiff::Timestamp;

use crate::config::problem::Problems;
use crate::config::read::{GatewayFile, PolicyFile};

/// Records what is legal and surely wrong. Parts with mistakes in them are left out: what they say is not what is meant.
pub(in crate::config) fn warn(problems: &Problems, parts: &GatewayFile, policy: &PolicyFile, now: Timestamp) {
    // What nothing uses may be what a name with a mistake in it meant.
    if problems.errors() == 0 {
        super::tube::unused(problems, &parts.tubes, &policy.categories, &policy.rules);
        super::egress::unused(problems, &parts.egresses, &parts.tubes);
    }
    super::listen::open_to_all(problems, &parts.listeners);
    super::listen::admin_for_all(problems, &parts.admin);
    super::listen::anybodys_word(problems, &parts.listeners);
    super::egress::denied_answers(problems, &parts.answers, &parts.guard);
    if !parts.broken {
        super::tube::ceilings(problems, &parts.link, &parts.tubes);
        super::tube::floors(problems, &parts.link, &parts.tubes);
        super::tube::hidden_peaks(problems, &parts.tubes);
        super::tube::inner_priorities(problems, &parts.tubes);
    }
    if policy.broken {
        return;
    }
    let today = policy.calendar.local(now).date();
    if !policy.faulty {
        super::category::unused(problems, &policy.categories, &policy.rules);
        super::calendar::bank_holidays(problems, &policy.bank_holidays, &policy.rules, &parts.tubes, today);
    }
    super::category::two_tubes(problems, &policy.categories);
    super::category::lifted(problems, &policy.categories, &policy.rules, today);
    super::category::empty_clinical(problems, &policy.categories, &parts.tubes);
    super::list::formats(problems, &policy.categories);
    super::list::rejected(problems, &policy.categories);
    super::list::public_suffixes(problems, &policy.categories);
    super::list::notices(problems, &policy.categories, &policy.rules, policy.default);
    super::client::groups(problems, &policy.groups);
    super::rule::expired(problems, &policy.rules, today);
    super::rule::closed(problems, &policy.rules, &policy.calendar, now);
    super::rule::covered(problems, &policy.rules, today);
    super::rule::untranslated(problems, &policy.rules, today);
    super::rule::double_windows(problems, &policy.rules);
    super::rule::blocks_with_tube(problems, &policy.rules);
}
