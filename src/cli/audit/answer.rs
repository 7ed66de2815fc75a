//! What a policy answers to one question, and how that is said.

use serde::Serialize;

use crate::base::{Direction, Rate, Source, TubeId};
use crate::category::OTHER;
use crate::flow::{Plan, Question, Verdict};

/// The kinds of answer: what a person would notice when moving from one Trust to another. The worst for them last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It goes, in a tube that waits for no other.
    Clear,
    /// It goes with what nobody named.
    Shared,
    /// It goes, in a tube that is served after that.
    Slowed,
    /// It is refused.
    Blocked,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The action, as logs and metrics spell it.
    pub action: &'static str,
    /// What kind of answer it is.
    pub kind: Kind,
    /// Whether nothing in the policy speaks of it, so that only the default answered.
    pub silent: bool,
    /// The category that gave the tube.
    pub category: String,
    /// The tube, also where the flow is refused.
    pub tube: String,
    /// The most that the tube may use at that moment; null without a limit.
    pub limit: Option<Limit>,
    /// The rule that decided; null where the default did.
    pub rule: Option<Decider>,
    /// All of it in words.
    pub words: String,
    /// The limit in words; empty without one.
    #[serde(skip)]
    pub rate: String,
    /// Where the entry stands that put it into its category.
    #[serde(skip)]
    pub entry: Option<Source>,
}

/// Bits a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// Towards clients.
    pub down: Option<u64>,
    /// From clients.
    pub up: Option<u64>,
}

/// The rule that decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decider {
    /// Its name.
    pub name: String,
    /// The file it stands in.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// Whether it gave the tube too.
    #[serde(skip)]
    pub lifts: bool,
    /// The same place.
    #[serde(skip)]
    pub source: Source,
}

impl Answer {
    /// Judges a flow as the live gateway would. `rest` is the tube of what nobody named.
    pub fn of(plan: &Plan, rest: &TubeId, question: &Question<'_>) -> Answer {
        let verdict = plan.judge(question);
        let rates = plan.limit_at(&verdict.tube, question.at);
        let [down, up] = Direction::BOTH.map(|way| rates.of(way));
        let silent = verdict.rule.is_none() && verdict.category.as_str() == OTHER;
        let bits = |rate: Option<Rate>| rate.map(Rate::bits_per_second);
        Answer {
            action: verdict.action.as_str(),
            kind: kind(plan, rest, &verdict),
            silent,
            category: verdict.category.to_string(),
            tube: verdict.tube.to_string(),
            limit: (down.is_some() || up.is_some()).then(|| Limit { down: bits(down), up: bits(up) }),
            rule: verdict.rule.as_ref().map(|rule| Decider {
                name: rule.id.to_string(),
                file: rule.source.file.display().to_string(),
                line: rule.source.line,
                lifts: rule.tube.is_some(),
                source: rule.source.clone(),
            }),
            words: words(&verdict, silent, &rate(down, up)),
            rate: rate(down, up),
            entry: plan.classify(question).named().map(|matched| matched.source()),
        }
    }

    /// Whether the flow goes nowhere.
    pub fn is_blocked(&self) -> bool {
        self.kind == Kind::Blocked
    }

    /// What must be alike for two answers not to differ.
    pub fn gist(&self) -> (&'static str, Kind) {
        (self.action, self.kind)
    }
}

fn kind(plan: &Plan, rest: &TubeId, verdict: &Verdict) -> Kind {
    let priority = |tube| plan.tubes.tube(tube).map_or(0, |tube| tube.priority);
    match priority(&verdict.tube) {
        _ if verdict.refusal.is_some() => Kind::Blocked,
        0 => Kind::Clear,
        later if later > priority(rest) => Kind::Slowed,
        _ => Kind::Shared,
    }
}

/// `allow in social, at most 10 Mbit/s down`
fn words(verdict: &Verdict, silent: bool, rate: &str) -> String {
    let action = verdict.action.as_str();
    match (silent, &verdict.refusal, rate) {
        (true, _, _) => format!("no answer ({action})"),
        (_, Some(_), _) => action.to_owned(),
        (_, None, "") => format!("{action} in {}", verdict.tube),
        (_, None, rate) => format!("{action} in {}, at most {rate}", verdict.tube),
    }
}

/// `10 Mbit/s down`; the way up is told only where the way down has no limit.
fn rate(down: Option<Rate>, up: Option<Rate>) -> String {
    let first = Direction::BOTH.into_iter().zip([down, up]).find_map(|(way, rate)| Some((rate?, way)));
    first.map(|(rate, way)| format!("{rate} {way}")).unwrap_or_default()
}
