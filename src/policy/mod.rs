//! Whether a flow may go: the first rule that matches decides. Pure and in memory.

pub mod spec;

pub use spec::{Action, Expect, Rule, Spec, Test, Text};
