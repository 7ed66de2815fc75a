//! The picture: a small panel for each piece of work, a bar for each peer, shorter is better.

use std::fmt::Write as _;

use crate::figure::Spread;
use crate::peer::CLEARWAY;
use crate::run::Results;
use crate::scene::Row;

/// Told apart by people with any kind of sight, also in grey: Okabe and Ito, 2008.
const BLUE: &str = "#0072b2";
const GREY: &str = "#a6a6a6";
const INK: &str = "#222222";
const PALE: &str = "#666666";

const COLUMNS: usize = 2;
const MARGIN: f64 = 24.0;
const PANEL: f64 = 470.0;
/// Of a panel: where bars begin and how long they may be; the rest is for names and figures.
const NAMES: f64 = 150.0;
const LONGEST: f64 = 240.0;
const HEAD: f64 = 66.0;
const TITLE: f64 = 30.0;
const BAR: f64 = 19.0;
const GAP: f64 = 26.0;

struct Bar<'a> {
    name: &'a str,
    spread: Spread,
}

/// Draws everything that was measured and is drawn.
pub fn draw(results: &Results) -> String {
    let panels: Vec<(&Row, Vec<Bar<'_>>)> = results
        .rows()
        .filter(|row| row.drawn)
        .map(|row| (row, bars(results, row)))
        .filter(|(_, bars)| bars.len() > 1)
        .collect();
    let (mut body, mut top) = (String::new(), HEAD);
    for pair in panels.chunks(COLUMNS) {
        for (column, (row, bars)) in pair.iter().enumerate() {
            panel(&mut body, (MARGIN + column as f64 * PANEL, top), row, bars);
        }
        let most = pair.iter().map(|(_, bars)| bars.len()).max().unwrap_or_default();
        top += TITLE + most as f64 * BAR + GAP;
    }
    let (width, height) = (2.0 * MARGIN + COLUMNS as f64 * PANEL, top);
    let mut head = String::new();
    text(&mut head, (MARGIN, 30.0), 18.0, "start", INK, "What going through costs: shorter is better");
    let note = "Bars are medians over the rounds; thin lines reach from the least to the most. HAProxy only relays: no CONNECT, no names, no log.";
    text(&mut head, (MARGIN, 50.0), 12.0, "start", PALE, note);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n{head}{body}</svg>\n"
    )
}

fn bars<'a>(results: &'a Results, row: &Row) -> Vec<Bar<'a>> {
    let bar = |name: &'a str| results.spread(row.key, name).map(|spread| Bar { name, spread });
    results.peers.iter().filter_map(|peer| bar(&peer.name)).collect()
}

fn panel(body: &mut String, (x, y): (f64, f64), row: &Row, bars: &[Bar<'_>]) {
    text(body, (x, y + 14.0), 13.0, "start", INK, row.title);
    let most = bars.iter().map(|bar| bar.spread.most).fold(f64::MIN_POSITIVE, f64::max);
    let left = x + NAMES;
    let place = |figure: f64| left + figure.max(0.0) / most * LONGEST;
    for (at, Bar { name, spread }) in bars.iter().enumerate() {
        let top = y + TITLE + at as f64 * BAR;
        let (colour, words) = if *name == CLEARWAY { (BLUE, INK) } else { (GREY, PALE) };
        let (end, middle) = (place(spread.median), top + (BAR - 5.0) / 2.0);
        text(body, (left - 8.0, middle + 4.0), 12.0, "end", words, name);
        let _ = writeln!(
            body,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{}\" fill=\"{colour}\"/>",
            (end - left).max(1.0),
            BAR - 5.0
        );
        let (least, most) = (place(spread.least), place(spread.most));
        let _ = writeln!(body, "<path d=\"M{least:.1} {middle:.1}H{most:.1}\" stroke=\"{INK}\" stroke-width=\"1.2\"/>");
        text(body, (end.max(most) + 6.0, middle + 4.0), 12.0, "start", words, &row.unit.show(spread.median));
    }
}

fn text(body: &mut String, (x, y): (f64, f64), size: f64, anchor: &str, colour: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        body,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{words}</text>"
    );
}
