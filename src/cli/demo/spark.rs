//! Small drawings in text: bars, and a line of columns.

use super::chance::whole;
use super::diary::Exchange;
use crate::cli::ink::{Ink, Style};

/// The lowest and the highest milliseconds that columns tell apart; between them each is the same factor above the last.
pub const LOW: f64 = 50.0;
pub const HIGH: f64 = 5_000.0;

impl Style {
    /// The columns, lowest first.
    fn columns(self) -> &'static [char] {
        if self.unicode {
            &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
        } else {
            &['.', ':', '-', '=', '+', '*', '#', '@']
        }
    }

    /// A bar of so many cells of which this part is full.
    pub fn bar(self, part: f64, cells: usize, ink: Ink) -> String {
        let (full, empty) = if self.unicode { ("█", "░") } else { ("#", ".") };
        let filled = usize::try_from(whole((part * cells as f64).round())).map_or(cells, |filled| filled.min(cells));
        self.paint(ink, &full.repeat(filled)) + &self.paint(Ink::Faint, &empty.repeat(cells - filled))
    }

    /// A line of so many cells over so many seconds: in each the slowest clinical work that was due then. A cell in which
    /// nothing was due is empty.
    pub fn line(self, course: &[Exchange], seconds: f64, cells: usize) -> String {
        let mut slowest: Vec<Option<f64>> = vec![None; cells];
        for exchange in course {
            let cell = usize::try_from(whole(exchange.at / seconds * cells as f64)).unwrap_or(cells);
            if let Some(slowest) = slowest.get_mut(cell) {
                *slowest = Some(slowest.map_or(exchange.took_ms, |other| other.max(exchange.took_ms)));
            }
        }
        let last = slowest.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        slowest[..last].iter().map(|slowest| slowest.map_or(" ".to_owned(), |ms| self.column(ms))).collect()
    }

    fn column(self, ms: f64) -> String {
        let columns = self.columns();
        let steps = (columns.len() - 1) as f64;
        let height = ((ms / LOW).ln() / (HIGH / LOW).ln() * steps).round();
        let at = usize::try_from(whole(height)).map_or(0, |at| at.min(columns.len() - 1));
        self.paint(latency(ms), &columns[at].to_string())
    }
}

/// What a clinician thinks of so many milliseconds.
pub fn latency(ms: f64) -> Ink {
    match ms {
        ..200.0 => Ink::Good,
        200.0..600.0 => Ink::Fair,
        _ => Ink::Poor,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { colour: false, unicode: true };

    #[test]
    fn a_bar_is_as_full_as_it_says_and_never_longer() {
        for (part, drawn) in [(0.0, "░░░░"), (0.5, "██░░"), (1.0, "████"), (7.0, "████"), (-1.0, "░░░░")]
        {
            assert_eq!(PLAIN.bar(part, 4, Ink::Good), drawn);
        }
        let ascii = Style { colour: true, unicode: false };
        assert_eq!(ascii.bar(0.5, 2, Ink::Poor), "\x1b[31m#\x1b[0m\x1b[2m.\x1b[0m");
    }

    #[test]
    fn a_line_shows_the_slowest_of_each_cell_and_ends_with_the_last() {
        let exchange = |at, took_ms| Exchange { at, took_ms, failed: false };
        let course = [exchange(0.1, 50.0), exchange(0.2, 5_000.0), exchange(2.5, 500.0), exchange(9.0, 1.0)];
        assert_eq!(PLAIN.line(&course, 4.0, 4), "█ ▅");
        assert_eq!(PLAIN.line(&[], 4.0, 4), "");
    }
}
