//! What the tables keep beside a name or network: whose entry it is and where it stands, in few bytes.

use std::path::Path;
use std::sync::Arc;

use super::spec::Entry;
use crate::base::Source;

/// One entry without its pattern.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    /// The category's place in the file; the earlier wins a tie.
    pub category: u32,
    /// The file's number in `Files`.
    file: u32,
    line: u32,
    /// From a list rather than from the policy itself.
    pub imported: bool,
    /// Only the name itself, not the names under it.
    pub exact: bool,
}

impl Mark {
    /// The mark of an entry of the category with this number.
    pub fn new(category: u32, entry: &Entry, exact: bool, files: &mut Files) -> Self {
        let Source { file, line } = &entry.source;
        Mark { category, file: files.number(file), line: *line, imported: entry.imported, exact }
    }
}

/// The marks of one name or network, in the order in which they came; one a category and kind of match. Nearly every
/// name has one only, so the first is kept without an allocation.
#[derive(Clone, Debug)]
pub struct Marks {
    first: Mark,
    rest: Vec<Mark>,
}

impl Marks {
    /// With its first mark.
    pub fn new(first: Mark) -> Self {
        Marks { first, rest: Vec::new() }
    }

    /// Adds a mark, unless the category has one here already: two lists of a category often share names.
    pub fn push(&mut self, mark: Mark) {
        if !self.iter().any(|known| known.category == mark.category && known.exact == mark.exact) {
            self.rest.push(mark);
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Mark> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}

/// The files that entries stand in, each kept once.
#[derive(Clone, Debug, Default)]
pub struct Files(Vec<Arc<Path>>);

impl Files {
    /// Where a mark's entry stands.
    pub fn source(&self, mark: Mark) -> Source {
        Source { file: Arc::clone(&self.0[mark.file as usize]), line: mark.line }
    }

    /// Searches from the end, because the entries of a list come in one run.
    fn number(&mut self, file: &Arc<Path>) -> u32 {
        let known = self.0.iter().rposition(|known| Arc::ptr_eq(known, file) || known == file);
        let number = known.unwrap_or_else(|| {
            self.0.push(Arc::clone(file));
            self.0.len() - 1
        });
        // A configuration of more files than a u32 counts does not fit any machine.
        u32::try_from(number).unwrap_or(u32::MAX)
    }
}
