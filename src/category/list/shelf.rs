//! Where lists stand: a disk, or in tests a handful of texts.

use std::io;
use std::path::{Path, PathBuf};

/// Files and folders that readers of lists ask for.
pub trait Shelf {
    /// What a file holds.
    fn bytes(&self, file: &Path) -> io::Result<Vec<u8>>;

    /// What lies in a folder, in the order of the names; an error of kind `NotADirectory` where it is a file.
    fn folder(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;
}

/// A function is a shelf without folders.
impl<F: Fn(&Path) -> io::Result<Vec<u8>>> Shelf for F {
    fn bytes(&self, file: &Path) -> io::Result<Vec<u8>> {
        self(file)
    }

    fn folder(&self, _: &Path) -> io::Result<Vec<PathBuf>> {
        Err(io::ErrorKind::NotADirectory.into())
    }
}
