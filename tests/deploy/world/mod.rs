//! What these tests stand on: a package of the program under test, and machines to install it on.

mod gateway;
mod machine;
mod packed;

pub use gateway::INSTALL;
pub use machine::{Machine, Wire};
pub use packed::{FIRST, packed, repository, shared};
