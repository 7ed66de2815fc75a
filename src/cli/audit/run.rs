//! The command itself: reads, asks, shows.

use std::path::Path;

use super::sheet::Sheet;
use super::trust::{self, Trust};
use super::{page, panel, text};
use crate::base::clock;
use crate::cli::args::Audit;
use crate::cli::{INTERNAL, NO, write};

/// Puts the policies of several Trusts side by side. The answer is no where they differ or one contradicts itself.
pub fn run(asked: &Audit) -> u8 {
    let now = clock::wall();
    // Every file is read before any is given up, so that all mistakes are told at once.
    let read: Vec<Result<Trust, u8>> = asked.files.iter().map(|file| Trust::read(file, now)).collect();
    let mut trusts = match read.into_iter().collect::<Result<Vec<_>, u8>>() {
        Ok(trusts) => trusts,
        Err(code) => return code,
    };
    trust::tell_apart(&mut trusts);
    let sheet = Sheet::of(&trusts, &panel::services());
    if let Some(out) = &asked.html
        && let Err(code) = save(out, &page::of(&sheet))
    {
        return code;
    }
    if asked.json {
        write::line(&serde_json::to_string(&sheet).unwrap_or_default());
    } else {
        write::line(&text::of(&sheet));
    }
    if sheet.is_clean() { 0 } else { NO }
}

fn save(out: &Path, page: &str) -> Result<(), u8> {
    std::fs::write(out, page).map_err(|error| {
        write::note(&format!("error: cannot write {}: {error}", out.display()));
        INTERNAL
    })
}
