//! The sheet as one page of HTML that needs nothing else: to look at, and to print on A4.

use std::fmt::{self, Write as _};

use super::answer::{Answer, Kind};
use super::finding::About;
use super::sheet::{Cell, Row, Sheet};
use crate::cli::day::{Day, TIMES};

/// Text that a browser shows as it is, also inside an attribute.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A path, which may be broken into lines behind each folder.
fn path(text: &str) -> String {
    Plain(text).to_string().replace('/', "/<wbr>")
}

/// The whole page.
pub fn of(sheet: &Sheet) -> String {
    let mut page = String::new();
    let names: Vec<String> = sheet.trusts.iter().map(|trust| Plain(&trust.name).to_string()).collect();
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Policies side by side: {names}</title>\n<style>\n{}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#differences\">Skip to the findings</a>\n<header>\n\
         <h1>Policies side by side</h1>\n<p>What {names} answer on an ordinary working day: \
         in the morning (10:00), at lunch (12:30) and at night (22:00).</p>\n</header>\n<main>\n",
        include_str!("page.css"),
        names = names.join(", "),
    );
    summary(&mut page, sheet);
    section(&mut page, "differences", "Where they differ", |page| differences(page, sheet));
    section(&mut page, "contradictions", "Where a policy contradicts itself", |page| contradictions(page, sheet));
    section(&mut page, "no-answer", "What nobody decided", |page| no_answer(page, sheet));
    section(&mut page, "categories", "The categories of the policies", |page| {
        let caption = "Each category is asked about by a name of its own in each policy. Only policies that have it are \
                       compared.";
        table(page, sheet, "Category", caption, &sheet.categories);
    });
    section(&mut page, "panel", "Every service", |page| {
        let caption = "What a member of staff who is in no group is answered. Where one answer stands, it holds at all \
                       three times.";
        table(page, sheet, "Service", caption, &sheet.panel);
    });
    page.push_str(
        "</main>\n<footer>Made by <b>clearway audit</b>. The answers come from the function that judges live \
                   connections.</footer>\n</body>\n</html>\n",
    );
    page
}

fn section(page: &mut String, id: &str, name: &str, body: impl FnOnce(&mut String)) {
    let class = if matches!(id, "panel" | "categories") { " class=\"sheet\"" } else { "" };
    let _ = write!(page, "<section{class} aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{name}</h2>\n");
    body(page);
    page.push_str("</section>\n");
}

/// What a security manager reads in ten seconds.
fn summary(page: &mut String, sheet: &Sheet) {
    page.push_str("<section aria-labelledby=\"summary\">\n<h2 id=\"summary\">In short</h2>\n<dl class=\"counts\">\n");
    let care = sheet.contradictions.iter().filter(|one| one.kind <= About::CareWaits).count();
    let services = sheet.differences.iter().filter(|one| one.of == "service").count();
    for (name, count, told) in [
        ("Differences", services, format!("of {} services are answered differently", sheet.panel.len())),
        ("Contradictions", sheet.contradictions.len(), format!("within the policies; {care} of them about care")),
        ("No answer", sheet.no_answer.len(), "services that some policy says nothing of".to_owned()),
    ] {
        let _ = writeln!(page, "<div><dt>{name}</dt><dd>{count}</dd><dd>{told}</dd></div>");
    }
    page.push_str("</dl>\n");
    open(
        page,
        "Each policy by itself",
        "policies",
        &["Trust", "Blocked all day", "Blocked at times", "No answer", "Contradictions", "By default", "Asked about"],
    );
    for trust in &sheet.trusts {
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{}<small class=\"place\">{}</small></th><td>{}</td><td>{}</td><td>{}</td>\
             <td>{}</td><td>{}</td><td>{}</td></tr>",
            Plain(&trust.name),
            path(&trust.file),
            trust.blocked,
            trust.blocked_at_times,
            trust.silent,
            trust.contradictions,
            trust.default,
            Plain(&trust.day),
        );
    }
    close(page);
    page.push_str("<nav aria-label=\"On this page\"><ul>\n");
    for (id, name) in [
        ("differences", "Where they differ"),
        ("contradictions", "Where a policy contradicts itself"),
        ("no-answer", "What nobody decided"),
        ("categories", "The categories"),
        ("panel", "Every service"),
    ] {
        let _ = writeln!(page, "<li><a href=\"#{id}\">{name}</a></li>");
    }
    page.push_str("</ul></nav>\n</section>\n");
}

/// Begins a table that may be wider than a telephone: it can then be scrolled by keyboard too.
fn open(page: &mut String, caption: &str, class: &str, heads: &[&str]) {
    let _ = write!(
        page,
        "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"{caption}\">\n<table class=\"{class}\">\n\
         <caption>{caption}</caption>\n<thead><tr>",
        caption = Plain(caption),
    );
    for head in heads {
        let _ = write!(page, "<th scope=\"col\">{}</th>", Plain(head));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
}

fn close(page: &mut String) {
    page.push_str("</tbody>\n</table>\n</div>\n");
}

fn none(page: &mut String, words: &str) {
    let _ = writeln!(page, "<p class=\"none\">{words}</p>");
}

/// Services that are answered alike by each of the Trusts share a row.
fn differences(page: &mut String, sheet: &Sheet) {
    let mut alike: Vec<(String, Vec<String>)> = Vec::new();
    for row in sheet.panel.iter().filter(|row| row.differs) {
        let cells = cells(row);
        let name = Plain(&row.name).to_string();
        match alike.iter_mut().find(|(same, _)| *same == cells) {
            Some((_, names)) => names.push(name),
            None => alike.push((cells, vec![name])),
        }
    }
    if alike.is_empty() {
        return none(page, "Nowhere: all services are answered alike.");
    }
    let caption = "Services that are blocked here and allowed there, or clear here, ordinary there and slowed elsewhere. \
                   Those that are answered alike share a row.";
    open(page, caption, &panel(sheet, " alike"), &heads(sheet, "Services"));
    for (cells, names) in alike {
        let _ = writeln!(page, "<tr><th scope=\"row\">{}</th>{cells}</tr>", names.join(", "));
    }
    close(page);
}

fn contradictions(page: &mut String, sheet: &Sheet) {
    if sheet.contradictions.is_empty() {
        return none(page, "Nowhere: no policy contradicts itself.");
    }
    let heads = ["Kind", "What is wrong", "Where"];
    open(page, "What each policy says against itself, the gravest first.", "findings", &heads);
    for trust in &sheet.trusts {
        let of = sheet.contradictions.iter().filter(|one| one.trust == trust.name);
        let count = if trust.contradictions == 0 { "none".to_owned() } else { trust.contradictions.to_string() };
        group(page, &format!("{}: {count}", trust.name), heads.len());
        for finding in of {
            let _ = writeln!(
                page,
                "<tr><th scope=\"row\" class=\"kind\">{}</th><td>{}</td><td class=\"at place\">{}</td></tr>",
                finding.kind.as_str(),
                coded(&finding.words),
                path(&finding.place()),
            );
        }
    }
    close(page);
}

/// Words in which names stand between backticks.
fn coded(words: &str) -> String {
    let parts = words.split('`').map(|part| Plain(part).to_string()).enumerate();
    parts.map(|(at, part)| if at % 2 == 1 { format!("<code>{part}</code>") } else { part }).collect()
}

fn no_answer(page: &mut String, sheet: &Sheet) {
    if sheet.no_answer.is_empty() {
        return none(page, "Nothing: every policy speaks of every service.");
    }
    let caption = "Services that are in no category, and that no rule decides: the default decides, and nobody did.";
    open(page, caption, "findings", &["Trust", "By default", "Services"]);
    for trust in &sheet.trusts {
        let of = sheet.no_answer.iter().filter(|one| one.trusts.iter().any(|said| said.trust == trust.name));
        let names: Vec<String> = of.map(|one| Plain(&one.name).to_string()).collect();
        let list = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\" class=\"kind\">{}</th><td>{}</td><td>{}: {list}</td></tr>",
            Plain(&trust.name),
            trust.default,
            names.len(),
        );
    }
    close(page);
}

/// Of many Trusts only the answers are shown, and neither tubes nor rates.
fn panel(sheet: &Sheet, more: &str) -> String {
    const ROOMY: usize = 4;
    format!("panel{more}{}", if sheet.trusts.len() > ROOMY { " dense" } else { "" })
}

fn heads<'a>(sheet: &'a Sheet, first: &'a str) -> Vec<&'a str> {
    [first].into_iter().chain(sheet.trusts.iter().map(|trust| trust.name.as_str())).collect()
}

/// A row for each service or category, under the headings of their groups.
fn table(page: &mut String, sheet: &Sheet, first: &str, caption: &str, rows: &[Row]) {
    let heads = heads(sheet, first);
    open(page, caption, &panel(sheet, ""), &heads);
    let mut of = "categories";
    for row in rows {
        if row.group != of {
            of = &row.group;
            group(page, &capital(of), heads.len());
        }
        let about = row.host.as_deref().or(row.about.as_deref()).unwrap_or_default();
        let differs = if row.differs { " <span class=\"differs\">\u{2260} they differ</span>" } else { "" };
        let (name, about) = (Plain(&row.name), Plain(about));
        let _ = writeln!(page, "<tr><th scope=\"row\">{name}<small>{about}{differs}</small></th>{}</tr>", cells(row));
    }
    close(page);
}

/// Begins a group of rows, under its own heading.
fn group(page: &mut String, name: &str, columns: usize) {
    let _ = writeln!(
        page,
        "</tbody>\n<tbody>\n<tr class=\"group\"><th scope=\"rowgroup\" colspan=\"{columns}\">{}</th></tr>",
        Plain(name),
    );
}

fn cells(row: &Row) -> String {
    let mut cells = String::new();
    for answer in &row.answers {
        cell(&mut cells, answer, row.host.is_none());
    }
    cells
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn cell(page: &mut String, cell: &Cell, tell_host: bool) {
    let Some(day) = &cell.day else {
        let _ = write!(page, "<td><small>{}</small></td>", cell.missing.unwrap_or_default());
        return;
    };
    page.push_str("<td>");
    if day.map(|answer| (answer.gist(), answer.silent, &answer.tube)).steady().is_some() {
        said(page, &day.morning, &rates(day));
    } else {
        page.push_str("<ul class=\"through\">");
        for ((_, hour, minute), answer) in TIMES.iter().zip(day.each()) {
            let _ = write!(page, "<li><span class=\"time\">{hour}:{minute:02}</span><span>");
            said(page, answer, &answer.rate);
            page.push_str("</span></li>");
        }
        page.push_str("</ul>");
    }
    if let Some(host) = cell.host.as_ref().filter(|_| tell_host) {
        let _ = write!(page, "<small>as {}</small>", Plain(host));
    }
    page.push_str("</td>");
}

/// An answer, and below it the tube and its rate. The colour only repeats what the words say.
fn said(page: &mut String, answer: &Answer, rate: &str) {
    let (class, kind) = match answer.kind {
        _ if answer.silent => ("no-answer", ""),
        Kind::Clear => ("clear", ", clear"),
        Kind::Shared => ("shared", ""),
        Kind::Slowed => ("slowed", ", slowed"),
        Kind::Blocked => ("blocked", ""),
    };
    let words = if answer.silent { &answer.words } else { answer.action };
    let _ = write!(page, "<span class=\"{class}\">{words}{kind}</span>");
    if !answer.silent && !answer.is_blocked() {
        let most = if rate.is_empty() { "" } else { ", at most " };
        let _ = write!(page, "<small class=\"how\">in {}{most}{}</small>", Plain(&answer.tube), Plain(rate));
    }
}

/// The rates of a tube through the day: `30 Mbit/s down, at lunch 10 Mbit/s`.
fn rates(day: &Day<Answer>) -> String {
    let rates = day.map(|answer| if answer.rate.is_empty() { "no limit" } else { &answer.rate });
    let [morning, lunch, night] = rates.each().map(|rate| *rate);
    match (morning == lunch, morning == night) {
        (true, true) => day.morning.rate.clone(),
        (false, true) => {
            let way = morning.rsplit(' ').next().unwrap_or_default();
            format!("{morning}, at lunch {}", lunch.trim_end_matches(way).trim_end())
        }
        _ => [morning, lunch, night].join(" / "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_markup_is_shown_as_text() {
        assert_eq!(Plain("a<b> & \"c\" 'd'").to_string(), "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
        assert_eq!(Plain("Newyddion ŵ").to_string(), "Newyddion ŵ");
    }
}
