//! What a configuration says of decisions.

use std::net::IpAddr;

use jiff::Timestamp;
use jiff::civil::Date;

use super::tongue::Tongue;
use crate::base::{CategoryId, EgressId, GroupId, RuleId, Source, Target, TubeId, Window};

/// The rules in the order of the file, and what holds where none matches.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// For what no rule names.
    pub default: Action,
    /// The first that matches decides.
    pub rules: Vec<Rule>,
}

/// What to do with a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Carry it.
    Allow,
    /// Refuse it, and say why.
    Block,
}

impl Action {
    /// Every action, in the order in which help lists them.
    pub const ALL: &'static [Action] = &[Action::Allow, Action::Block];

    /// The word in configuration, labels and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Action::Allow => "allow",
            Action::Block => "block",
        }
    }
}

/// One `[[rule]]`. It matches when every condition it has holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name, unique among rules.
    pub id: RuleId,
    /// Any of these categories matched; empty: whatever the target.
    pub to: Vec<CategoryId>,
    /// The client is in any of these groups; empty: whoever asks.
    pub from: Vec<GroupId>,
    /// Any of these windows is open; empty: always.
    pub when: Vec<Window>,
    /// What to do.
    pub action: Action,
    /// It decides nothing; what it would have done is counted.
    pub watches: bool,
    /// Another tube than the category's.
    pub tube: Option<TubeId>,
    /// Who answers for an exception.
    pub owner: Option<String>,
    /// Shown to who is refused, or why an exception was granted.
    pub reason: Text,
    /// The last day, in the gateway's zone, on which the rule holds.
    pub expires: Option<Date>,
    /// Where it stands.
    pub source: Source,
}

/// A text for people, in the languages that were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// English, or the only one.
    pub en: Option<String>,
    /// Welsh.
    pub cy: Option<String>,
}

impl Rule {
    /// Whether its last day is over.
    pub fn has_lapsed(&self, today: Date) -> bool {
        self.expires.is_some_and(|last| last < today)
    }
}

impl Text {
    /// The language it is written in, where that is one only. A text without a language counts as English.
    pub fn only(&self) -> Option<Tongue> {
        match (&self.en, &self.cy) {
            (Some(_), None) => Some(Tongue::English),
            (None, Some(_)) => Some(Tongue::Welsh),
            _ => None,
        }
    }
}

/// One `[[test]]`: what a flow must be answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// Where the flow goes.
    pub target: Target,
    /// From which client; absent: one that is in no group.
    pub from: Option<IpAddr>,
    /// As which user.
    pub user: Option<String>,
    /// When; absent: now.
    pub at: Option<Timestamp>,
    /// What must come out; what is absent may be anything.
    pub expect: Expect,
    /// Where it stands.
    pub source: Source,
}

/// What a test expects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expect {
    /// The action.
    pub action: Option<Action>,
    /// The tube.
    pub tube: Option<TubeId>,
    /// The rule that decided.
    pub rule: Option<RuleId>,
    /// The category that gave the tube.
    pub category: Option<CategoryId>,
    /// The egress.
    pub egress: Option<EgressId>,
}
