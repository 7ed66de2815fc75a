//! One file's text, and places in it.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::base::Source;

/// A file that was read. Its byte order mark is gone and does not count in columns.
#[derive(Debug)]
pub(super) struct Text {
    /// The file as messages name it.
    pub(super) file: Arc<Path>,
    /// What is in it.
    pub(super) text: String,
    /// The number of its first line: 1, but where only one line of a list is kept.
    first: u32,
    /// Where each line begins, in bytes.
    starts: Vec<usize>,
    /// The text without the lines that would mislead the parser about others.
    mended: OnceLock<String>,
}

/// A part of a file.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The file.
    pub(super) text: Arc<Text>,
    /// Which bytes.
    pub(super) span: Range<usize>,
}

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct Placed<T> {
    /// The value.
    pub(super) value: T,
    /// Where it stands.
    pub(super) place: Place,
}

impl Text {
    /// Decodes a file. Bytes that are not UTF-8 are replaced, so that reading can go on, and the offset of the first
    /// is given.
    pub(super) fn decode(file: Arc<Path>, bytes: &[u8]) -> (Arc<Text>, Option<usize>) {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let (text, broken) = match std::str::from_utf8(bytes) {
            Ok(text) => (text.to_owned(), None),
            Err(error) => (String::from_utf8_lossy(bytes).into_owned(), Some(error.valid_up_to())),
        };
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        (Arc::new(Text { file, text, first: 1, starts, mended: OnceLock::new() }), broken)
    }

    /// The line, from 1, of a byte.
    pub(super) fn line(&self, offset: usize) -> u32 {
        let line = u32::try_from(self.starts.partition_point(|start| *start <= offset)).unwrap_or(u32::MAX);
        line.saturating_add(self.first - 1)
    }

    /// A line without its end, and where it begins; empty beyond the last.
    pub(super) fn line_text(&self, line: u32) -> (usize, &str) {
        let index = usize::try_from(line.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let Some(start) = self.starts.get(index).copied() else {
            return (self.text.len(), "");
        };
        let end = self.starts.get(index + 1).copied().unwrap_or(self.text.len());
        let text = self.text.get(start..end).unwrap_or_default();
        (start, text.trim_end_matches(['\n', '\r']))
    }

    /// Keeps the text without the lines that would mislead the parser about others, for as long as this.
    pub(super) fn keep(&self, mended: String) -> &str {
        self.mended.get_or_init(|| mended)
    }

    /// The next line after one that begins a table, or the first beyond the end.
    pub(super) fn next_header(&self, line: u32) -> u32 {
        let lines = u32::try_from(self.starts.len()).unwrap_or(u32::MAX);
        let begins = |line: &u32| self.line_text(*line).1.trim_start().starts_with('[');
        (line.saturating_add(1)..=lines).find(begins).unwrap_or(lines.saturating_add(1))
    }
}

impl Place {
    /// Some bytes of a file.
    pub(super) fn new(text: &Arc<Text>, span: Range<usize>) -> Self {
        Place { text: text.clone(), span }
    }

    /// A line of a file whose text is not kept, or as much of it as is known.
    pub(super) fn of_line(file: &Arc<Path>, line: u32, text: &str) -> Self {
        let (file, text) = (Arc::clone(file), text.to_owned());
        let span = 0..text.len();
        Place {
            text: Arc::new(Text { file, text, first: line.max(1), starts: vec![0], mended: OnceLock::new() }),
            span,
        }
    }

    /// The line, from 1.
    pub(super) fn line(&self) -> u32 {
        self.text.line(self.span.start)
    }

    /// The file and line, for what a running gateway names as its reason.
    pub(super) fn source(&self) -> Source {
        Source { file: self.text.file.clone(), line: self.line() }
    }
}

impl<T> Placed<T> {
    /// Another value at the same place.
    pub(super) fn map<U>(self, make: impl FnOnce(T) -> U) -> Placed<U> {
        Placed { value: make(self.value), place: self.place }
    }
}
