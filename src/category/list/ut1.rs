//! A folder as squidGuard has it and the University of Toulouse publishes: `domains`, `urls`, `expressions`. A name in
//! `domains` holds its subdomains; a line of `urls` is a host and how paths begin there; `usage` is for people.

use std::io;
use std::path::Path;

use super::lines::said;
use super::sheet::{Item, Sheet};
use super::shelf::Shelf;
use crate::category::key::Reach;

/// Reads a folder, or a file that is such a `domains`.
pub fn read(path: &Path, shelf: &dyn Shelf, sheet: &mut Sheet<'_>) -> io::Result<()> {
    let files = match shelf.folder(path) {
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            let bytes = shelf.bytes(path)?;
            sheet.look_at(&bytes);
            domains(&bytes, sheet);
            return Ok(());
        }
        files => files?,
    };
    let mut found = false;
    for (name, take) in [("domains", domains as Take), ("urls", urls), ("expressions", expressions)] {
        let Some(file) = files.iter().find(|file| file.file_name().is_some_and(|own| own == name)) else { continue };
        sheet.turn_to(file);
        let bytes = shelf.bytes(file)?;
        sheet.make_room(&bytes);
        take(&bytes, sheet);
        found = true;
    }
    if found {
        return Ok(());
    }
    let why = "the folder has none of `domains`, `urls` and `expressions`";
    Err(io::Error::new(io::ErrorKind::NotFound, why))
}

type Take = fn(&[u8], &mut Sheet<'_>);

fn domains(bytes: &[u8], sheet: &mut Sheet<'_>) {
    for (line, text) in said(bytes, '#') {
        // Squid's dot is often left in.
        sheet.put(line, Item::Host(text.trim_start_matches('.'), Reach::Suffix));
    }
}

fn urls(bytes: &[u8], sheet: &mut Sheet<'_>) {
    for (line, text) in said(bytes, '#') {
        let rest = text.split_once("://").map_or(&*text, |(_, rest)| rest);
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        sheet.put(line, Item::Url(host, path));
    }
}

fn expressions(bytes: &[u8], sheet: &mut Sheet<'_>) {
    for (line, text) in said(bytes, '#') {
        sheet.put(line, Item::Page(&text));
    }
}
