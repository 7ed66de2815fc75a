//! What a test stands on: a gateway of its own, origins of its own, and clients that look at it from outside.

pub mod browser;
pub mod certs;
pub mod gateway;
pub mod lanes;
pub mod load;
pub mod metrics;
pub mod nginx;
pub mod origin;
pub mod pattern;
pub mod poll;
pub mod record;
pub mod setup;
pub mod tool;
pub mod turn;
pub mod wire;

pub use certs::Certs;
pub use gateway::World;
pub use lanes::Lanes;
pub use metrics::Scrape;
pub use nginx::Nginx;
pub use origin::{Answer, Origin};
pub use pattern::Pattern;
pub use poll::until;
pub use record::Record;
pub use setup::Setup;
pub use wire::Wire;
