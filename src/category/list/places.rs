//! Where the entries of a list stand: for each its line, four octets.

use std::path::Path;
use std::sync::Arc;

use crate::base::Source;
use crate::category::segment::number;

/// The lines of a list's entries, by their numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Places {
    lines: Vec<u32>,
    /// From which entry on they stand in which file.
    files: Vec<(u32, Arc<Path>)>,
}

impl Places {
    /// From parts that were kept. `None` where they do not fit together.
    pub fn of(lines: Vec<u32>, files: Vec<(u32, Arc<Path>)>) -> Option<Self> {
        let in_order = files.windows(2).all(|two| two[0].0 <= two[1].0);
        let whole = lines.is_empty() || files.first().is_some_and(|(first, _)| *first == 0);
        (in_order && whole).then_some(Places { lines, files })
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Where an entry stands.
    pub fn source(&self, entry: u32) -> Source {
        let after = self.files.partition_point(|(first, _)| *first <= entry);
        let file = after.checked_sub(1).and_then(|at| self.files.get(at));
        Source {
            file: file.map_or_else(|| Arc::from(Path::new("")), |(_, file)| Arc::clone(file)),
            line: self.lines.get(entry as usize).copied().unwrap_or_default(),
        }
    }

    /// The lines by entry, and from which entry on they stand in which file.
    pub fn parts(&self) -> (&[u32], &[(u32, Arc<Path>)]) {
        (&self.lines, &self.files)
    }

    /// Makes room for so many more.
    pub(super) fn reserve(&mut self, more: usize) {
        self.lines.reserve_exact(more);
    }

    /// Gives back memory that was taken in advance.
    pub(super) fn settle(&mut self) {
        self.lines.shrink_to_fit();
    }

    /// The next entry.
    pub(super) fn push(&mut self, file: &Arc<Path>, line: u32) {
        if self.files.last().is_none_or(|(_, last)| !Arc::ptr_eq(last, file)) {
            self.files.push((number(self.lines.len()), Arc::clone(file)));
        }
        self.lines.push(line);
    }
}
