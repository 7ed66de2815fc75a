//! The decision: the first rule that matches, else the default.

use std::sync::Arc;

use super::question::{Decision, Question};
use super::rule::Rules;
use super::spec::{Action, Rule, Spec};
use crate::base::Calendar;

/// The rules of a configuration, ready to be asked. It never changes.
#[derive(Clone, Debug)]
pub struct Policy {
    default: Action,
    pub(super) rules: Rules,
}

impl Policy {
    /// Takes up every rule.
    pub fn new(spec: &Spec) -> Self {
        Policy { default: spec.default, rules: Rules::new(&spec.rules) }
    }

    /// What to do: as the first rule says that matches, else as the default says. An expired rule matches nothing.
    pub fn decide(&self, question: &Question<'_>, calendar: &Calendar) -> Decision {
        self.by(self.rules.matched(question, calendar).filter(|(_, missed)| missed.is_none()).map(|(rule, _)| rule))
    }

    /// The decision that the first of the rules that match makes, or the default without one. Those that watch are noted.
    pub(super) fn by<'a>(&self, matching: impl Iterator<Item = &'a Arc<Rule>>) -> Decision {
        let mut watched = Vec::new();
        for rule in matching {
            if rule.watches {
                watched.push(Arc::clone(rule));
            } else {
                return Decision {
                    action: rule.action,
                    tube: rule.tube.clone(),
                    rule: Some(Arc::clone(rule)),
                    watched,
                };
            }
        }
        Decision { action: self.default, tube: None, rule: None, watched }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CategoryId, GroupId, Source, Window};
    use crate::policy::{Condition, Text};
    use jiff::civil::{Date, date};
    use jiff::tz::TimeZone;
    use jiff::{Timestamp, ToSpan};
    use proptest::prelude::*;

    fn london() -> Calendar {
        let zone = TimeZone::get("Europe/London").unwrap();
        Calendar { zone, bank_holidays: [date(2026, 12, 25), date(2026, 12, 28)].into() }
    }

    fn at(text: &str) -> Timestamp {
        london().zone.to_timestamp(text.parse().unwrap()).unwrap()
    }

    fn rule(id: &str, to: &[&str], from: &[&str], when: &[&str]) -> Rule {
        Rule {
            id: id.into(),
            to: to.iter().map(|name| CategoryId::from(*name)).collect(),
            from: from.iter().map(|name| GroupId::from(*name)).collect(),
            when: when.iter().map(|window| window.parse().unwrap()).collect(),
            action: Action::Block,
            tube: None,
            owner: None,
            reason: Text::default(),
            expires: None,
            watches: false,
            source: Source::new("policy.toml", 1),
        }
    }

    fn expiring(rule: Rule, expires: Date) -> Rule {
        Rule { expires: Some(expires), ..rule }
    }

    fn refs(categories: &[CategoryId]) -> Vec<&CategoryId> {
        categories.iter().collect()
    }

    fn decided(policy: &Policy, to: &[&str], from: &[&str], when: &str) -> String {
        let categories: Vec<CategoryId> = to.iter().map(|name| CategoryId::from(*name)).collect();
        let groups: Vec<GroupId> = from.iter().map(|name| GroupId::from(*name)).collect();
        let categories = refs(&categories);
        let question = Question { categories: &categories, groups: &groups, at: at(when) };
        policy.decide(&question, &london()).rule.map_or("default".to_owned(), |rule| rule.id.to_string())
    }

    fn policy(rules: Vec<Rule>) -> Policy {
        Policy::new(&Spec { default: Action::Allow, rules })
    }

    #[test]
    fn the_first_rule_whose_every_condition_holds_decides() {
        let policy = policy(vec![
            rule("security", &["malware", "phishing"], &[], &[]),
            expiring(rule("team", &["social"], &["communications", "press"], &[]), date(2027, 3, 31)),
            rule("working-hours", &["social"], &[], &["Mon-Fri 09:00-12:00", "Mon-Fri 14:00-17:00"]),
            rule("unknown", &["other"], &["students"], &[]),
        ]);
        for (to, from, when, answer) in [
            (&["social", "phishing"][..], &["press"][..], "2026-11-24 10:00", "security"),
            (&["social"], &["press"], "2026-11-24 10:00", "team"),
            (&["social"], &["wards"], "2026-11-24 10:00", "working-hours"),
            (&["social"], &[], "2026-11-24 15:00", "working-hours"),
            (&["social"], &[], "2026-11-24 12:00", "default"),
            (&["social"], &[], "2026-11-22 10:00", "default"),
            (&["other"], &["students"], "2026-11-24 10:00", "unknown"),
            (&["other"], &[], "2026-11-24 10:00", "default"),
            (&["web"], &["students"], "2026-11-24 10:00", "default"),
        ] {
            assert_eq!(decided(&policy, to, from, when), answer, "{to:?} {from:?} {when}");
        }
    }

    #[test]
    fn an_exception_holds_through_its_last_day_in_the_place_s_own_zone() {
        let policy = policy(vec![expiring(rule("summer", &[], &[], &[]), date(2027, 3, 31))]);
        // Summer time began on the 28th: the day ends at 23:00 UTC.
        assert_eq!(decided(&policy, &["web"], &[], "2027-03-31 23:59:59"), "summer");
        assert_eq!(decided(&policy, &["web"], &[], "2027-04-01 00:00"), "default");
        assert_eq!(at("2027-04-01 00:00").to_string(), "2027-03-31T23:00:00Z");
    }

    #[test]
    fn a_decision_carries_the_rule_s_action_and_tube_or_the_default() {
        let lifted =
            Rule { action: Action::Allow, tube: Some("internet".into()), ..rule("team", &["social"], &[], &[]) };
        let policy = Policy::new(&Spec { default: Action::Block, rules: vec![lifted.clone()] });
        let ask = |name: &str| {
            let categories = [CategoryId::from(name)];
            policy.decide(
                &Question { categories: &refs(&categories), groups: &[], at: at("2026-11-24 10:00") },
                &london(),
            )
        };
        let rule = Some(Arc::new(lifted));
        let by_rule = Decision { action: Action::Allow, tube: Some("internet".into()), rule, watched: Vec::new() };
        assert_eq!(ask("social"), by_rule);
        assert_eq!(ask("web"), Decision { action: Action::Block, tube: None, rule: None, watched: Vec::new() });
    }

    #[test]
    fn a_rule_that_watches_decides_nothing_and_is_told_where_it_would_have() {
        let watching = |rule: Rule| Rule { watches: true, ..rule };
        let policy = policy(vec![
            watching(rule("trial", &["social"], &[], &[])),
            watching(rule("other-trial", &["web"], &[], &[])),
            rule("team", &["social"], &["press"], &[]),
            watching(rule("too-late", &["social"], &["press"], &[])),
        ]);
        for (to, from, by, watched) in [
            ("social", &["press"][..], "team", &["trial"][..]),
            ("social", &[], "default", &["trial"]),
            ("web", &[], "default", &["other-trial"]),
            ("news", &[], "default", &[]),
        ] {
            assert_eq!(decided(&policy, &[to], from, "2026-11-24 10:00"), by);
            let (to, from) = ([CategoryId::from(to)], from.iter().map(|name| GroupId::from(*name)).collect::<Vec<_>>());
            let question = Question { categories: &refs(&to), groups: &from, at: at("2026-11-24 10:00") };
            let decision = policy.decide(&question, &london());
            assert_eq!(decision.watched.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>(), watched);
            assert_eq!(policy.trace(&question, &london()).decision, decision);
        }
    }

    #[test]
    fn a_trace_names_the_first_condition_that_fails() {
        let policy = policy(vec![
            expiring(rule("a", &["social"], &["press"], &["Sat 00:00-24:00"]), date(2026, 1, 1)),
            rule("b", &["web"], &["press"], &[]),
            expiring(rule("c", &["web"], &[], &["Sat 00:00-24:00"]), date(2026, 1, 1)),
            rule("d", &["web"], &[], &["Sat 00:00-24:00"]),
            rule("e", &["web"], &["wards"], &["Tue 09:00-11:00"]),
            rule("f", &[], &[], &[]),
        ]);
        let (categories, groups) = ([CategoryId::from("web")], [GroupId::from("wards")]);
        let categories = refs(&categories);
        let question = Question { categories: &categories, groups: &groups, at: at("2026-11-24 10:00") };
        let trace = policy.trace(&question, &london());
        let told: Vec<_> = trace.steps.iter().map(|step| (step.rule.id.as_str(), step.missed)).collect();
        let expected = [
            ("a", Some(Condition::To)),
            ("b", Some(Condition::From)),
            ("c", Some(Condition::Expires)),
            ("d", Some(Condition::When)),
            ("e", None),
            ("f", None),
        ];
        assert_eq!(told, expected);
        assert_eq!(trace.decision.rule.unwrap().id.as_str(), "e");
    }

    const NAMES: [&str; 4] = ["a", "b", "c", "other"];
    const WINDOWS: [&str; 4] =
        ["Mon-Fri 09:00-12:00", "12:00-14:00 except bank-holidays", "Sat,Sun 00:00-24:00", "22:00-06:00"];

    fn some(of: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<&'static str>> {
        prop::sample::subsequence(of, 0..=most)
    }

    fn rules(most: usize) -> impl Strategy<Value = Vec<Rule>> {
        let expires = prop::option::weighted(0.3, 0i32..12);
        let one = (some(&NAMES, 2), some(&NAMES, 2), some(&WINDOWS, 2), expires);
        prop::collection::vec(one, 0..most).prop_map(|all| {
            let all = all.iter().enumerate();
            all.map(|(place, (to, from, when, expires))| Rule {
                expires: expires.map(|days| date(2026, 12, 20) + days.days()),
                ..rule(&place.to_string(), to, from, when)
            })
            .collect()
        })
    }

    /// Any second of the twelve days around Christmas.
    fn moments() -> impl Strategy<Value = Timestamp> {
        (0i64..12 * 24 * 3600).prop_map(|seconds| at("2026-12-20 00:00") + seconds.seconds())
    }

    fn asked() -> impl Strategy<Value = (Vec<CategoryId>, Vec<GroupId>, Timestamp)> {
        (some(&NAMES, 3), some(&NAMES, 3), moments()).prop_map(|(to, from, at)| {
            (to.into_iter().map(CategoryId::from).collect(), from.into_iter().map(GroupId::from).collect(), at)
        })
    }

    /// The contract's words as a loop.
    fn naive(rules: &[Rule], to: &[CategoryId], from: &[GroupId], at: Timestamp) -> Option<usize> {
        let calendar = london();
        for (place, rule) in rules.iter().enumerate() {
            let target = rule.to.is_empty() || to.iter().any(|name| rule.to.contains(name));
            let client = rule.from.is_empty() || from.iter().any(|name| rule.from.contains(name));
            let open = rule.when.is_empty() || rule.when.iter().any(|window: &Window| window.covers(at, &calendar));
            let over = rule.expires.is_some_and(|last| at >= calendar.midnight(last.tomorrow().unwrap()).unwrap());
            if target && client && open && !over {
                return Some(place);
            }
        }
        None
    }

    proptest! {
        // More rules than one word of bits holds.
        #[test]
        fn rules_decide_as_a_loop_over_them(rules in rules(150), (to, from, at) in asked()) {
            let expected = naive(&rules, &to, &from, at).map(|place| place.to_string());
            let decision = policy(rules).decide(&Question { categories: &refs(&to), groups: &from, at }, &london());
            prop_assert_eq!(decision.rule.map(|rule| rule.id.to_string()), expected);
        }

        #[test]
        fn a_trace_decides_as_the_decision_does(rules in rules(80), (to, from, at) in asked()) {
            let policy = policy(rules.clone());
            let names = refs(&to);
            let question = Question { categories: &names, groups: &from, at };
            let trace = policy.trace(&question, &london());
            prop_assert_eq!(&trace.decision, &policy.decide(&question, &london()));
            for (rule, step) in rules.iter().zip(&trace.steps) {
                let alone = naive(std::slice::from_ref(rule), &to, &from, at);
                prop_assert_eq!(step.missed.is_none(), alone.is_some());
            }
            prop_assert_eq!(trace.steps.len(), rules.len());
        }

        #[test]
        fn no_decision_changes_between_two_edges(
            rules in rules(8),
            (to, from, start) in asked(),
            parts in prop::collection::vec(0.0f64..1.0, 8),
        ) {
            let (policy, calendar) = (policy(rules), london());
            let decide = |at| policy.decide(&Question { categories: &refs(&to), groups: &from, at }, &calendar);
            let edge = policy.next_edge(start, &calendar).unwrap_or(start + 300.hours());
            prop_assert!(edge > start);
            let span = (edge - 1.seconds()).as_second() - start.as_second();
            for part in parts {
                #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // a span of days, in seconds
                let now = start + ((span as f64 * part) as i64).seconds();
                prop_assert_eq!(decide(now), decide(start));
            }
            prop_assert_eq!(decide(edge - 1.seconds()), decide(start));
        }

        /// A rule that is reported covered never decides.
        #[test]
        fn a_covered_rule_never_decides(rules in rules(8), questions in prop::collection::vec(asked(), 24)) {
            let covered = crate::policy::covered(&rules);
            for (to, from, at) in questions {
                if let Some(place) = naive(&rules, &to, &from, at) {
                    prop_assert!(covered.iter().all(|covered| covered.rule != place), "{} at {}", place, at);
                }
            }
        }

        /// A rule never decides of a category of which it clashes with one that always wins.
        #[test]
        fn a_rule_never_decides_of_what_an_earlier_one_always_says_the_opposite(
            rules in rules(8),
            questions in prop::collection::vec(asked(), 24),
        ) {
            let turns = [Action::Allow, Action::Block].into_iter().cycle();
            let rules: Vec<Rule> = rules.into_iter().zip(turns).map(|(rule, action)| Rule { action, ..rule }).collect();
            let clashes: Vec<_> = crate::policy::clashes(&rules).into_iter().filter(|clash| clash.never).collect();
            for (to, from, at) in questions {
                let Some(place) = naive(&rules, &to, &from, at) else { continue };
                let about = |of: &[CategoryId]| of.is_empty() || of.iter().any(|id| to.contains(id));
                let clash = clashes.iter().find(|clash| clash.rule == place && about(&clash.to));
                prop_assert!(clash.is_none(), "{:?} at {}", clash, at);
            }
        }
    }

    #[test]
    fn an_edge_is_a_window_s_or_the_midnight_after_the_last_day() {
        let edge = |rules: Vec<Rule>, after: &str| policy(rules).next_edge(at(after), &london());
        let lunch = rule("lunch", &[], &[], &["Mon-Fri 12:00-14:00"]);
        let plain = rule("plain", &["web"], &[], &[]);
        assert_eq!(edge(vec![plain.clone()], "2026-11-24 10:00"), None);
        assert_eq!(edge(vec![lunch.clone(), plain], "2026-11-24 10:00"), Some(at("2026-11-24 12:00")));
        assert_eq!(edge(vec![lunch.clone()], "2026-11-24 12:00"), Some(at("2026-11-24 14:00")));
        let ending = expiring(lunch, date(2026, 11, 24));
        assert_eq!(edge(vec![ending.clone()], "2026-11-24 14:00"), Some(at("2026-11-25 00:00")));
        assert_eq!(edge(vec![ending], "2026-11-25 00:00"), None);
    }

    #[test]
    fn a_rule_is_covered_by_the_earlier_ones_that_take_all_it_would() {
        let (end, later) = (date(2027, 1, 31), date(2027, 2, 28));
        let ab = || rule("", &["a", "b"], &[], &[]);
        let a = || rule("", &["a"], &[], &[]);
        let b = || rule("", &["b"], &[], &[]);
        let all = || rule("", &[], &[], &[]);
        let night = || rule("", &["a"], &[], &["22:00-06:00"]);
        for (what, rules, expected) in [
            ("a smaller `to`", vec![ab(), a()], &[(1, &[0][..])][..]),
            ("a larger `to`", vec![a(), ab()], &[]),
            ("two that only together take it", vec![a(), b(), ab()], &[(2, &[0, 1])]),
            ("whatever the target", vec![all(), ab()], &[(1, &[0])]),
            ("only some targets", vec![ab(), all()], &[]),
            ("a group of those", vec![a(), rule("", &["a"], &["g"], &[])], &[(1, &[0])]),
            ("not only that group", vec![rule("", &["a"], &["g"], &[]), a()], &[]),
            ("within the hours", vec![night(), rule("", &["a"], &[], &["23:00-24:00"])], &[(1, &[0])]),
            ("beyond the hours", vec![night(), rule("", &["a"], &[], &["21:00-24:00"])], &[]),
            ("always", vec![rule("", &[], &[], &["00:00-24:00"]), a()], &[(1, &[0])]),
            ("an earlier that ends sooner", vec![expiring(a(), end), a()], &[]),
            ("an earlier that ends later", vec![expiring(a(), later), expiring(a(), end)], &[(1, &[0])]),
            ("covered ones do not hide the one that covers", vec![all(), a(), a()], &[(1, &[0]), (2, &[0])]),
        ] {
            let found = crate::policy::covered(&rules);
            let found: Vec<(usize, &[usize])> = found.iter().map(|found| (found.rule, found.by.as_slice())).collect();
            assert_eq!(found, expected, "{what}");
        }
    }
}
