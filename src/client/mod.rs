//! Who asks: an address or a login becomes the groups that rules name.

pub mod spec;

pub mod clients;

pub use clients::Clients;
pub use spec::{Group, Spec};
