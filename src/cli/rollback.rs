//! `clearway rollback N`: puts the files of a kept generation back, and has the gateway read them.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use super::args::ConfigFile;
use super::{INTERNAL, NO, ask, load, write};
use crate::config::{Generation, Generations};
use crate::daemon;
use crate::portal;

/// A file that is not as it was, what it held then, and where it is.
struct Back {
    path: PathBuf,
    text: Vec<u8>,
    fetched: bool,
}

/// Goes back. What the files say now and no generation holds is put aside first.
pub fn run(config: &ConfigFile, number: u64) -> u8 {
    let dir = match load::place(config) {
        Ok((dir, _)) => dir,
        Err(code) => return code,
    };
    let generations = Generations::of(&dir);
    let Some(generation) = generations.find(number) else {
        write::note(&format!("error: generation {number} is not kept; {}", kept(&generations.kept())));
        return NO;
    };
    let done = changed(&generations, &generation).and_then(|backs| {
        backs.iter().try_for_each(|back| put(&generations, number, back))?;
        Ok(backs.len())
    });
    match done {
        Ok(0) => write::line(&format!("the files are as generation {number} had them")),
        Ok(_) => {}
        Err(error) => {
            write::note(&format!("error: {error}"));
            return INTERNAL;
        }
    }
    if !dir.join(portal::socket::FILE).exists() {
        write::line("no gateway runs here; the files count at its next start");
        return 0;
    }
    ask::reload(config, Some(number))
}

fn kept(kept: &[Generation]) -> String {
    let numbers: Vec<_> = kept.iter().map(|kept| kept.number.to_string()).collect();
    match numbers.is_empty() {
        true => "none is yet: a gateway keeps the last ten that were in force".to_owned(),
        false => format!("these are: {}; see `clearway history`", numbers.join(", ")),
    }
}

/// What is not as it was. Everything is read before anything is written.
fn changed(generations: &Generations, generation: &Generation) -> io::Result<Vec<Back>> {
    let mut backs = Vec::new();
    for kept in &generation.files {
        let text = generations.bytes(kept).map_err(|error| named(&kept.path, &error))?;
        let path = generation.folder.join(&kept.lay);
        // Where a link leads, so that it stays one.
        let path = fs::canonicalize(&path).unwrap_or(path);
        if fs::read(&path).ok().as_ref() != Some(&text) {
            backs.push(Back { path, text, fetched: kept.lay != kept.path });
        }
    }
    Ok(backs)
}

fn put(generations: &Generations, number: u64, back: &Back) -> io::Result<()> {
    let Back { path, text, fetched } = back;
    let failed = |error: io::Error| named(path, &error);
    let about = fs::metadata(path).ok();
    if let Some(now) = fs::read(path).ok().filter(|now| !generations.holds(now)) {
        let aside = beside(path, &format!("before-rollback-to-{number}"));
        fs::write(&aside, now).map_err(failed)?;
        write::line(&format!("kept   {} as {}: no generation holds it", path.display(), aside.display()));
    }
    let new = beside(path, "new");
    fs::write(&new, text).map_err(failed)?;
    if let Some(about) = about {
        fs::set_permissions(&new, about.permissions()).map_err(failed)?;
        chown(&new, Some(about.uid()), Some(about.gid())).map_err(failed)?;
    }
    fs::rename(&new, path).map_err(failed)?;
    if *fetched {
        daemon::went_back(path).map_err(failed)?;
    }
    write::line(&format!("wrote  {}", path.display()));
    Ok(())
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{end}"));
    path.with_file_name(name)
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
