//! The files of a configuration as they stand on disk.

use std::cell::RefCell;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::category::list::{Origin, Shelf};

/// A larger file is not read into memory. The largest public list (adult sites of UT1) is a third of this.
const LARGEST: u64 = 256 << 20;

/// The disk, and the one file that a person named on the command line.
pub(super) struct Disk<'a> {
    pub(super) named: &'a Path,
    /// What each file was when it was opened.
    pub(super) read: RefCell<Vec<Stamp>>,
}

/// A file, its length in octets, and when it was last changed, in nanoseconds since 1970.
pub type Stamp = (PathBuf, u64, i128);

impl Disk<'_> {
    pub(super) fn new(named: &Path) -> Disk<'_> {
        Disk { named, read: RefCell::default() }
    }
}

impl Shelf for Disk<'_> {
    fn bytes(&self, file: &Path) -> io::Result<Vec<u8>> {
        // What a person names may be a pipe; what a file names is read again at every reload.
        if file != self.named {
            regular(file)?;
        }
        let opened = std::fs::File::open(file)?;
        // Room at once: a buffer that grows by doubling leaves as much again behind it.
        let about = opened.metadata()?;
        self.read.borrow_mut().push(stamp_of(file.to_owned(), Some(&about)));
        let length = about.len().min(LARGEST) + 1;
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        opened.take(LARGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 256 MiB"));
        }
        Ok(bytes)
    }

    fn folder(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut files = std::fs::read_dir(folder)?.map(|file| Ok(file?.path())).collect::<io::Result<Vec<_>>>()?;
        files.sort_unstable();
        Ok(files)
    }
}

/// Refuses what is no regular file before it is opened: opening a FIFO waits for its other end, and so would a reload;
/// opening a device can do something to it.
fn regular(file: &Path) -> io::Result<()> {
    let kind = std::fs::metadata(file)?.file_type();
    let what = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        () if kind.is_fifo() => "it is a FIFO",
        () if kind.is_socket() => "it is a socket",
        () => "it is a device",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}

impl Origin {
    /// What some files are now. One that is gone counts as well: it may come back.
    pub(super) fn of<'a>(files: impl Iterator<Item = &'a Path>, guard: u64) -> Self {
        let mut files: Vec<_> = files.map(|file| stamp(file.to_owned())).collect();
        files.sort_unstable();
        files.dedup();
        Origin { files, guard }
    }

    /// Whether all files are what they were.
    pub(super) fn stands(&self) -> bool {
        self.files.iter().all(|known| stamp(known.0.clone()) == *known)
    }
}

pub(super) fn stamp(file: PathBuf) -> Stamp {
    let about = std::fs::metadata(&file).ok();
    stamp_of(file, about.as_ref())
}

fn stamp_of(file: PathBuf, about: Option<&std::fs::Metadata>) -> Stamp {
    let modified = about.and_then(|about| Timestamp::try_from(about.modified().ok()?).ok());
    (file, about.map_or(0, std::fs::Metadata::len), modified.map_or(0, Timestamp::as_nanosecond))
}
