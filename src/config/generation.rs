//! The files of the last generations, in the state directory: `generations/N.json` tells of one, `generations/files/`
//! holds what the files said, each once, named by its SHA-256.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf, absolute};

use jiff::Timestamp;
use ring::digest;
use serde::{Deserialize, Serialize};

use super::disk::Stamp;
use super::spec::Config;
use super::store::write;
use crate::category::list::Shelf;

/// So many are kept; what they have in common takes its room once.
const KEPT: usize = 10;

/// The generations of a state directory.
#[derive(Clone, Debug)]
pub struct Generations {
    folder: PathBuf,
}

/// A generation of which the files are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    /// Its number.
    pub number: u64,
    /// The number of the first with the same files: what was reloaded without a change is kept once.
    pub since: u64,
    /// When that one was put in force.
    pub time: Timestamp,
    /// The gateway's file; like all paths here absolute, however it was named.
    pub config: PathBuf,
    /// Its files.
    pub files: Vec<Kept>,
}

/// A file of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// How the configuration names it.
    pub path: PathBuf,
    /// Where it lay: for a list that is fetched, what came last.
    pub lay: PathBuf,
    /// What it held, by its SHA-256 in hexadecimal.
    pub sha256: String,
    /// Octets.
    length: u64,
    /// When it was last changed, in nanoseconds since 1970: with the length, whether it has to be read again.
    modified: i64,
}

impl Generation {
    /// Whether it is the one with a number: those between had the same files.
    pub fn has(&self, number: u64) -> bool {
        (self.since..=self.number).contains(&number)
    }

    /// A file's name as a person knows it: beside the gateway's file.
    pub fn name<'a>(&self, file: &'a Kept) -> &'a Path {
        let beside = self.config.parent().and_then(|folder| file.path.strip_prefix(folder).ok());
        beside.unwrap_or(&file.path)
    }
}

impl Generations {
    /// Those of a state directory.
    pub fn of(state_dir: &Path) -> Generations {
        Generations { folder: state_dir.join("generations") }
    }

    /// All that are kept, the oldest first. What cannot be read as one is left out.
    ///
    /// # Errors
    /// Those of looking into the folder, which only the gateway's user and root may.
    pub fn kept(&self) -> io::Result<Vec<Generation>> {
        let files = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            files => files?,
        };
        let paths = files.filter_map(|file| Some(file.ok()?.path()));
        let told = paths.filter(|path| path.extension().is_some_and(|kind| kind == "json"));
        let mut kept: Vec<Generation> =
            told.filter_map(|path| serde_json::from_slice(&fs::read(path).ok()?).ok()).collect();
        kept.sort_unstable_by_key(|generation| generation.number);
        Ok(kept)
    }

    /// The one with a number, if it is kept.
    ///
    /// # Errors
    /// As [`Generations::kept`].
    pub fn find(&self, number: u64) -> io::Result<Option<Generation>> {
        Ok(self.kept()?.into_iter().find(|kept| kept.has(number)))
    }

    /// What a file of a generation held.
    ///
    /// # Errors
    /// Where it cannot be read, or is not what was put there.
    pub fn bytes(&self, kept: &Kept) -> io::Result<Vec<u8>> {
        let bytes = fs::read(self.file(&kept.sha256))?;
        if sha256_of(&bytes) != kept.sha256 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "what was kept of it was changed"));
        }
        Ok(bytes)
    }

    /// Whether some text is in any generation.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        self.file(&sha256_of(bytes)).exists()
    }

    /// Keeps the files of a configuration that was just put in force, and forgets the oldest.
    ///
    /// # Errors
    /// Those of reading and writing, and where a file is not what it was when it was read: what is kept of a generation
    /// was in force.
    pub fn keep(&self, number: u64, path: &Path, config: &Config, now: Timestamp) -> io::Result<Generation> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(self.folder.join("files"))?;
        let known = self.kept()?;
        let from = Before { last: known.last(), stamps: &config.stamps };
        let last = from.last;
        let mut files: Vec<Kept> = Vec::new();
        let lists: Vec<_> = config.categories.categories.iter().flat_map(|category| &category.lists).collect();
        let of_lists: HashSet<&Path> = lists.iter().flat_map(|list| &list.files).map(|file| &**file).collect();
        let own = config.files.iter().map(|file| &**file).filter(|file| file.is_file() && !of_lists.contains(file));
        for file in own {
            files.push(self.file_of(file, file, &from)?);
        }
        for list in lists {
            if list.refused.is_some() {
                // What is in force is what was before.
                let before = last.iter().flat_map(|last| &last.files);
                let path = absolute(&list.path)?;
                files.extend(before.filter(|kept| kept.path.starts_with(&path)).cloned());
                continue;
            }
            let fetched = list.files.len() == 1 && !list.files[0].starts_with(&list.path);
            for file in list.files.iter().filter(|file| file.is_file()) {
                files.push(self.file_of(if fetched { &list.path } else { file }, file, &from)?);
            }
        }
        files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        files.dedup_by(|one, other| one.path == other.path);
        let path = absolute(path)?;
        let same = last.filter(|last| texts(&last.files) == texts(&files) && last.config == path);
        let (since, time) = same.map_or((number, now), |last| (last.since, last.time));
        let generation = Generation { number, since, time, config: path, files };
        write(&self.told(number), &serde_json::to_vec(&generation)?)?;
        if let Some(same) = same.filter(|same| same.number != number) {
            fs::remove_file(self.told(same.number))?;
        }
        self.forget()?;
        Ok(generation)
    }

    fn told(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number}.json"))
    }

    fn file(&self, sha256: &str) -> PathBuf {
        self.folder.join("files").join(sha256)
    }

    /// A file as it was read, its text put aside unless it is there.
    fn file_of(&self, path: &Path, lay: &Path, from: &Before<'_>) -> io::Result<Kept> {
        let about = fs::metadata(lay)?;
        let modified = about.mtime().saturating_mul(1_000_000_000).saturating_add(about.mtime_nsec());
        let read = from.stamps.iter().find(|(file, ..)| file == lay);
        if read.is_some_and(|(_, length, at)| (*length, *at) != (about.len(), i128::from(modified))) {
            return Err(io::Error::other(format!("{} was changed while it was read", lay.display())));
        }
        let (path, lay) = (absolute(path)?, absolute(lay)?);
        let as_before = |kept: &&Kept| (&kept.lay, kept.length, kept.modified) == (&lay, about.len(), modified);
        if let Some(kept) = from.last.and_then(|last| last.files.iter().find(as_before))
            && sha256(&self.file(&kept.sha256)).is_ok_and(|sha256| sha256 == kept.sha256)
        {
            return Ok(Kept { path, ..kept.clone() });
        }
        let aside = self.folder.join("files/new");
        fs::copy(&lay, &aside)?;
        File::open(&aside)?.sync_all()?;
        let sha256 = sha256(&aside)?;
        fs::rename(&aside, self.file(&sha256))?;
        Ok(Kept { path, lay, sha256, length: about.len(), modified })
    }

    /// Forgets all but the last, and what only they held.
    fn forget(&self) -> io::Result<()> {
        let kept = self.kept()?;
        let (old, kept) = kept.split_at(kept.len().saturating_sub(KEPT));
        for generation in old {
            fs::remove_file(self.told(generation.number))?;
        }
        let needed: HashSet<&str> =
            kept.iter().flat_map(|generation| &generation.files).map(|file| &*file.sha256).collect();
        for file in fs::read_dir(self.folder.join("files"))? {
            let file = file?;
            if !file.file_name().to_str().is_some_and(|name| needed.contains(name)) {
                fs::remove_file(file.path())?;
            }
        }
        Ok(())
    }
}

/// What is known of files before they are kept.
struct Before<'a> {
    last: Option<&'a Generation>,
    /// What they were when they were read.
    stamps: &'a [Stamp],
}

/// What the files say, whatever the disk says of them.
fn texts(files: &[Kept]) -> Vec<(&Path, &str)> {
    files.iter().map(|file| (&*file.path, &*file.sha256)).collect()
}

/// The SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// Those of reading it.
pub fn sha256(path: &Path) -> io::Result<String> {
    let (mut file, mut context) = (File::open(path)?, digest::Context::new(&digest::SHA256));
    let mut piece = vec![0; 64 << 10];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex(&context.finish())),
            read => context.update(&piece[..read]),
        }
    }
}

/// The SHA-256 of octets, in hexadecimal.
pub fn sha256_of(octets: &[u8]) -> String {
    hex(&digest::digest(&digest::SHA256, octets))
}

fn hex(digest: &digest::Digest) -> String {
    digest.as_ref().iter().map(|octet| format!("{octet:02x}")).collect()
}

/// A generation's files in place of the disk.
pub(super) struct Past<'a> {
    pub(super) generations: &'a Generations,
    pub(super) files: &'a [Kept],
}

impl Shelf for Past<'_> {
    fn bytes(&self, file: &Path) -> io::Result<Vec<u8>> {
        let kept = self.files.iter().find(|kept| kept.path == file).ok_or(io::ErrorKind::NotFound)?;
        self.generations.bytes(kept)
    }

    fn folder(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let inside = self.files.iter().map(|kept| &kept.path).filter(|path| path.parent() == Some(folder));
        let inside: Vec<PathBuf> = inside.cloned().collect();
        if inside.is_empty() { Err(io::ErrorKind::NotADirectory.into()) } else { Ok(inside) }
    }
}

/// Reads the configuration of a generation as it was. `now` tells which exceptions have expired.
pub fn read_past(generations: &Generations, of: &Generation, now: Timestamp) -> super::Outcome {
    super::read_with(&of.config, now, &Past { generations, files: &of.files })
}
