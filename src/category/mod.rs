//! Where a flow goes: a host becomes the categories it is in. Pure and in memory.
//!
//! Entries of a policy and of lists made by others are kept in tables of names and of networks, which answer the most
//! specific first; the catalog puts categories and protection on top of them. Names are kept as keys, so that millions of
//! them fit. Lists are read by the readers in `list`, under the eyes of a guard.

pub mod spec;

pub mod key;
mod names;
mod network;
mod wild;
mod pages;
mod room;
mod segment;

pub mod matches;
pub mod catalog;
pub mod guard;
pub mod list;

pub use catalog::Catalog;
pub use guard::Guard;
pub use key::{Reach, Seed};
pub use list::{Format, List};
pub use matches::{Match, Matched, Matches, OTHER};
pub use spec::{Category, Entry, Pattern, PatternError, Spec};
