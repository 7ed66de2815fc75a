//! What a plan answers to a flow, as far as a person would notice.

use serde::Serialize;

use crate::flow::Verdict;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Answer {
    /// Allow or block.
    pub action: &'static str,
    /// The category that gives the tube.
    pub category: String,
    /// The tube.
    pub tube: String,
    /// The rule that decided, or `default`.
    pub rule: String,
}

/// The same, as it is compared: nothing is copied where nothing changed.
pub fn differ(old: &Verdict, new: &Verdict) -> bool {
    let rule = |verdict: &Verdict| verdict.rule.as_ref().map(|rule| rule.id.clone());
    old.action != new.action || old.category != new.category || old.tube != new.tube || rule(old) != rule(new)
}

impl Answer {
    /// Of a verdict.
    pub fn of(verdict: &Verdict) -> Answer {
        Answer {
            action: verdict.action.as_str(),
            category: verdict.category.to_string(),
            tube: verdict.tube.to_string(),
            rule: verdict.rule_id().to_string(),
        }
    }

    /// What is other than in another answer, in words: `block by rule no-video instead of allow`.
    pub fn instead_of(&self, old: &Answer) -> String {
        let rule = |answer: &Answer| match &*answer.rule {
            "default" => "by default".to_owned(),
            rule => format!("by rule {rule}"),
        };
        match (self.action, old.action) {
            ("block", "block") => format!("block {} instead of {}", rule(self), rule(old)),
            ("block", _) => format!("block {} instead of allow", rule(self)),
            (_, "block") => format!("allow in {} {} instead of block {}", self.tube, rule(self), rule(old)),
            _ => {
                let pairs = [
                    ("tube ", self.tube.clone(), old.tube.clone()),
                    ("category ", self.category.clone(), old.category.clone()),
                    ("", rule(self), rule(old)),
                ];
                let told = pairs.iter().filter(|(_, new, old)| new != old);
                told.map(|(what, new, old)| format!("{what}{new} instead of {old}")).collect::<Vec<_>>().join(", ")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_by_what_a_person_would_notice() {
        let answer = |action, category: &str, tube: &str, rule: &str| Answer {
            action,
            category: category.to_owned(),
            tube: tube.to_owned(),
            rule: rule.to_owned(),
        };
        let social = answer("allow", "social", "social", "default");
        for (old, new, told) in [
            (&social, answer("block", "social", "social", "hours"), "block by rule hours instead of allow"),
            (
                &answer("block", "social", "social", "hours"),
                answer("allow", "social", "internet", "team"),
                "allow in internet by rule team instead of block by rule hours",
            ),
            (
                &social,
                answer("allow", "news", "internet", "default"),
                "tube internet instead of social, category news instead of social",
            ),
            (&social, answer("allow", "social", "social", "team"), "by rule team instead of by default"),
        ] {
            assert_eq!(new.instead_of(old), told);
        }
    }
}
