//! Whether a flow may go: the first rule that matches decides. Pure and in memory.
//!
//! `rule` holds the one matcher; `decide` and `trace` both ask it, so an explanation cannot differ from the decision.

pub mod spec;

pub mod question;
mod rule;
pub mod decide;
pub mod trace;
mod edge;
pub mod cover;
pub mod clash;
pub mod tongue;

pub use clash::{Clash, clashes};
pub use cover::{COMPARED, Covered, covered};
pub use decide::Policy;
pub use question::{Decision, Question};
pub use spec::{Action, Expect, Rule, Spec, Test, Text};
pub use tongue::{Tongue, untranslated};
pub use trace::{Condition, Step, Trace};
