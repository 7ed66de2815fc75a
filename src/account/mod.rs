//! One record for each flow: log, metrics, and later the quota ledger.

pub mod spec;

pub use spec::{Access, Spec};
