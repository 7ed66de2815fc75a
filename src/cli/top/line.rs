//! A line of the screen: pieces of text, each in an ink, never wider than the screen.

use crate::cli::ink::{Ink, Style};

/// Pieces of a line.
#[derive(Clone, Debug, Default)]
pub struct Line(Vec<(Option<Ink>, String)>);

impl Line {
    /// A line of one text.
    pub fn of(text: impl Into<String>) -> Line {
        Line::default().plain(text)
    }

    /// With a text in no ink. What steers a terminal is left out: names and reasons are written by others.
    #[must_use]
    pub fn plain(self, text: impl Into<String>) -> Line {
        self.piece(None, &text.into())
    }

    /// With a text in an ink.
    #[must_use]
    pub fn inked(self, ink: Ink, text: impl Into<String>) -> Line {
        self.piece(Some(ink), &text.into())
    }

    fn piece(mut self, ink: Option<Ink>, text: &str) -> Line {
        self.0.push((ink, text.chars().filter(|c| !c.is_control()).collect()));
        self
    }

    /// With spaces up to a column.
    #[must_use]
    pub fn to(self, column: usize) -> Line {
        let gap = column.saturating_sub(self.width());
        self.plain(" ".repeat(gap))
    }

    /// How many cells it takes; what is wider than a letter counts as one.
    pub fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// As it is written, cut to a width.
    pub fn drawn(&self, width: usize, style: Style) -> String {
        let mut left = width;
        let mut drawn = String::new();
        for (ink, text) in &self.0 {
            let shown: String = text.chars().take(left).collect();
            left -= shown.chars().count();
            match ink {
                Some(ink) if !shown.is_empty() => drawn.push_str(&style.paint(*ink, &shown)),
                _ => drawn.push_str(&shown),
            }
        }
        if self.0.iter().all(|(ink, _)| ink.is_none()) { drawn.trim_end().to_owned() } else { drawn }
    }
}

/// A text in lines of a width, broken between words.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
