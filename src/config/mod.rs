//! From files to a checked configuration: every mistake in every file is found at once, each with its place.
//!
//! [`read`] parses each file once, keeps where every key and value stands, and reads table by table: what is wrong is
//! recorded as a [`Problem`] and reading goes on. [`render`] shows problems to people; serialized, they are for
//! programs.

mod change;
mod check;
mod disk;
mod document;
mod files;
mod generation;
mod lint;
mod nearest;
mod problem;
mod read;
mod render;
mod store;
pub mod spec;
mod table;
mod text;
mod unit;
mod value;

#[cfg(test)]
mod tests;

pub use change::Change;
pub use files::Keep;
pub use generation::{Generation, Generations, Kept, read_past, sha256, sha256_of};
pub use problem::{Excerpt, Problem, Severity};
pub use read::{Outcome, list, place, read, read_with};
pub use render::render;
pub use spec::{Config, LogPlace, ProcessLog};
