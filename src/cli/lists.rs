//! `clearway lists`: a list made by others, before it is put into a policy.

use std::io;

use serde::Serialize;

use super::args::{ConfigFile, ListFile, Lists};
use super::{CONFIGURATION, NO, load, write};
use crate::category::list::{Counts, Watch, What};
use crate::category::{Guard, List, Reach, Seed};
use crate::config;

/// Runs one of them.
pub fn run(lists: &Lists) -> u8 {
    let done = match lists {
        Lists::Check(asked) => check(asked),
        Lists::Stat(asked) => stat(asked),
        Lists::Convert(asked) => convert(asked),
    };
    done.unwrap_or_else(|code| code)
}

fn check(asked: &ListFile) -> Result<u8, u8> {
    let (seed, guard) = guard(asked)?;
    let list = read(asked, &seed, Watch::Over(&guard))?;
    if asked.json {
        let of = |file: &std::path::Path, line: u32, text: &str, what: String| {
            let found = Found { file: file.display().to_string(), line, text: text.to_owned(), what };
            write::line(&serde_json::to_string(&found).unwrap_or_default());
        };
        list.rejected.iter().for_each(|line| of(&line.file, line.line, &line.text, line.why.clone()));
        list.notices.iter().for_each(|notice| of(&notice.file, notice.line, &notice.entry, notice.to_string()));
    } else {
        for line in &list.rejected {
            write::line(&format!("{}:{}: left out: `{}` {}", line.file.display(), line.line, line.text, line.why));
        }
        for notice in &list.notices {
            write::line(&format!("{}:{}: {notice}", notice.file.display(), notice.line));
        }
    }
    let Counts { rejected, notices, .. } = list.counts;
    let more = rejected - list.rejected.len() + notices - list.notices.len();
    if more > 0 {
        write::note(&format!("and {more} more of the kind"));
    }
    if list.counts.urls > 0 {
        let pages = counted(list.counts.urls, "page applies", "pages apply");
        write::note(&format!("{pages} to plain HTTP alone: of no use on tunnels, which show no path"));
    }
    let looks = list.looks_like.map(|like| format!("; it looks like `{like}`, not like `{}`", list.format));
    write::note(&format!(
        "{}: {}, {} left out, {} to look at{}",
        asked.path.display(),
        counted(list.counts.entries(), "entry", "entries"),
        counted(rejected, "line", "lines"),
        counted(notices, "entry", "entries"),
        looks.unwrap_or_default(),
    ));
    Ok(if list.counts.entries() == 0 || list.looks_like.is_some() { NO } else { 0 })
}

fn stat(asked: &ListFile) -> Result<u8, u8> {
    let guard = Guard::default();
    let list = read(asked, &Seed::of_process(), Watch::Over(&guard))?;
    let Counts { exact, suffix, under, networks, keywords, regexps, urls, exceptions, rejected, .. } = list.counts;
    let rows = [
        ("names with all under them", suffix),
        ("names only", exact),
        ("all under a name", under),
        ("networks and addresses", networks),
        ("keywords", keywords),
        ("regular expressions", regexps),
        ("pages, of no use on tunnels, which show no path", urls),
        ("of these, exceptions", exceptions),
        ("lines left out", rejected),
    ];
    if asked.json {
        let stat = Stat { suffix, exact, under, networks, keywords, regexps, urls, exceptions, rejected };
        write::line(&serde_json::to_string(&stat).unwrap_or_default());
    } else {
        rows.iter().for_each(|(what, count)| write::line(&format!("{count:>9}  {what}")));
    }
    Ok(0)
}

fn convert(asked: &ListFile) -> Result<u8, u8> {
    let mut left = [0usize; 4];
    let mut hear = |told: crate::category::list::Told<'_>| match (told.effect, told.what) {
        (Some(crate::category::list::Effect::Except | crate::category::list::Effect::Spare), _) => left[0] += 1,
        (_, What::Name(name, Reach::Suffix)) => write::line(name.as_str()),
        (_, What::Name(name, Reach::Exact)) => write::line(&format!("={name}")),
        (_, What::Name(_, Reach::Under)) => left[1] += 1,
        (_, What::Network(network)) => write::line(&network.to_string()),
        (_, What::Wild(_)) => left[2] += 1,
        (_, What::Url(_)) => left[3] += 1,
    };
    let list = read(asked, &Seed::of_process(), Watch::Tell(&mut hear))?;
    let kinds = [
        "exceptions",
        "entries that hold all under a name but not itself",
        "keywords and regular expressions",
        "pages",
    ];
    for (count, what) in left.into_iter().zip(kinds).filter(|(count, _)| *count > 0) {
        write::note(&format!("left out, for a plain list has none: {count} {what}"));
    }
    if list.counts.rejected > 0 {
        write::note(&format!(
            "left out, for they could not be read: {}",
            counted(list.counts.rejected, "line", "lines")
        ));
    }
    Ok(0)
}

fn read(asked: &ListFile, seed: &Seed, watch: Watch<'_>) -> Result<List, u8> {
    config::list(&asked.path, asked.format, seed, watch).map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::IsADirectory => "it is a folder; only ut1 lists are".to_owned(),
            _ => error.to_string(),
        };
        write::note(&format!("error: cannot read {}: {why}", asked.path.display()));
        CONFIGURATION
    })
}

/// What is watched over: what care needs, and what a configuration protects.
fn guard(asked: &ListFile) -> Result<(Seed, Guard), u8> {
    let Some(file) = &asked.config else {
        let seed = Seed::of_process();
        return Ok((seed, Guard::of_care(&seed)));
    };
    let config = load::config(&ConfigFile { file: Some(file.clone()) })?;
    Ok((config.categories.seed, Guard::of(&config.categories)))
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Something that `check` found.
#[derive(Serialize)]
struct Found {
    file: String,
    line: u32,
    text: String,
    what: String,
}

/// What `stat` counted.
#[derive(Serialize)]
struct Stat {
    suffix: usize,
    exact: usize,
    under: usize,
    networks: usize,
    keywords: usize,
    regexps: usize,
    urls: usize,
    exceptions: usize,
    rejected: usize,
}
