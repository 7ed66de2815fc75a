//! Rules, and parts of them, that do nothing.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::base::{Calendar, Window};
use crate::config::check::policy::RuleDraft;
use crate::config::problem::Problems;
use crate::policy::{self, Action};

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

/// Warns of rules none of whose windows opens again: not before the rule ends, or not within a year.
pub(in crate::config) fn closed(problems: &Problems, drafts: &[RuleDraft], calendar: &Calendar, now: Timestamp) {
    let today = calendar.local(now).date();
    for draft in drafts.iter().filter(|draft| !draft.faulty && !draft.rule.has_lapsed(today)) {
        let rule = &draft.rule;
        let end = rule.expires.and_then(|last| calendar.midnight(last.tomorrow().ok()?));
        let opens = |window: &Window| {
            let next = window.next_edge(now, calendar);
            window.covers(now, calendar) || next.is_some_and(|next| end.is_none_or(|end| next < end))
        };
        if rule.when.is_empty() || rule.when.iter().any(opens) {
            continue;
        }
        let (at, until) = match (&draft.expires, rule.expires) {
            (Some(at), Some(last)) => (at, format!("before it expires on {last}")),
            _ => (&draft.name, "within a year, for every day of them is a bank holiday".to_owned()),
        };
        let message = format!("rule `{}` never matches again: none of its windows opens {until}", rule.id);
        problems.warning(at, message, "give it other windows or another last day, or take it away");
    }
}

/// Warns of rules that earlier ones cover whenever they would match, and of categories in a rule of which an earlier
/// one always says the opposite.
pub(in crate::config) fn covered(problems: &Problems, drafts: &[RuleDraft], today: Date) {
    let drafts: Vec<&RuleDraft> = in_force(drafts, today).take(policy::COMPARED).collect();
    let rules: Vec<policy::Rule> = drafts.iter().map(|draft| draft.rule.clone()).collect();
    let covered = policy::covered(&rules);
    let named = |at: usize| format!("`{}` (line {})", rules[at].id, rules[at].source.line);
    for policy::Covered { rule, by } in &covered {
        let names = by.iter().map(|at| named(*at)).collect::<Vec<_>>().join(" and ");
        let one = by.len() == 1;
        let opposed = by.iter().all(|by| rules[*by].action != rules[*rule].action);
        // One that only watches is no exception to anything.
        let (message, hint) = if opposed && !rules[*rule].watches {
            let says = opposite(rules[*rule].action, one);
            let hint = "an exception stands above what it is an exception from: move it up, or take one of them away";
            (format!("rule `{}` can never match: {names} before it {says}", rules[*rule].id), hint.to_owned())
        } else {
            let matches = if one { "matches" } else { "together match" };
            let hint = format!("before it, {names} {matches} whenever it would; move it up, or take it away");
            (format!("rule `{}` can never match", rules[*rule].id), hint)
        };
        problems.warning(&drafts[*rule].name, message, hint);
    }
    let partly = |clash: &policy::Clash| clash.never && !covered.iter().any(|covered| covered.rule == clash.rule);
    for policy::Clash { rule, by, to, .. } in policy::clashes(&rules).into_iter().filter(partly) {
        for (id, at) in rules[rule].to.iter().zip(&drafts[rule].to).filter(|(id, _)| to.contains(id)) {
            let says = opposite(rules[rule].action, true);
            let message = format!("rule `{}` never decides of `{id}`: {} before it {says}", rules[rule].id, named(by));
            problems.warning(at, message, format!("take `{id}` out of one of them, or move this rule up"));
        }
    }
}

/// What rules do that say the opposite.
fn opposite(action: Action, one: bool) -> &'static str {
    match (action, one) {
        (Action::Allow, true) => "blocks what it would allow",
        (Action::Allow, false) => "together block what it would allow",
        (Action::Block, true) => "allows what it would block",
        (Action::Block, false) => "together allow what it would block",
    }
}

/// Warns of reasons that are given to staff in one language only, where the policy speaks both.
pub(in crate::config) fn untranslated(problems: &Problems, drafts: &[RuleDraft], today: Date) {
    let drafts: Vec<&RuleDraft> = in_force(drafts, today).collect();
    let rules: Vec<policy::Rule> = drafts.iter().map(|draft| draft.rule.clone()).collect();
    for (at, tongue) in policy::untranslated(&rules) {
        let (draft, other) = (drafts[at], tongue.other().as_str());
        let message = format!("rule `{}` gives its reason in {} and not in {other}", draft.rule.id, tongue.as_str());
        let hint = "write both: `reason = { en = \"..\", cy = \"..\" }`";
        problems.warning(draft.reason.as_ref().unwrap_or(&draft.name), message, hint);
    }
}

fn in_force(drafts: &[RuleDraft], today: Date) -> impl Iterator<Item = &RuleDraft> {
    drafts.iter().filter(move |draft| !draft.faulty && !draft.rule.has_lapsed(today))
}

/// Warns of windows that add nothing to another of the same rule.
pub(in crate::config) fn double_windows(problems: &Problems, drafts: &[RuleDraft]) {
    /// More windows in one rule are not compared, for the same reason.
    const WINDOWS: usize = 50;
    for draft in drafts.iter().filter(|draft| !draft.faulty && draft.rule.when.len() <= WINDOWS) {
        let windows = &draft.rule.when;
        for (at, window) in windows.iter().enumerate() {
            let wider = |(other_at, other): &(usize, &Window)| {
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
