//! What a configuration makes possible, so that all of it is there at zero from the start.

use std::time::Duration;

use jiff::Timestamp;

use crate::base::{CategoryId, EgressId, ListenerId, Reason, RuleId, Side, TubeId};

/// The endings that happen, made at 0 for every tube so that the first one already shows as a rate. Others appear
/// when they do.
pub(super) const ENDINGS: &[(Side, &[Reason])] = &[
    (
        Side::Client,
        &[
            Reason::Finished,
            Reason::BadRequest,
            Reason::NoDestination,
            Reason::HeadTooLarge,
            Reason::SlowHead,
            Reason::BadProxyHeader,
            Reason::Reset,
            Reason::Idle,
            Reason::TlsFailed,
        ],
    ),
    (
        Side::Origin,
        &[
            Reason::Finished,
            Reason::NameNotFound,
            Reason::ConnectRefused,
            Reason::Unreachable,
            Reason::ConnectTimeout,
            Reason::TlsFailed,
            Reason::AnswerTimeout,
            Reason::BadAnswer,
            Reason::Reset,
            Reason::Idle,
        ],
    ),
    (
        Side::Parent,
        &[Reason::ParentRefused, Reason::ConnectRefused, Reason::Unreachable, Reason::ConnectTimeout, Reason::Reset],
    ),
    (
        Side::Policy,
        &[Reason::ClientNotAllowed, Reason::Blocked, Reason::PortRefused, Reason::AddressDenied, Reason::TubeFull],
    ),
    (
        Side::Proxy,
        &[Reason::ResolverFailed, Reason::Unreachable, Reason::ProcessFull, Reason::Drained, Reason::Internal],
    ),
];

/// What a configuration says of labels. All combinations that it makes possible exist at 0 from the start.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The plan's number.
    pub generation: u64,
    /// Every listener.
    pub listeners: Vec<ListenerId>,
    /// Every category with each tube it can ride in: its own, and those that rules lift it to.
    pub routes: Vec<(CategoryId, TubeId)>,
    /// Every action there is.
    pub actions: Vec<&'static str>,
    /// Every tube.
    pub tubes: Vec<TubeId>,
    /// Every rule.
    pub rules: Vec<RuleId>,
    /// Rules that block; nothing, where the default does.
    pub blocking: Vec<Option<RuleId>>,
    /// Rules that only watch.
    pub watching: Vec<RuleId>,
    /// Rules that end, and the moment from which each holds no longer.
    pub exceptions: Vec<(RuleId, Timestamp)>,
    /// Every way out.
    pub egresses: Vec<EgressId>,
    /// Every list that was read.
    pub lists: Vec<ListFacts>,
}

/// What is counted of one list.
#[derive(Clone, Debug)]
pub struct ListFacts {
    /// The category it fills.
    pub category: CategoryId,
    /// Its file, as the policy names it.
    pub list: String,
    /// Entries taken.
    pub entries: usize,
    /// Lines that could not be read.
    pub rejected: usize,
    /// A newer one was refused, and this is the last good one.
    pub refused: bool,
    /// When the file was last modified.
    pub modified: Option<Timestamp>,
    /// Of one that is fetched.
    pub fetched: Option<FetchFacts>,
}

/// What is told of a list that is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchFacts {
    /// How often that is to be.
    pub refresh: Duration,
    /// When its server last gave a list, or said that there is no newer; `None`: never yet.
    pub asked: Option<Timestamp>,
}
