//! The sheet as text for a terminal.

use std::fmt::Write as _;
use std::ops::Range;

use super::sheet::{Cell, Row, Sheet};

/// No line is longer, but for a path.
const WIDTH: usize = 100;
/// What the names of services have, their mark included.
const NAMES: usize = 30;
/// So many Trusts stand side by side; more than these have tables of their own.
const ABREAST: usize = 3;
/// Before the name of what Trusts answer differently.
const DIFFERS: &str = "≠ ";

/// All of it.
pub fn of(sheet: &Sheet) -> String {
    let mut text = heads(sheet);
    for first in (0..sheet.trusts.len()).step_by(ABREAST) {
        table(&mut text, sheet, first..sheet.trusts.len().min(first + ABREAST));
    }
    differences(&mut text, sheet);
    contradictions(&mut text, sheet);
    no_answer(&mut text, sheet);
    counts(&mut text, sheet);
    text
}

fn heads(sheet: &Sheet) -> String {
    let mut text = String::new();
    for trust in &sheet.trusts {
        let words = format!(
            "{}: {}, {}; of {} services it blocks {} always, {} at times, and says nothing of {}",
            trust.name,
            trust.file,
            trust.day,
            sheet.panel.len(),
            trust.blocked,
            trust.blocked_at_times,
            trust.silent,
        );
        wrapped(&mut text, "", "    ", &words);
    }
    text.push_str("a / b / c is one answer for each of morning (10:00), lunch (12:30) and night (22:00)\n");
    text.push_str("no answer: neither a category nor a rule speaks of it, and the default decides\n");
    text
}

fn counts(text: &mut String, sheet: &Sheet) {
    let of = |what: &str| sheet.differences.iter().filter(|one| one.of == what).count();
    let (services, categories) = (of("service"), of("category"));
    let (contradictions, silent) = (sheet.contradictions.len(), sheet.no_answer.len());
    let _ = write!(
        text,
        "\n{services} services and {categories} categories differ, {contradictions} contradictions, \
         {silent} services without an answer",
    );
}

/// Some of the Trusts, abreast.
fn table(text: &mut String, sheet: &Sheet, trusts: Range<usize>) {
    let column = ((WIDTH - NAMES) / trusts.len().max(1)).min(40);
    let names: Vec<String> = sheet.trusts[trusts.clone()].iter().map(|trust| trust.name.clone()).collect();
    let mut group = "";
    for row in sheet.panel.iter().chain(&sheet.categories) {
        if row.group != group {
            group = &row.group;
            text.push('\n');
            columns(text, &group.to_uppercase(), &names, column);
        }
        let mark = if row.differs { DIFFERS } else { "  " };
        let cells: Vec<String> = row.answers[trusts.clone()].iter().map(Cell::brief).collect();
        columns(text, &format!("{mark}{}", row.name), &cells, column);
    }
}

fn columns(text: &mut String, name: &str, cells: &[String], column: usize) {
    let mut line = format!("{:<NAMES$}", cut(name, NAMES - 1));
    for cell in cells {
        let _ = write!(line, "{:<column$}", cut(cell, column - 1));
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

/// As much of it as fits.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// Rows that are answered alike by each of the Trusts share a line.
fn differences(text: &mut String, sheet: &Sheet) {
    heading(text, "Differences", sheet.differences.len(), "the Trusts agree");
    let mut alike: Vec<(String, Vec<String>)> = Vec::new();
    for row in sheet.panel.iter().chain(&sheet.categories).filter(|row| row.differs) {
        let (said, of) = (told(row), if row.host.is_none() { "category " } else { "" });
        let name = format!("{of}{}", row.name);
        match alike.iter_mut().find(|(same, _)| *same == said) {
            Some((_, names)) => names.push(name),
            None => alike.push((said, vec![name])),
        }
    }
    for (said, names) in alike {
        wrapped(text, "  ", "      ", &format!("{DIFFERS}{said}"));
        wrapped(text, "      ", "      ", &names.join(", "));
    }
}

/// Each answer of a row, and whose it is.
fn told(row: &Row) -> String {
    let mut said: Vec<(String, Vec<&str>)> = Vec::new();
    for cell in row.answers.iter().filter(|cell| cell.day.is_some()) {
        let brief = cell.brief();
        match said.iter_mut().find(|(same, _)| *same == brief) {
            Some((_, trusts)) => trusts.push(&cell.trust),
            None => said.push((brief, vec![&cell.trust])),
        }
    }
    said.iter().map(|(brief, trusts)| format!("{}: {brief}", trusts.join(", "))).collect::<Vec<_>>().join("; ")
}

fn contradictions(text: &mut String, sheet: &Sheet) {
    heading(text, "Contradictions", sheet.contradictions.len(), "no policy contradicts itself");
    let mut trust = "";
    for finding in &sheet.contradictions {
        if finding.trust != trust {
            trust = &finding.trust;
            let _ = writeln!(text, "  {trust}");
        }
        let _ = writeln!(text, "    {}: {}", finding.place(), finding.kind.as_str());
        wrapped(text, "      ", "      ", &finding.words);
    }
}

fn no_answer(text: &mut String, sheet: &Sheet) {
    heading(text, "No answer", sheet.no_answer.len(), "every policy speaks of every service");
    for trust in &sheet.trusts {
        let of = sheet.no_answer.iter().filter(|one| one.trusts.iter().any(|said| said.trust == trust.name));
        let names: Vec<&str> = of.map(|one| one.name.as_str()).collect();
        if !names.is_empty() {
            let words = format!("{}, {}, default {}: {}", trust.name, names.len(), trust.default, names.join(", "));
            wrapped(text, "  ", "      ", &words);
        }
    }
}

fn heading(text: &mut String, name: &str, count: usize, none: &str) {
    let _ = match count {
        0 => writeln!(text, "\n{name}: none, {none}"),
        count => writeln!(text, "\n{name}: {count}"),
    };
}

/// Lines of at most the usual width, broken between words.
fn wrapped(text: &mut String, first: &str, rest: &str, words: &str) {
    let mut line = first.to_owned();
    let mut length = line.chars().count();
    let mut fresh = true;
    for word in words.split(' ') {
        let wide = word.chars().count();
        if !fresh && length + 1 + wide > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = rest.to_owned();
            length = line.chars().count();
            fresh = true;
        }
        if !fresh {
            line.push(' ');
            length += 1;
        }
        line.push_str(word);
        length += wide;
        fresh = false;
    }
    text.push_str(&line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_too_long_is_cut_and_says_so() {
        for (text, most, left) in [("block", 5, "block"), ("blocked", 5, "bloc…"), ("Newyddion ŵ", 11, "Newyddion ŵ")]
        {
            assert_eq!(cut(text, most), left);
        }
    }

    #[test]
    fn long_lines_are_broken_between_words() {
        let mut text = String::new();
        wrapped(&mut text, "  ", "    ", &"word ".repeat(60));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("    word")), "{text}");
        assert_eq!(text.matches("word").count(), 60);
    }
}
