//! What a policy's own rules and categories say against each other. Pure: only the checked configuration is looked at.

use jiff::civil::Date;

use super::finding::{About, Finding};
use crate::base::Window;
use crate::category::{self, Category};
use crate::policy::{self, Action, Clash, Rule};

/// Everything that the rules and categories of a Trust say against each other on a day.
pub fn of(trust: &str, rules: &[Rule], categories: &category::Spec, today: Date) -> Vec<Finding> {
    let mut found = opposite(trust, rules, today);
    let untranslated = policy::untranslated(rules).into_iter().map(|(at, tongue)| (&rules[at], tongue));
    found.extend(untranslated.filter(|(rule, _)| !rule.has_lapsed(today)).map(|(rule, tongue)| {
        let other = tongue.other().as_str();
        let words = format!("rule `{}` gives its reason in {} and not in {other}", rule.id, tongue.as_str());
        Finding::new(trust, About::Language, &rule.source, words)
    }));
    found.extend(categories.categories.iter().filter(|one| unused(one, rules)).map(|category| {
        let words = format!("category `{}` has no tube and no rule names it, so it does nothing", category.id);
        Finding::new(trust, About::Unused, &category.source, words)
    }));
    found
}

/// Pairs of rules that answer the very same flows in opposite ways, among those whose last day has not passed.
fn opposite(trust: &str, rules: &[Rule], today: Date) -> Vec<Finding> {
    let in_force = rules.iter().filter(|rule| !rule.has_lapsed(today));
    let rules: Vec<Rule> = in_force.take(policy::COMPARED).cloned().collect();
    let tell = |clash: &Clash| {
        let (later, earlier) = (&rules[clash.rule], &rules[clash.by]);
        Finding::new(trust, About::Rules, &later.source, told(earlier, later, clash))
    };
    policy::clashes(&rules).iter().map(tell).collect()
}

fn told(earlier: &Rule, later: &Rule, clash: &Clash) -> String {
    let names: Vec<String> = clash.to.iter().map(|id| format!("`{id}`")).collect();
    let what = if names.is_empty() { "every target".to_owned() } else { names.join(", ") };
    let verb = |rule: &Rule| if rule.action == Action::Block { "blocks" } else { "allows" };
    let end = if clash.never { "so the later never decides there" } else { "so the earlier wins while both hold" };
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

/// As `check` sees it: a protected one does something even so, for no list can take its names.
fn unused(category: &Category, rules: &[Rule]) -> bool {
    category.tube.is_none() && !category.protected && !rules.iter().any(|rule| rule.to.contains(&category.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CategoryId, RuleId, Source, TubeId};
    use crate::policy::Text;

    /// A rule on a line of its own.
    fn rule(line: u32, action: Action, to: &[&str], when: &[&str]) -> Rule {
        Rule {
            id: RuleId::from(format!("r{line}").as_str()),
            to: to.iter().map(|name| CategoryId::from(*name)).collect(),
            from: Vec::new(),
            when: when.iter().map(|window| window.parse().unwrap()).collect(),
            action,
            watches: false,
            tube: None,
            owner: None,
            reason: Text::default(),
            expires: None,
            source: Source::new("policy.toml", line),
        }
    }

    fn found(rules: &[Rule]) -> Vec<String> {
        opposite("t", rules, "2026-11-24".parse().unwrap()).into_iter().map(|one| one.words).collect()
    }

    #[test]
    fn a_contradiction_names_both_rules_what_they_share_and_when() {
        let block = rule(1, Action::Block, &["social", "video"], &[]);
        let allow = rule(2, Action::Allow, &["social"], &["12:00-14:00"]);
        assert_eq!(
            found(&[block.clone(), allow.clone()]),
            [
                "rule `r2` allows `social` 12:00-14:00, but before it rule `r1` (line 1) blocks the same at all times; so \
              the later never decides there"
            ]
        );
        let morning = rule(1, Action::Block, &[], &["09:00-13:00"]);
        let lunch = rule(2, Action::Allow, &[], &["12:00-14:00"]);
        assert_eq!(
            found(&[morning, lunch]),
            [
                "rule `r2` allows every target 12:00-14:00, but before it rule `r1` (line 1) blocks the same 09:00-13:00; \
              so the earlier wins while both hold"
            ]
        );
        // What has lapsed says nothing any more.
        let lapsed = Rule { expires: Some("2026-11-23".parse().unwrap()), ..block };
        assert_eq!(found(&[lapsed, allow]), Vec::<String>::new());
    }

    #[test]
    fn a_category_is_unused_where_neither_tube_nor_rule_nor_protection_uses_it() {
        let rules = [rule(1, Action::Block, &["named"], &[])];
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
