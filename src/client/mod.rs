//! Who asks: an address or a login becomes the groups that rules name.

pub mod spec;

pub use spec::{Group, Spec};
