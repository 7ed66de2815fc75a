//! Where a flow goes: a host becomes the categories it is in. Pure and in memory.
//!
//! Entries are kept in two tables, of names and of networks, which answer the most specific first. The catalog puts
//! categories and protection on top of them. Lists are read by the readers in `list`.

pub mod spec;

mod mark;
mod suffix;
mod network;

pub mod matches;
pub mod catalog;
pub mod collision;
pub mod list;

pub use catalog::Catalog;
pub use collision::{Collision, collisions};
pub use matches::{Match, Matched, Matches, OTHER};
pub use spec::{Category, Entry, List, Pattern, PatternError, Rejected, Spec};
