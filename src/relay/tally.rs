//! What a relay reports while it runs. Who counts, and where, is not its business.

use std::time::Duration;

use crate::base::{Direction, Fault};

/// Counts for one flow; both directions report to it, from one task or two.
pub trait Tally: Send + Sync {
    /// So many bytes went on, after having waited for their share.
    fn moved(&self, direction: Direction, bytes: u64, waited: Duration);

    /// A direction came to its end: whole, or broken off. Once for each direction that was carried.
    fn ended(&self, direction: Direction, result: Result<(), Fault>);
}
