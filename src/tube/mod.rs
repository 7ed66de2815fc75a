//! The link's scheduler: pure arithmetic in virtual time (`bucket`, `ring`, `share`, `node`,
//! `layout`, `tree`), then a handle that relays
//! wait on (`pacer`, `tubes`, `pass`).

pub mod beside;
pub mod bucket;
mod capacity;
mod drain;
mod driver;
mod even;
mod governor;
mod layout;
mod link;
mod meter;
mod node;
mod pacer;
pub mod part;
pub mod pass;
mod queue;
mod ring;
pub mod share;
pub mod spec;
pub mod split;
pub mod tree;
pub mod tubes;
mod waits;
mod watch;
mod way;
mod wire;

pub use driver::Driver;
pub use link::LinkReading;
pub use pacer::Grant;
pub use pass::{Opening, Pass};
pub use share::Sharer;
pub use spec::{Limit, Link, Peak, ShareBy, Spec, Tube};
pub use tubes::{Full, Reading, Tubes, Way};
