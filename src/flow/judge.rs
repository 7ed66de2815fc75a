//! A question becomes a verdict. Pure: the live gateway, `explain` and policy tests call this very function.

use std::cmp::Reverse;
use std::sync::Arc;

use jiff::Timestamp;

use super::Plan;
use crate::base::{CategoryId, Direction, EgressId, GroupId, Host, Rate, Reason, RuleId, Target, TubeId};
use crate::category::Matches;
use crate::policy::{self, Action, Rule};

/// What is asked of a flow.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The groups of the client.
    pub groups: &'a [GroupId],
    /// Where the flow says it goes.
    pub target: &'a Target,
    /// The path of a plain request, after its first `/`; none can be seen of a tunnel.
    pub path: Option<&'a str>,
    /// What the flow says beside that: the name in the first bytes of a tunnel, or what a client that chose an address says
    /// without having shown it to be true.
    pub said: Option<&'a Host>,
    /// When.
    pub at: Timestamp,
}

/// The answer: a plain value that names what made it.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Allow or block.
    pub action: Action,
    /// Why it is blocked.
    pub refusal: Option<Reason>,
    /// The category that gives the tube.
    pub category: CategoryId,
    /// The tube the flow rides in.
    pub tube: TubeId,
    /// How it leaves.
    pub egress: EgressId,
    /// The rule that decided; without one, the default did.
    pub rule: Option<Arc<Rule>>,
    /// Rules that only watch, and whether each would have answered otherwise.
    pub watched: Vec<(Arc<Rule>, bool)>,
}

impl Verdict {
    /// The flow may not go after all.
    pub(super) fn refuse(&mut self, reason: Reason) {
        self.action = Action::Block;
        self.refusal = Some(reason);
    }

    /// The rule's name, or `default`: as metrics and logs show it.
    pub fn rule_id(&self) -> RuleId {
        self.rule.as_ref().map_or_else(|| RuleId::from("default"), |rule| rule.id.clone())
    }
}

impl Plan {
    /// Judges a flow. Where it says another host than its target beside it, both are judged and the less favourable
    /// verdict holds: nobody rides in the clinical tube by saying two things.
    pub fn judge(&self, question: &Question<'_>) -> Verdict {
        let asked = self.judge_host(&question.target.host, question);
        let Some(host) = question.said.filter(|host| **host != question.target.host) else { return asked };
        let said = self.judge_host(host, question);
        if self.favour(&said, question.at) < self.favour(&asked, question.at) { said } else { asked }
    }

    /// The categories that what is asked for is in, the most specific first.
    pub fn classify<'a>(&'a self, question: &Question<'a>) -> Matches<'a> {
        self.catalog.classify(&question.target.host, question.path)
    }

    /// Each rule in turn, and the condition that did not hold.
    pub fn trace(&self, question: &Question<'_>) -> policy::Trace {
        let matches = self.classify(question);
        let asked = policy::Question { categories: matches.categories(), groups: question.groups, at: question.at };
        self.policy.trace(&asked, &self.calendar)
    }

    fn judge_host(&self, host: &Host, question: &Question<'_>) -> Verdict {
        let mut verdict = self.judge_matches(&self.catalog.classify(host, question.path), question);
        match host {
            Host::Addr(address) if verdict.refusal.is_none() && !self.guard.permits(*address) => {
                verdict.refuse(Reason::AddressDenied);
            }
            _ => {}
        }
        verdict
    }

    fn judge_matches(&self, matches: &Matches<'_>, question: &Question<'_>) -> Verdict {
        let asked = policy::Question { categories: matches.categories(), groups: question.groups, at: question.at };
        let decision = self.policy.decide(&asked, &self.calendar);
        let tube = decision.tube.unwrap_or_else(|| matches.tube().clone());
        let refusal = match decision.action {
            Action::Block => Some(Reason::Blocked),
            Action::Allow if !self.guard.permits_port(question.target.port) => Some(Reason::PortRefused),
            Action::Allow => None,
        };
        Verdict {
            action: if refusal.is_some() { Action::Block } else { Action::Allow },
            refusal,
            category: matches.category().clone(),
            watched: decision
                .watched
                .into_iter()
                .map(|rule| otherwise(rule, decision.action, &tube, matches))
                .collect(),
            egress: self.egress_of(&tube),
            tube,
            rule: decision.rule,
        }
    }

    /// More is better for the flow: allowed before blocked, then the tube that is served first, seen from the link
    /// inwards (one that lies in another is served after it), then the one that may use more.
    fn favour(&self, verdict: &Verdict, at: Timestamp) -> (bool, Reverse<Vec<u8>>, [u64; 2]) {
        let mut priorities: Vec<u8> = self.around(&verdict.tube).map(|tube| tube.priority).collect();
        priorities.reverse();
        let limit = self.limit_at(&verdict.tube, at);
        let most = |direction| limit.of(direction).map_or(u64::MAX, Rate::bits_per_second);
        (verdict.refusal.is_none(), Reverse(priorities), Direction::BOTH.map(most))
    }
}

/// A rule that watches, and whether it would have answered otherwise: another action, or where both allow another tube.
fn otherwise(rule: Arc<Rule>, action: Action, tube: &TubeId, matches: &Matches<'_>) -> (Arc<Rule>, bool) {
    let moved = rule.tube.as_ref().unwrap_or(matches.tube()) != tube;
    let other = rule.action != action || (action == Action::Allow && moved);
    (rule, other)
}
