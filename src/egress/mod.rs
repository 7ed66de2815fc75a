//! How connections leave: names become addresses, addresses become streams.

pub mod dial;
pub mod egresses;
pub mod fetch;
pub mod health;
pub mod here;
pub mod origins;
pub mod parent;
#[cfg(test)]
mod lab;
mod known;
mod pool;
mod repeat;
pub mod resolve;
pub mod spec;
mod tls;

pub use dial::DialError;
pub use egresses::{Dialled, Egresses};
pub use health::{Condition, Healths};
pub use origins::{Admission, Answer, Lease, Made, Origins, SendError, Sender};
pub use resolve::{ResolveError, Resolver};
pub use spec::{Buffers, Dns, Egress, Guard, Parent, Spec};
