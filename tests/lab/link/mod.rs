//! The bottleneck: a link of our own between the gateway and the internet. `wire` is its arithmetic, in virtual time;
//! `relay` is the process that carries packets by it from one TUN device to another; `record` is what it saw.

mod record;
mod relay;
mod wire;

pub use record::{BIN, Bin, Precision, Record, Way};
pub use relay::carry;

use serde::{Deserialize, Serialize};

/// What a link is like.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Bits of IP packets a second, towards the gateway.
    pub down: u64,
    /// The same from the gateway.
    pub up: u64,
    /// Propagation one way, in milliseconds.
    pub delay_ms: f64,
    /// How much the queue in front of each way holds, in milliseconds of its rate.
    pub fifo_ms: f64,
}

impl Default for Link {
    fn default() -> Self {
        Link { down: 50_000_000, up: 20_000_000, delay_ms: 8.0, fifo_ms: 150.0 }
    }
}

/// Which traffic a packet belongs to, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// To or from a clinical server.
    Clinical,
    /// Anything else.
    Other,
}
