//! What a policy is asked, and what it answers.

use std::sync::Arc;

use jiff::Timestamp;

use super::spec::{Action, Rule};
use crate::base::{CategoryId, GroupId, TubeId};

/// What a policy is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The categories of the target; `other` alone where it is in none.
    pub categories: &'a [&'a CategoryId],
    /// The groups of the client.
    pub groups: &'a [GroupId],
    /// When.
    pub at: Timestamp,
}

/// What a policy answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What to do.
    pub action: Action,
    /// The rule's tube, in place of the category's.
    pub tube: Option<TubeId>,
    /// The rule that decided; none where the default did.
    pub rule: Option<Arc<Rule>>,
    /// Rules that watch, match, and stand before the one that decided: each would have decided in its place.
    pub watched: Vec<Arc<Rule>>,
}
