//! What a policy's own rules and categories say against each other. Pure: only the checked configuration is looked at.

use jiff::civil::Date;

use super::finding::{About, Finding};
use crate::base::{CategoryId, Window};
use crate::category::{self, Category};
use crate::policy::{Action, Rule};

/// Rules beyond this are not compared with each other: the work grows with the square, and there are people waiting.
const COMPARED: usize = 500;

/// Everything that the rules and categories of a Trust say against each other on a day.
pub fn of(trust: &str, rules: &[Rule], categories: &category::Spec, today: Date) -> Vec<Finding> {
    let mut found = opposite(trust, rules, today);
    found.extend(rules.iter().filter_map(|rule| one_language(trust, rule)));
    found.extend(categories.categories.iter().filter(|one| unused(one, rules)).map(|category| {
        let words = format!("category `{}` has no tube and no rule names it, so it does nothing", category.id);
        Finding::new(trust, About::Unused, &category.source, words)
    }));
    found
}

/// Pairs of rules that answer the very same flows in opposite ways. An exception is none: an earlier rule that holds
/// only part of the later one's time, or until a day, is how an exception is written. Rules that only watch, and those
/// whose last day has passed, decide nothing.
fn opposite(trust: &str, rules: &[Rule], today: Date) -> Vec<Finding> {
    let in_force = |rule: &&Rule| !rule.watches && rule.expires.is_none_or(|last| last >= today);
    let rules: Vec<&Rule> = rules.iter().filter(in_force).take(COMPARED).collect();
    let mut found = Vec::new();
    for (at, later) in rules.iter().enumerate() {
        for earlier in &rules[..at] {
            let both = shared(earlier, later);
            let opposite = (earlier.action == Action::Block) != (later.action == Action::Block);
            if !opposite || both.is_none() || !same_people(earlier, later) || !meet(earlier, later) {
                continue;
            }
            if is_exception(earlier, later) {
                continue;
            }
            let words = told(earlier, later, &both.unwrap_or_default());
            found.push(Finding::new(trust, About::Rules, &later.source, words));
        }
    }
    found
}

fn told(earlier: &Rule, later: &Rule, both: &[&CategoryId]) -> String {
    let names: Vec<String> = both.iter().map(|id| format!("`{id}`")).collect();
    let what = if names.is_empty() { "every target".to_owned() } else { names.join(", ") };
    let verb = |rule: &Rule| if rule.action == Action::Block { "blocks" } else { "allows" };
    let end = if holds_within(&later.when, &earlier.when) {
        "so the later never decides there"
    } else {
        "so the earlier wins while both hold"
    };
    format!(
        "rule `{}` {} {what} {}, but before it rule `{}` (line {}) {} the same {}; {end}",
        later.id,
        verb(later),
        windows(&later.when),
        earlier.id,
        earlier.source.line,
        verb(earlier),
        windows(&earlier.when),
    )
}

fn windows(when: &[Window]) -> String {
    if when.is_empty() {
        return "at all times".to_owned();
    }
    when.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

/// The categories that both name; `None` where they name different ones, and empty where both mean every target. A rule
/// for every target after one for a category is a rule and its exception.
fn shared<'a>(earlier: &'a Rule, later: &Rule) -> Option<Vec<&'a CategoryId>> {
    if earlier.to.is_empty() && later.to.is_empty() {
        return Some(Vec::new());
    }
    let both: Vec<_> = earlier.to.iter().filter(|id| later.to.contains(id)).collect();
    (!both.is_empty()).then_some(both)
}

fn same_people(one: &Rule, other: &Rule) -> bool {
    one.from.len() == other.from.len() && one.from.iter().all(|group| other.from.contains(group))
}

fn meet(one: &Rule, other: &Rule) -> bool {
    let any = one.when.is_empty() || other.when.is_empty();
    any || one.when.iter().any(|window| other.when.iter().any(|of| window.meets(of)))
}

fn is_exception(earlier: &Rule, later: &Rule) -> bool {
    let ends_first = match (earlier.expires, later.expires) {
        (Some(first), Some(second)) => first < second,
        (first, second) => first.is_some() && second.is_none(),
    };
    ends_first || (holds_within(&earlier.when, &later.when) && !holds_within(&later.when, &earlier.when))
}

/// Whether the inner windows are open only while the outer ones are; no windows are all the time.
fn holds_within(inner: &[Window], outer: &[Window]) -> bool {
    let within = |window: &Window| outer.iter().any(|of| of.contains(window));
    match (inner, outer) {
        (_, []) => true,
        ([], _) => "00:00-24:00".parse().is_ok_and(|always| within(&always)),
        (inner, _) => inner.iter().all(within),
    }
}

fn one_language(trust: &str, rule: &Rule) -> Option<Finding> {
    let (has, lacks) = match (&rule.reason.en, &rule.reason.cy) {
        (Some(_), None) => ("English", "Welsh"),
        (None, Some(_)) => ("Welsh", "English"),
        _ => return None,
    };
    let words = format!("rule `{}` gives its reason in {has} and not in {lacks}", rule.id);
    Some(Finding::new(trust, About::Language, &rule.source, words))
}

/// As `check` sees it: a protected one does something even so, for no list can take its names.
fn unused(category: &Category, rules: &[Rule]) -> bool {
    category.tube.is_none() && !category.protected && !rules.iter().any(|rule| rule.to.contains(&category.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{GroupId, RuleId, Source, TubeId};
    use crate::policy::Text;
    use jiff::civil::date;

    /// `block social,video @staff Mon-Fri 09:00-17:00 !2026-12-31` as a rule; its line is its place.
    fn rule(line: u32, text: &str) -> Rule {
        let (action, rest) = text.split_once(' ').unwrap_or((text, ""));
        let mut rule = Rule {
            id: RuleId::from(format!("r{line}").as_str()),
            to: Vec::new(),
            from: Vec::new(),
            when: Vec::new(),
            action: if action == "allow" { Action::Allow } else { Action::Block },
            watches: action == "watch",
            tube: None,
            owner: None,
            reason: Text::default(),
            expires: None,
            source: Source::new("policy.toml", line),
        };
        for part in rest.split(';').filter(|part| !part.is_empty()) {
            match part.split_at(1) {
                ("@", group) => rule.from.push(GroupId::from(group)),
                ("!", day) => rule.expires = Some(day.parse().unwrap()),
                ("+", window) => rule.when.push(window.parse().unwrap()),
                _ => rule.to = part.split(',').map(CategoryId::from).collect(),
            }
        }
        rule
    }

    fn found(rules: &[&str]) -> Vec<String> {
        let rules: Vec<Rule> = rules.iter().zip(1..).map(|(text, line)| rule(line, text)).collect();
        opposite("t", &rules, date(2026, 11, 24)).into_iter().map(|one| one.words).collect()
    }

    #[test]
    fn rules_that_say_opposite_things_of_the_same_flows_are_found() {
        for (rules, end) in [
            (["block social", "allow social"], "never decides there"),
            (["block social", "allow social;+12:00-14:00"], "never decides there"),
            (["allow social", "block social;+Mon-Fri 09:00-17:00"], "never decides there"),
            (["block social,video", "allow video,news;+12:00-14:00"], "never decides there"),
            (["block social;+09:00-13:00", "allow social;+12:00-14:00"], "wins while both hold"),
            (["block social;@staff", "allow social;@staff"], "never decides there"),
            (["block", "allow"], "never decides there"),
            (["block social;!2026-12-31", "allow social;!2026-12-31"], "never decides there"),
        ] {
            let words = found(&rules);
            assert!(words.len() == 1 && words[0].ends_with(end), "{rules:?}: {words:?}");
        }
    }

    #[test]
    fn exceptions_and_rules_for_other_flows_are_no_contradiction() {
        for rules in [
            // An exception stands first and is the narrower one.
            ["allow social;+12:00-14:00", "block social"],
            ["allow social;+Mon-Fri 12:00-14:00", "block social;+Mon-Fri 09:00-17:00"],
            ["allow social;!2027-03-31", "block social"],
            ["allow video", "block"],
            // Others' flows, other times, other people, the same answer, a last day that is over.
            ["block social", "allow video"],
            ["block social;+09:00-12:00", "allow social;+12:00-14:00"],
            ["allow social;@communications", "block social"],
            ["block social", "block social;+12:00-14:00"],
            ["block social;!2026-11-23", "allow social"],
            // It only watches.
            ["watch social", "allow social"],
        ] {
            assert_eq!(found(&rules), Vec::<String>::new(), "{rules:?}");
        }
    }

    #[test]
    fn a_contradiction_names_both_rules_what_they_share_and_when() {
        assert_eq!(
            found(&["block social,video", "allow social;+12:00-14:00"]),
            [
                "rule `r2` allows `social` 12:00-14:00, but before it rule `r1` (line 1) blocks the same at all times; so \
              the later never decides there"
            ]
        );
    }

    #[test]
    fn a_reason_in_one_language_is_found_and_none_at_all_is_not() {
        for (en, cy, missing) in [
            (Some("x"), None, Some("not in Welsh")),
            (None, Some("x"), Some("not in English")),
            (Some("x"), Some("x"), None),
            (None, None, None),
        ] {
            let mut rule = rule(7, "block social");
            rule.reason = Text { en: en.map(str::to_owned), cy: cy.map(str::to_owned) };
            let found = one_language("t", &rule);
            assert_eq!(found.as_ref().map(|one| one.place()), missing.map(|_| "policy.toml:7".to_owned()));
            assert!(found.is_none_or(|one| one.words.ends_with(missing.unwrap_or_default())));
        }
    }

    #[test]
    fn a_category_is_unused_where_neither_tube_nor_rule_nor_protection_uses_it() {
        let rules = [rule(1, "block named")];
        for (id, tube, protected, is) in [
            ("idle", None, false, true),
            ("named", None, false, false),
            ("idle", Some("internet"), false, false),
            ("idle", None, true, false),
        ] {
            let category = Category {
                id: CategoryId::from(id),
                tube: tube.map(TubeId::from),
                about: None,
                protected,
                entries: Vec::new(),
                lists: Vec::new(),
                source: Source::new("policy.toml", 3),
            };
            assert_eq!(unused(&category, &rules), is, "{id} {tube:?} {protected}");
        }
    }
}
