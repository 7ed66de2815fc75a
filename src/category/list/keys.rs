//! The keys of a list's entries, of which only the building of a table has need: in memory, or in the copy that is kept of
//! the list, so that a reload of millions of names does not hold them twice.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

/// One key for each entry, in their order; 0 for those that have no name.
#[derive(Clone, Debug)]
pub enum Keys {
    /// In memory.
    Here(Vec<u64>),
    /// Eight octets each, the lowest first, in an open file from an offset on.
    Kept(Arc<File>, u64, usize),
}

/// So many keys are read at once.
const PIECE: usize = 8 << 10;

impl Keys {
    /// Gives each key with its entry's number.
    ///
    /// # Errors
    /// Those of reading the copy.
    pub fn each(&self, mut take: impl FnMut(u32, u64)) -> io::Result<()> {
        let (file, from, count) = match self {
            Keys::Here(keys) => {
                (0..).zip(keys).for_each(|(entry, key)| take(entry, *key));
                return Ok(());
            }
            Keys::Kept(file, from, count) => (file, *from, *count),
        };
        let mut piece = vec![0; PIECE.min(count) * 8];
        let (mut entry, mut left, mut at) = (0, count, from);
        while left > 0 {
            let octets = &mut piece[..PIECE.min(left) * 8];
            file.read_exact_at(octets, at)?;
            for key in octets.as_chunks().0 {
                take(entry, u64::from_le_bytes(*key));
                entry += 1;
            }
            left -= octets.len() / 8;
            at += octets.len() as u64;
        }
        Ok(())
    }
}

impl Default for Keys {
    fn default() -> Self {
        Keys::Here(Vec::new())
    }
}

/// Wherever they are.
impl PartialEq for Keys {
    fn eq(&self, other: &Self) -> bool {
        let all = |keys: &Keys| {
            let mut all = Vec::new();
            keys.each(|_, key| all.push(key)).is_ok().then_some(all)
        };
        all(self) == all(other)
    }
}
