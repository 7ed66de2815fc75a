//! The link's scheduler: pure arithmetic in virtual time, then a handle that relays wait on.

pub mod spec;

pub use spec::{Limit, Link, Peak, ShareBy, Spec, Tube};
