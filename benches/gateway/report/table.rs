//! Tables in Markdown that read well as they stand, too.

use crate::account::Span;
use crate::figure::{GIB, Spread, Unit};
use crate::peer::{CLEARWAY, DIRECT, Peer};
use crate::run::Results;
use crate::scene::Row;

/// Every row that was measured, for every peer.
pub fn figures(results: &Results) -> String {
    let cell = |row: &Row, peer: &Peer| results.spread(row.key, &peer.name).map(|spread| row.unit.show(spread.median));
    table(&results.peers.iter().collect::<Vec<_>>(), results.rows(), cell)
}

/// Clearway's figures over each other's.
pub fn ratios(results: &Results) -> String {
    let others: Vec<&Peer> = results.peers.iter().filter(|peer| peer.name != CLEARWAY).collect();
    let cell = |row: &Row, peer: &Peer| results.ratio(row.key, CLEARWAY, &peer.name).map(|ratio| bracketed(&ratio));
    table(&others, results.rows().filter(|row| row.compared), cell)
}

fn bracketed(Spread { median, least, most }: &Spread) -> String {
    // One round has no spread.
    if least == most { format!("{median:.2}") } else { format!("{median:.2} ({least:.2}..{most:.2})") }
}

/// What client and origin took, and how busy cores were.
pub fn others(results: &Results) -> String {
    let cell = |row: &Row, peer: &Peer| {
        let scale = match row.unit {
            Unit::SecondsPerGib => GIB,
            Unit::Micros => 1e6,
            _ => return None,
        };
        let each = |what: fn(&Span) -> f64| median(results, row.key, peer, |span| what(span) / span.units * scale);
        let busy = |what: fn(&Span) -> f64| median(results, row.key, peer, |span| what(span) / span.seconds * 100.0);
        let (client, origin) = (each(|span| span.client)?, each(|span| span.origin)?);
        let mut text = format!("{} + {}, ", row.unit.show(client), row.unit.show(origin));
        text += &format!("{:.0}%", busy(|span| span.client + span.origin)?);
        if peer.name != DIRECT {
            text += &format!(", {:.0}%", busy(|span| span.proxy)?);
        }
        Some(text)
    };
    table(&results.peers.iter().collect::<Vec<_>>(), results.rows(), cell)
}

fn median(results: &Results, key: &str, peer: &Peer, what: impl Fn(&Span) -> f64) -> Option<f64> {
    let spans = results.of(&peer.name).flat_map(|sample| &sample.played.spans).filter(|(of, _)| *of == key);
    Spread::of(spans.map(|(_, span)| what(span)).collect()).map(|spread| spread.median)
}

/// Rows by peers; rows without any cell are left out.
fn table<'a>(
    peers: &[&Peer],
    rows: impl Iterator<Item = &'a Row>,
    cell: impl Fn(&Row, &Peer) -> Option<String>,
) -> String {
    let head = std::iter::once("work".to_owned()).chain(peers.iter().map(|peer| peer.name.clone())).collect();
    let mut lines: Vec<Vec<String>> = vec![head];
    for row in rows {
        let cells: Vec<Option<String>> = peers.iter().map(|peer| cell(row, peer)).collect();
        if cells.iter().any(Option::is_some) {
            let title = std::iter::once(row.title.to_owned());
            lines.push(title.chain(cells.into_iter().map(Option::unwrap_or_default)).collect());
        }
    }
    aligned(&lines)
}

/// The first column to the left, the others to the right.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map(Vec::len).unwrap_or_default();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let show = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).enumerate().map(|(at, (cell, width))| match at {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule = widths.iter().enumerate().map(|(at, width)| match at {
        0 => "-".repeat(*width),
        _ => format!("{}:", "-".repeat(width.saturating_sub(1))),
    });
    let rule = format!("| {} |", rule.collect::<Vec<_>>().join(" | "));
    let mut shown = lines.iter().map(show);
    shown.next().into_iter().chain([rule]).chain(shown).collect::<Vec<_>>().join("\n")
}
