//! Listening sockets: from a connection to a stream and what it asks for.

pub mod spec;

pub use spec::{Mode, Spec};
