//! From files to a checked configuration: every mistake in every file is found at once, each with its place.

pub mod spec;

pub use spec::Config;
