//! Readers of lists, one for each format. The format of a list is declared, never guessed: the same line means
//! different things in different formats. A reader is pure and takes every line it can.

mod loaded;
pub mod plain;

pub use loaded::Loaded;
