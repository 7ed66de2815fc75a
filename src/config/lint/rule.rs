//! Rules, and parts of them, that do nothing.

use jiff::civil::Date;

use crate::config::check::policy::RuleDraft;
use crate::config::problem::Problems;
use crate::policy::{self, Action};

/// Rules beyond this are not compared with each other: the work grows with the square, and a check should take no
/// longer than a person waits.
const COMPARED: usize = 500;

/// Warns of rules whose last day has passed.
pub(in crate::config) fn expired(problems: &Problems, drafts: &[RuleDraft], today: Date) {
    for draft in drafts {
        if let (Some(last), Some(at)) = (draft.rule.expires.filter(|last| *last < today), &draft.expires) {
            let message = format!("rule `{}` expired on {last} and no longer does anything", draft.rule.id);
            let hint = match &draft.rule.owner {
                Some(owner) => format!("ask {owner} whether it is still needed: take it away, or set a new day"),
                None => "take it away, or set a new day".to_owned(),
            };
            problems.warning(at, message, hint);
        }
    }
}

/// Warns of rules that earlier ones cover whenever they would match.
pub(in crate::config) fn covered(problems: &Problems, drafts: &[RuleDraft], today: Date) {
    let in_force = |draft: &&RuleDraft| !draft.faulty && draft.rule.expires.is_none_or(|last| last >= today);
    let drafts: Vec<&RuleDraft> = drafts.iter().filter(in_force).take(COMPARED).collect();
    let rules: Vec<policy::Rule> = drafts.iter().map(|draft| draft.rule.clone()).collect();
    for policy::Covered { rule, by } in policy::covered(&rules) {
        let names: Vec<String> =
            by.iter().map(|at| format!("`{}` (line {})", rules[*at].id, rules[*at].source.line)).collect();
        let message = format!("rule `{}` can never match", rules[rule].id);
        let covers = if names.len() == 1 { "matches" } else { "together match" };
        let hint =
            format!("before it, {} {covers} whenever it would; move it up, or take it away", names.join(" and "));
        problems.warning(&drafts[rule].name, message, hint);
    }
}

/// Warns of windows that add nothing to another of the same rule.
pub(in crate::config) fn double_windows(problems: &Problems, drafts: &[RuleDraft]) {
    /// More windows in one rule are not compared, for the same reason.
    const WINDOWS: usize = 50;
    for draft in drafts.iter().filter(|draft| !draft.faulty && draft.rule.when.len() <= WINDOWS) {
        let windows = &draft.rule.when;
        for (at, window) in windows.iter().enumerate() {
            let wider = |(other_at, other): &(usize, &crate::base::Window)| {
                // Of two equal windows the later adds nothing.
                *other_at != at && other.contains(window) && (*other_at < at || !window.contains(other))
            };
            if let (Some((_, wider)), Some(place)) = (windows.iter().enumerate().find(wider), draft.when.get(at)) {
                let message = format!("the window `{window}` adds nothing to rule `{}`", draft.rule.id);
                problems.warning(place, message, format!("`{wider}` is open whenever it is; take one of them away"));
            }
        }
    }
}

/// Warns of rules that block and name a tube: nothing flows through it.
pub(in crate::config) fn blocks_with_tube(problems: &Problems, drafts: &[RuleDraft]) {
    for draft in drafts.iter().filter(|draft| !draft.faulty && draft.rule.action == Action::Block) {
        if let Some(place) = &draft.tube {
            let message = format!("`tube` has no effect in rule `{}`, which blocks", draft.rule.id);
            problems.warning(place, message, "take it away, or write `action = \"allow\"`");
        }
    }
}
