//! How connections leave: names become addresses, addresses become streams.

pub mod spec;

pub use spec::{Dns, Egress, Guard, Parent, Spec};
