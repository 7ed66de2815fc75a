//! Reasons that staff are given in one language where the policy speaks two.

use super::spec::{Action, Rule};

/// A language in which a reason may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tongue {
    /// English, or a reason whose language is not said.
    English,
    /// Welsh.
    Welsh,
}

impl Tongue {
    /// The one that stands beside it.
    pub const fn other(self) -> Tongue {
        match self {
            Tongue::English => Tongue::Welsh,
            Tongue::Welsh => Tongue::English,
        }
    }

    /// Its name, in English.
    pub const fn as_str(self) -> &'static str {
        match self {
            Tongue::English => "English",
            Tongue::Welsh => "Welsh",
        }
    }
}

/// The places, from 0, of rules whose reason is in one language only, and which. Where no reason is in Welsh, none is
/// missing: a Trust in England need not write it. Once a policy has any, its staff have a right to all of it. Only a
/// rule that blocks shows its reason to those it is for; why an exception was granted is for who looks after the
/// policy.
pub fn untranslated(rules: &[Rule]) -> Vec<(usize, Tongue)> {
    let shown = |rule: &Rule| rule.action == Action::Block && !rule.watches;
    let bilingual = rules.iter().any(|rule| shown(rule) && rule.reason.cy.is_some());
    let only = |(at, rule): (usize, &Rule)| Some((at, rule.reason.only()?));
    rules.iter().enumerate().filter(|(_, rule)| bilingual && shown(rule)).filter_map(only).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{RuleId, Source};
    use crate::policy::Text;

    /// A rule for each text: `block en cy`.
    fn rules(texts: &[&str]) -> Vec<Rule> {
        let rule = |text: &&str| Rule {
            id: RuleId::from("r"),
            to: Vec::new(),
            from: Vec::new(),
            when: Vec::new(),
            action: if text.contains("allow") { Action::Allow } else { Action::Block },
            watches: text.contains("watch"),
            tube: None,
            owner: None,
            reason: Text {
                en: text.contains("en").then(|| "No.".to_owned()),
                cy: text.contains("cy").then(|| "Na.".to_owned()),
            },
            expires: None,
            source: Source::new("policy.toml", 1),
        };
        texts.iter().map(rule).collect()
    }

    #[test]
    fn a_reason_in_one_language_is_found_where_the_policy_has_welsh() {
        for (texts, expected) in [
            (&["block en", "block en cy"][..], &[(0, Tongue::English)][..]),
            (&["block cy"], &[(0, Tongue::Welsh)]),
            (&["block cy", "block en"], &[(0, Tongue::Welsh), (1, Tongue::English)]),
            (&["block en", "block en", "block"], &[]),
            (&["block", "block en cy"], &[]),
            // Why an exception was granted, and what is on trial, nobody is shown who is refused.
            (&["allow en", "watch en", "block en cy"], &[]),
            (&["block en", "allow en cy", "watch cy"], &[]),
        ] {
            assert_eq!(untranslated(&rules(texts)), expected, "{texts:?}");
        }
    }
}
