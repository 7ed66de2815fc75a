//! A policy's own test, judged as a live flow would be. Pure.

use jiff::Timestamp;

use super::judge::{Question, Verdict};
use super::plan::Plan;
use crate::policy::{Expect, Test};

/// What came of a test.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The verdict.
    pub verdict: Verdict,
    /// What came out otherwise than expected, in words; empty: the test passed.
    pub wrong: Vec<String>,
}

impl Plan {
    /// Judges the flow of a test; `now` is for a test that names no time.
    pub fn try_out(&self, test: &Test, now: Timestamp) -> Tried {
        let groups = self.groups_of(test.from, test.user.as_deref());
        let at = test.at.unwrap_or(now);
        let verdict = self.judge(&Question { groups: &groups, target: &test.target, path: None, said: None, at });
        let wrong = differences(&test.expect, &verdict);
        Tried { verdict, wrong }
    }
}

fn differences(expect: &Expect, verdict: &Verdict) -> Vec<String> {
    let rule = verdict.rule_id();
    [
        ("action", expect.action.map(|action| action.as_str().to_owned()), verdict.action.as_str()),
        ("tube", expect.tube.as_ref().map(ToString::to_string), verdict.tube.as_str()),
        ("rule", expect.rule.as_ref().map(ToString::to_string), rule.as_str()),
        ("category", expect.category.as_ref().map(ToString::to_string), verdict.category.as_str()),
        ("egress", expect.egress.as_ref().map(ToString::to_string), verdict.egress.as_str()),
    ]
    .into_iter()
    .filter_map(|(what, expected, found)| {
        let expected = expected?;
        (expected != found).then(|| format!("expected {what} {expected}, got {found}"))
    })
    .collect()
}
