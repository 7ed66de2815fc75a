//! How a decision came about: for each rule in order, whether it matched and if not, why not.

use std::fmt;
use std::sync::Arc;

use super::decide::Policy;
use super::question::{Decision, Question};
use super::spec::Rule;
use crate::base::Calendar;

/// Every rule against one question, and the decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// In the order of the file, also those after the one that decided.
    pub steps: Vec<Step>,
    /// The decision.
    pub decision: Decision,
}

/// One rule against one question.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The rule.
    pub rule: Arc<Rule>,
    /// The first condition that does not hold; none where the rule matches. The first step that matches, of a
    /// rule that does not only watch, decided.
    pub missed: Option<Condition>,
}

/// A condition of a rule, in the order in which they are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// The target is in none of the categories.
    To,
    /// The client is in none of the groups.
    From,
    /// The last day is over.
    Expires,
    /// No window is open.
    When,
}

impl Condition {
    /// The key of the rule in the policy file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Condition::To => "to",
            Condition::From => "from",
            Condition::Expires => "expires",
            Condition::When => "when",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Policy {
    /// Decides like `decide`, and tells of every rule.
    pub fn trace(&self, question: &Question<'_>, calendar: &Calendar) -> Trace {
        let steps: Vec<Step> = self
            .rules
            .matched(question, calendar)
            .map(|(rule, missed)| Step { rule: Arc::clone(rule), missed })
            .collect();
        let decision = self.by(steps.iter().filter(|step| step.missed.is_none()).map(|step| &step.rule));
        Trace { steps, decision }
    }
}
