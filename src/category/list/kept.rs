//! A list as it is kept on disk: what was good survives a restart without network, and need not be read line by line again.
//! A header in JSON, then keys and lines as they are; a digest that only this gateway can make stands in front.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::keys::Keys;
use super::notice::{Notice, Trouble};
use super::sheet::{Counts, Effect, List, Rejected, Url};
use super::{Format, Places};
use crate::base::{CategoryId, Source};
use crate::category::guard::{Watched, Why};
use crate::category::key::Seed;
use crate::category::wild::Wild;

/// What a list was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Each file, its length in octets and when it was last modified, in nanoseconds.
    pub files: Vec<(PathBuf, u64, i128)>,
    /// The mark of the guard that looked at it.
    pub guard: u64,
}

/// The first octets of a file: what it is, and of which make.
const MAGIC: &[u8; 8] = b"cwlist01";

#[derive(Serialize, Deserialize)]
struct Header {
    origin: Origin,
    path: PathBuf,
    read: Vec<PathBuf>,
    format: String,
    entries: usize,
    files: Vec<(u32, PathBuf)>,
    networks: Vec<(String, u32)>,
    wild: Vec<(char, String, u32)>,
    urls: Vec<(String, String, u32)>,
    effects: Vec<(u32, char)>,
    counts: Counts,
    rejected: Vec<(PathBuf, u32, String, String)>,
    notices: Vec<Noticed>,
    looks_like: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Noticed {
    file: PathBuf,
    line: u32,
    entry: String,
    kind: char,
    watched: Option<Kin>,
}

/// What is watched over.
#[derive(Serialize, Deserialize)]
struct Kin {
    pattern: String,
    /// What care needs it for; else it is a protected category's.
    care: Option<String>,
    protected: Option<(String, PathBuf, u32)>,
}

/// The octets of a list and what it was made from.
///
/// # Errors
/// Those of reading its keys, where they are in a copy already.
pub fn encode(list: &List, origin: &Origin, seed: &Seed) -> io::Result<Vec<u8>> {
    let (lines, files) = list.places.parts();
    let header = Header {
        origin: origin.clone(),
        path: list.path.to_path_buf(),
        read: list.files.iter().map(|file| file.to_path_buf()).collect(),
        format: list.format.to_string(),
        entries: list.places.len(),
        files: files.iter().map(|(first, file)| (*first, file.to_path_buf())).collect(),
        networks: list.networks.iter().map(|(network, entry)| (network.to_string(), *entry)).collect(),
        wild: list.wild.iter().map(|(wild, entry)| (wild.kind(), wild.text().to_owned(), *entry)).collect(),
        urls: list.urls.iter().map(|(url, entry)| (url.host.to_string(), url.path.to_string(), *entry)).collect(),
        effects: list.effects.iter().map(|(entry, effect)| (*entry, effect.mark())).collect(),
        counts: list.counts,
        rejected: list
            .rejected
            .iter()
            .map(|line| (line.file.to_path_buf(), line.line, line.text.clone(), line.why.clone()))
            .collect(),
        notices: list.notices.iter().map(Noticed::of).collect(),
        looks_like: list.looks_like.map(|format| format.to_string()),
    };
    let header = serde_json::to_vec(&header).unwrap_or_default();
    let mut body = Vec::with_capacity(8 + header.len() + lines.len() * 12);
    body.extend((header.len() as u64).to_le_bytes());
    body.extend(header);
    list.keys.each(|_, key| body.extend(key.to_le_bytes()))?;
    lines.iter().for_each(|line| body.extend(line.to_le_bytes()));
    let mut octets = Vec::with_capacity(16 + body.len());
    octets.extend(MAGIC);
    octets.extend(seed.digest(&body).to_le_bytes());
    octets.extend(body);
    Ok(octets)
}

/// The keys of a copy with so many entries, left where they are.
///
/// # Errors
/// Those of asking how long the file is.
pub fn keys(copy: File, entries: usize) -> io::Result<Keys> {
    let from = copy.metadata()?.len().saturating_sub(entries as u64 * 12);
    Ok(Keys::Kept(Arc::new(copy), from, entries))
}

/// What a copy is, without its entries.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// What it was made from.
    pub origin: Origin,
    /// How it was written.
    pub format: Format,
    /// How many entries it has.
    pub counts: Counts,
}

/// What a copy is; `None` where the octets are not those that were written, or by another gateway.
pub fn about(octets: &[u8], seed: &Seed) -> Option<About> {
    let (Header { origin, format, counts, .. }, _) = header(octets, seed)?;
    Some(About { origin, format: format.parse().ok()?, counts })
}

fn header<'a>(octets: &'a [u8], seed: &Seed) -> Option<(Header, &'a [u8])> {
    let (digest, body) = octets.strip_prefix(MAGIC)?.split_first_chunk::<8>()?;
    if u64::from_le_bytes(*digest) != seed.digest(body) {
        return None;
    }
    let (length, rest) = body.split_first_chunk::<8>()?;
    let (header, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    Some((serde_json::from_slice(header).ok()?, rest))
}

/// The list again, with its keys in memory; `None` where the octets are not those that were written, or by another gateway.
pub fn decode(octets: &[u8], seed: &Seed) -> Option<List> {
    let (_, rest) = header(octets, seed)?;
    let list = decode_aside(octets, seed)?;
    let keys = rest[..list.places.len() * 8].as_chunks().0.iter().map(|octets| u64::from_le_bytes(*octets)).collect();
    Some(List { keys: Keys::Here(keys), ..list })
}

/// The list again without its keys; see [`keys`].
pub fn decode_aside(octets: &[u8], seed: &Seed) -> Option<List> {
    let (header, rest) = header(octets, seed)?;
    let (keys, lines) = rest.split_at_checked(header.entries.checked_mul(8)?)?;
    let lines: Vec<u32> = lines.as_chunks().0.iter().map(|octets| u32::from_le_bytes(*octets)).collect();
    if lines.len() != keys.len() / 8 {
        return None;
    }
    let shared = |path: PathBuf| -> Arc<Path> { Arc::from(path) };
    let files = header.files.into_iter().map(|(first, file)| (first, shared(file))).collect();
    let url =
        |(host, path, entry): (String, String, u32)| Some((Url { host: host.parse().ok()?, path: path.into() }, entry));
    Some(List {
        path: shared(header.path),
        files: header.read.into_iter().map(shared).collect(),
        format: header.format.parse().ok()?,
        places: Arc::new(Places::of(lines, files)?),
        keys: Keys::default(),
        networks: all(header.networks, |(network, entry)| Some((network.parse().ok()?, entry)))?,
        wild: all(header.wild, |(kind, text, entry)| Some((Wild::of(kind, &text)?, entry)))?,
        urls: all(header.urls, url)?,
        effects: all(header.effects, |(entry, mark)| Some((entry, Effect::of(mark)?)))?.into(),
        counts: header.counts,
        rejected: all(header.rejected, |(file, line, text, why)| {
            Some(Rejected { file: shared(file), line, text, why })
        })?,
        notices: all(header.notices, Noticed::notice)?,
        looks_like: header.looks_like.map(|format| format.parse::<Format>()).transpose().ok()?,
        refused: None,
        modified: None,
    })
}

fn all<A, B>(some: Vec<A>, each: impl Fn(A) -> Option<B>) -> Option<Vec<B>> {
    some.into_iter().map(each).collect()
}

impl Noticed {
    fn of(notice: &Notice) -> Self {
        let (kind, watched) = match &notice.trouble {
            Trouble::Takes(watched) => ('t', Some(watched)),
            Trouble::Above(watched) => ('a', Some(watched)),
            Trouble::PublicSuffix => ('s', None),
        };
        let watched = watched.map(|watched| {
            let (care, protected) = match &watched.why {
                Why::Care(what) => (Some(what.to_string()), None),
                Why::Protected { category, source } => {
                    (None, Some((category.to_string(), source.file.to_path_buf(), source.line)))
                }
            };
            Kin { pattern: watched.pattern.to_string(), care, protected }
        });
        Noticed { file: notice.file.to_path_buf(), line: notice.line, entry: notice.entry.clone(), kind, watched }
    }

    fn notice(self) -> Option<Notice> {
        let watched = || {
            let Kin { pattern, care, protected } = self.watched?;
            let why = match (care, protected) {
                (Some(what), _) => Why::Care(what.into()),
                (None, Some((category, file, line))) => {
                    Why::Protected { category: CategoryId::from(&*category), source: Source::new(file, line) }
                }
                (None, None) => return None,
            };
            Some(Arc::new(Watched { pattern: pattern.parse().ok()?, why }))
        };
        let trouble = match self.kind {
            't' => Trouble::Takes(watched()?),
            'a' => Trouble::Above(watched()?),
            's' => Trouble::PublicSuffix,
            _ => return None,
        };
        Some(Notice { file: Arc::from(self.file), line: self.line, entry: self.entry, trouble })
    }
}

impl Effect {
    const fn mark(self) -> char {
        match self {
            Effect::Except => 'x',
            Effect::Spare => 's',
            Effect::Insist => 'i',
        }
    }

    fn of(mark: char) -> Option<Effect> {
        [Effect::Except, Effect::Spare, Effect::Insist].into_iter().find(|effect| effect.mark() == mark)
    }
}
