//! Which rules say opposite things of the same flows, so that what the later one says is never heard.

use super::cover::{always, holds_within, names, outlasts};
use super::spec::Rule;
use crate::base::{CategoryId, Window};

/// Two rules of which one blocks what the other allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// The place of the later rule among the rules, from 0.
    pub rule: usize,
    /// The place of the earlier, which wins.
    pub by: usize,
    /// The categories of which they say it; empty: every target.
    pub to: Vec<CategoryId>,
    /// Whether the later never decides of these; otherwise it does while the earlier is closed.
    pub never: bool,
}

/// Every pair of rules that clash, in the order of the later; of a category that a rule never decides, the first pair.
///
/// An exception clashes with nothing: one that stands before a rule for more targets, people or hours, or until a later
/// day, and inside a rule's own list of categories one that somebody owns. What only watches decides nothing.
pub fn clashes(rules: &[Rule]) -> Vec<Clash> {
    let (always, mut found) = (always(), Vec::new());
    for (rule, later) in rules.iter().enumerate() {
        // What the later rule may still decide.
        let mut left = later.to.clone();
        for (by, earlier) in rules[..rule].iter().enumerate() {
            let Some((to, never)) = clash(earlier, later, &left, always.as_ref()) else { continue };
            left.retain(|id| !(never && to.contains(id)));
            found.push(Clash { rule, by, to, never });
            if never && left.is_empty() {
                break;
            }
        }
    }
    found
}

/// What two rules clash about, if they do, and whether the later never decides of it.
fn clash(
    earlier: &Rule,
    later: &Rule,
    left: &[CategoryId],
    always: Option<&Window>,
) -> Option<(Vec<CategoryId>, bool)> {
    if earlier.watches || later.watches || earlier.action == later.action || !outlasts(earlier, later) {
        return None;
    }
    let both: Vec<CategoryId> = left.iter().filter(|id| names(&earlier.to, Some(id))).cloned().collect();
    // A rule for a category before one for every target is an exception.
    let targets = !both.is_empty() || (earlier.to.is_empty() && later.to.is_empty());
    if !targets || !people_within(earlier, later) {
        return None;
    }
    let never = holds_within(&earlier.when, &later.when, always);
    let owned = earlier.owner.is_some() && later.to.iter().any(|id| !earlier.to.contains(id));
    let apart = || {
        earlier.to.is_empty() == later.to.is_empty()
            && people_within(later, earlier)
            && meet(&earlier.when, &later.when)
            && !holds_within(&later.when, &earlier.when, always)
    };
    (!owned && (never || apart())).then_some((both, never))
}

/// Whether whoever the later rule is for is one of those whom the earlier is for.
fn people_within(earlier: &Rule, later: &Rule) -> bool {
    earlier.from.is_empty() || (!later.from.is_empty() && later.from.iter().all(|group| earlier.from.contains(group)))
}

fn meet(one: &[Window], other: &[Window]) -> bool {
    one.is_empty() || other.is_empty() || one.iter().any(|window| other.iter().any(|of| window.meets(of)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{GroupId, RuleId, Source};
    use crate::policy::{Action, Text};

    /// `block social,video;@staff;+Mon-Fri 09:00-17:00;!2026-12-31;=owner` as a rule.
    fn rule(text: &str) -> Rule {
        let (action, rest) = text.split_once(' ').unwrap_or((text, ""));
        let mut rule = Rule {
            id: RuleId::from("r"),
            to: Vec::new(),
            from: Vec::new(),
            when: Vec::new(),
            action: if action == "allow" { Action::Allow } else { Action::Block },
            watches: action == "watch",
            tube: None,
            owner: None,
            reason: Text::default(),
            expires: None,
            source: Source::new("policy.toml", 1),
        };
        for part in rest.split(';').filter(|part| !part.is_empty()) {
            match part.split_at(1) {
                ("@", group) => rule.from.push(GroupId::from(group)),
                ("!", day) => rule.expires = Some(day.parse().unwrap()),
                ("+", window) => rule.when.push(window.parse().unwrap()),
                ("=", owner) => rule.owner = Some(owner.to_owned()),
                _ => rule.to = part.split(',').map(CategoryId::from).collect(),
            }
        }
        rule
    }

    /// `later<earlier about`, with `!` where the later never decides.
    fn found(rules: &[&str]) -> Vec<String> {
        let rules: Vec<Rule> = rules.iter().map(|text| rule(text)).collect();
        let tell = |clash: &Clash| {
            let to = clash.to.iter().map(CategoryId::as_str).collect::<Vec<_>>().join(",");
            format!("{}<{} {to}{}", clash.rule, clash.by, if clash.never { "!" } else { "" })
        };
        clashes(&rules).iter().map(tell).collect()
    }

    #[test]
    fn rules_that_say_opposite_things_of_the_same_flows_clash() {
        for (rules, expected) in [
            (&["block social", "allow social"][..], &["1<0 social!"][..]),
            (&["block social", "allow social;+12:00-14:00"], &["1<0 social!"]),
            (&["allow social", "block social;+Mon-Fri 09:00-17:00"], &["1<0 social!"]),
            (&["block social,video", "allow video,news;+12:00-14:00"], &["1<0 video!"]),
            (&["block social;+09:00-13:00", "allow social;+12:00-14:00"], &["1<0 social"]),
            (&["block social;@staff", "allow social;@staff"], &["1<0 social!"]),
            (&["block", "allow"], &["1<0 !"]),
            (&["block", "allow social"], &["1<0 social!"]),
            (&["block social;!2026-12-31", "allow social;!2026-12-31"], &["1<0 social!"]),
            // An exception below the rule that it is one of is never heard.
            (&["block social,video", "allow social,news;@communications;=Press"], &["1<0 social!"]),
            // An owner grants an exception, and it is none that leaves nothing of the rule.
            (&["allow social;=Press", "block social"], &["1<0 social!"]),
            // Each category once, by the rule that decides it.
            (
                &["block social", "block video", "block social,video", "allow social,video,news"],
                &["3<0 social!", "3<1 video!"],
            ),
            (&["block", "block", "allow"], &["2<0 !"]),
            // What is half heard may still clash with another.
            (
                &["block social;+09:00-13:00", "block social;+12:00-14:00", "allow social;+12:00-14:00"],
                &["2<0 social", "2<1 social!"],
            ),
        ] {
            assert_eq!(found(rules), expected, "{rules:?}");
        }
    }

    #[test]
    fn exceptions_and_rules_for_other_flows_do_not_clash() {
        for rules in [
            // An exception stands first and is the narrower one.
            ["allow social;+12:00-14:00", "block social"],
            ["allow social;+Mon-Fri 12:00-14:00", "block social;+Mon-Fri 09:00-17:00"],
            ["allow social;!2027-03-31", "block social"],
            ["allow social;!2027-03-31", "block social;!2027-04-30"],
            ["allow social;@communications", "block social"],
            ["allow social;@communications", "block social;@communications;@staff"],
            ["allow video", "block"],
            ["block ;+09:00-13:00", "allow social;+12:00-14:00"],
            ["allow video;=Training", "block social,video"],
            // Other flows, other times, other people, the same answer.
            ["block social", "allow video"],
            ["block social;+09:00-12:00", "allow social;+12:00-14:00"],
            ["block social;@wards", "allow social;@staff"],
            ["block social", "block social;+12:00-14:00"],
            // It only watches.
            ["watch social", "allow social"],
            ["allow social", "watch social"],
        ] {
            assert_eq!(found(&rules), Vec::<String>::new(), "{rules:?}");
        }
    }
}
