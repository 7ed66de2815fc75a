//! Where a thing was written: the file and line that an answer names as its reason.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A line of a file. Lines count from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// The file as the user named it, relative paths resolved against the file that named them.
    pub file: Arc<Path>,
    /// The line, from 1.
    pub line: u32,
}

impl Source {
    /// A place in a file.
    pub fn new(file: impl Into<PathBuf>, line: u32) -> Self {
        Source { file: Arc::from(file.into()), line }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}
