//! The last good copies of lists, in the state directory: `lists/NAME/N.list`, the highest number the newest.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom as _, SystemRandom};

use crate::base::CategoryId;
use crate::category::Seed;
use crate::category::list::kept::{self, About};
use crate::category::list::{Keys, List, Origin};

/// Where copies are kept.
pub(super) struct Store {
    folder: PathBuf,
    /// The configuration's folder: a list is known by how it stands to that, however the configuration was named.
    beside: PathBuf,
    pub(super) seed: Seed,
    writes: bool,
}

impl Store {
    /// Opens the store of a state directory. A gateway makes it where there is none, and writes; who only looks does
    /// neither.
    pub(super) fn open(state_dir: &Path, beside: &Path, writes: bool) -> io::Result<Self> {
        let folder = state_dir.join("lists");
        let seed = folder.join("seed");
        let octets = match fs::read(&seed) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && writes => {
                fs::create_dir_all(&folder)?;
                fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
                let mut octets = [0; Seed::OCTETS];
                SystemRandom::new()
                    .fill(&mut octets)
                    .map_err(|_| io::Error::other("the system gives no random octets"))?;
                write(&seed, &octets)?;
                octets.to_vec()
            }
            octets => octets?,
        };
        let octets =
            octets.try_into().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "its seed is cut short"))?;
        Ok(Store { folder, beside: beside.to_owned(), seed: Seed::new(octets), writes })
    }

    /// Where a category's list has its copies.
    pub(super) fn place(&self, category: &CategoryId, path: &Path) -> PathBuf {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name: String = format!("{category}-{stem}").chars().map(plain).take(48).collect();
        let path = path.strip_prefix(&self.beside).unwrap_or(path);
        let mark = self.seed.digest(format!("{category}\n{}", path.display()).as_bytes());
        self.folder.join(format!("{name}-{:08x}", mark & 0xffff_ffff))
    }

    /// Where what was fetched of a list lies.
    pub(super) fn fetched(&self, category: &CategoryId, path: &Path) -> PathBuf {
        self.place(category, path).join("fetched")
    }

    /// The newest copy that can be read: where it lies, and what it is.
    pub(super) fn newest(&self, category: &CategoryId, path: &Path) -> Option<(PathBuf, About)> {
        let folder = self.place(category, path);
        numbers(&folder).into_iter().rev().find_map(|number| {
            let file = folder.join(format!("{number}.list"));
            let about = kept::about(&fs::read(&file).ok()?, &self.seed)?;
            Some((file, about))
        })
    }

    /// The list of a copy. A gateway leaves the keys there until it builds its table.
    pub(super) fn load(&self, path: &Path) -> Option<List> {
        if !self.writes {
            return kept::decode(&fs::read(path).ok()?, &self.seed);
        }
        let mut file = fs::File::open(path).ok()?;
        let mut octets = Vec::with_capacity(usize::try_from(file.metadata().ok()?.len()).ok()? + 1);
        file.read_to_end(&mut octets).ok()?;
        let list = kept::decode_aside(&octets, &self.seed)?;
        let keys = kept::keys(file, list.places.len()).ok()?;
        Some(List { keys, ..list })
    }

    /// Writes a copy that is to be kept beside so many older ones once the whole configuration is known to be good; with
    /// its keys, which then need not be in memory. `None` for who only looks.
    pub(super) fn stage(
        &self,
        category: &CategoryId,
        path: &Path,
        list: &List,
        origin: &Origin,
        most: usize,
    ) -> io::Result<Option<(Keys, Staged)>> {
        if !self.writes {
            return Ok(None);
        }
        let folder = self.place(category, path);
        fs::create_dir_all(&folder)?;
        let aside = folder.join("staged");
        write(&aside, &kept::encode(list, origin, &self.seed)?)?;
        let keys = kept::keys(fs::File::open(&aside)?, list.places.len())?;
        Ok(Some((keys, Staged { folder, aside, most })))
    }
}

/// A copy that is not yet kept.
pub(super) struct Staged {
    folder: PathBuf,
    aside: PathBuf,
    most: usize,
}

impl Staged {
    /// Keeps it, and takes away those that are too many.
    pub(super) fn keep(&self) -> io::Result<()> {
        let numbers = numbers(&self.folder);
        let next = numbers.last().map_or(1, |last| last + 1);
        fs::rename(&self.aside, self.folder.join(format!("{next}.list")))?;
        for number in numbers.iter().rev().skip(self.most.saturating_sub(1)) {
            fs::remove_file(self.folder.join(format!("{number}.list")))?;
        }
        Ok(())
    }

    /// Forgets it.
    pub(super) fn forget(&self) {
        let _ = fs::remove_file(&self.aside);
    }
}

/// The numbers of the copies in a folder, the oldest first.
fn numbers(folder: &Path) -> Vec<u64> {
    let Ok(files) = fs::read_dir(folder) else { return Vec::new() };
    let number = |file: io::Result<fs::DirEntry>| file.ok()?.file_name().to_str()?.strip_suffix(".list")?.parse().ok();
    let mut numbers: Vec<u64> = files.filter_map(number).collect();
    numbers.sort_unstable();
    numbers
}

/// Writes a file whole or not at all.
pub(super) fn write(path: &Path, octets: &[u8]) -> io::Result<()> {
    let aside = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(octets)?;
    file.sync_all()?;
    fs::rename(&aside, path)
}
