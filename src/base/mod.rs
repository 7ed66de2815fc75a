//! The words that every stage shares. A value that exists is valid: each type here is made by parsing, once, and
//! nothing later checks it again. Nothing here imports another module of this crate.

pub mod cidr;
pub mod clock;
pub mod fault;
pub mod host;
pub mod id;
pub mod option;
pub mod rate;
pub mod scheme;
pub mod source;
pub mod target;
pub mod window;

pub use cidr::Cidr;
pub use clock::{Calendar, Moment};
pub use fault::{Fault, Reason, Side};
pub use host::{Host, Name};
pub use id::{CategoryId, EgressId, GroupId, ListenerId, RuleId, TubeId};
pub use rate::{Direction, Rate, Size, Span};
pub use scheme::Scheme;
pub use source::Source;
pub use target::{Page, Target};
pub use window::Window;
