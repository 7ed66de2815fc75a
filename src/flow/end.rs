//! How a flow can end before it is carried: the stages' own errors, summed where they meet.

use std::sync::Arc;
use std::time::Duration;

use crate::base::{Fault, Reason, Side};
use crate::egress::DialError;
use crate::listen::AskError;
use crate::policy::Rule;
use crate::tube::Full;

/// Why a flow was not carried, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum End {
    /// The request is none that a proxy can serve.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The client's address is not among the listener's `clients`.
    #[error("this client may not use this gateway")]
    ClientNotAllowed,
    /// The policy or the guard says no.
    #[error("{}", refusal_text(*.reason))]
    Refused {
        /// Blocked, or what of the guard's.
        reason: Reason,
        /// The rule that decided; without one, the default or the guard did.
        rule: Option<Arc<Rule>>,
    },
    /// The tube carries as many flows as it may.
    #[error(transparent)]
    Full(#[from] Full),
    /// The process carries as many flows as it can.
    #[error("the gateway carries as many flows as it can")]
    ProcessFull,
    /// No connection to the origin.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The origin did not begin its answer in time.
    #[error("no answer began within {} s", .0.as_secs())]
    AnswerTimeout(Duration),
    /// The exchange broke off.
    #[error("{1}")]
    Broken(Fault, String),
    /// Ended from outside: a new plan, or a drain.
    #[error("ended by the gateway")]
    Stopped(Fault),
}

fn refusal_text(reason: Reason) -> &'static str {
    match reason {
        Reason::PortRefused => "the port may not be asked for",
        Reason::AddressDenied => "the address may not be reached",
        _ => "a rule of this organisation refuses it",
    }
}

impl End {
    /// Whose doing, and why.
    pub fn fault(&self) -> Fault {
        match self {
            End::Ask(error) => error.fault(),
            End::ClientNotAllowed => Fault::new(Side::Policy, Reason::ClientNotAllowed),
            End::Refused { reason, .. } => Fault::new(Side::Policy, *reason),
            End::Full(error) => error.fault(),
            End::ProcessFull => Fault::new(Side::Proxy, Reason::ProcessFull),
            End::Dial(error) => error.fault(),
            End::AnswerTimeout(_) => Fault::new(Side::Origin, Reason::AnswerTimeout),
            End::Broken(fault, _) | End::Stopped(fault) => *fault,
        }
    }

    /// The rule that decided, for the page.
    pub fn rule(&self) -> Option<&Rule> {
        match self {
            End::Refused { rule, .. } => rule.as_deref(),
            _ => None,
        }
    }
}
