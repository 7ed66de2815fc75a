//! Where a flow goes: a host becomes the categories it is in. Pure and in memory.

pub mod spec;

pub use spec::{Category, Entry, List, Pattern, Rejected, Spec};
