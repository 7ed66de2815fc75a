//! `clearway rollback N`: puts the files of a kept generation back, and has the gateway read them.

use std::fs::{self, File, Metadata};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Component, Path, PathBuf, absolute};

use super::args::ConfigFile;
use super::{INTERNAL, NO, ask, load, write};
use crate::config::{Generation, Generations, Kept};
use crate::daemon;
use crate::portal;

/// A file that is not as it was.
struct Back {
    path: PathBuf,
    /// What it is to hold, in a file beside it that only has to be renamed.
    ready: PathBuf,
    /// It is what was fetched of a list.
    fetched: bool,
}

/// Where files may be written. What a gateway keeps is written by the process that faces the internet; this command may be
/// root's.
struct Bounds {
    /// The configuration's folder.
    folder: PathBuf,
    state_dir: PathBuf,
    /// What the configuration names elsewhere.
    named: Vec<PathBuf>,
}

/// Goes back. What the files say now and no generation holds is put aside first.
pub fn run(config: &ConfigFile, number: u64) -> u8 {
    let state_dir = match load::place(config) {
        Ok((dir, _)) => dir,
        Err(code) => return code,
    };
    let generations = Generations::of(&state_dir);
    let done = Bounds::of(config, &state_dir).and_then(|bounds| back(&generations, number, &bounds));
    match done {
        Ok(None) => return NO,
        Ok(Some(0)) => write::line(&format!("the files are as generation {number} had them")),
        Ok(Some(_)) => {}
        Err(error) => {
            write::note(&format!("error: {error}"));
            return INTERNAL;
        }
    }
    if !state_dir.join(portal::socket::FILE).exists() {
        write::line("no gateway runs here; the files count at its next start");
        return 0;
    }
    let code = ask::reload(config, Some(number));
    judge(&generations, number, code)
}

/// How many files were put back; `None` where the generation is not kept.
fn back(generations: &Generations, number: u64, bounds: &Bounds) -> io::Result<Option<usize>> {
    let kept = generations.kept().map_err(|error| named(Path::new("what is kept"), &error))?;
    let Some(generation) = kept.iter().find(|kept| kept.has(number)) else {
        let numbers: Vec<_> = kept.iter().map(|kept| kept.number.to_string()).collect();
        let others = match numbers.is_empty() {
            true => "none is yet: a gateway keeps the last ten that were in force".to_owned(),
            false => format!("these are: {}; see `clearway history`", numbers.join(", ")),
        };
        write::note(&format!("error: generation {number} is not kept; {others}"));
        return Ok(None);
    };
    let mut backs = Vec::new();
    let staged = stage(generations, generation, kept.last(), bounds, &mut backs);
    if let Err(error) = staged {
        backs.iter().for_each(|back| drop(fs::remove_file(&back.ready)));
        return Err(error);
    }
    for Back { path, ready, fetched } in &backs {
        fs::rename(ready, path).map_err(|error| named(path, &error))?;
        if *fetched {
            daemon::went_back(path).map_err(|error| named(path, &error))?;
        }
        write::line(&format!("wrote  {}", path.display()));
    }
    Ok(Some(backs.len()))
}

/// Has everything ready beside what it is to replace, before anything is replaced.
fn stage(
    generations: &Generations,
    generation: &Generation,
    newest: Option<&Generation>,
    bounds: &Bounds,
    backs: &mut Vec<Back>,
) -> io::Result<()> {
    for kept in &generation.files {
        let text = generations.bytes(kept).map_err(|error| named(&kept.path, &error))?;
        // What was fetched since stands before what lies at the path.
        let since = newest.and_then(|newest| newest.files.iter().find(|file| file.path == kept.path));
        let since = since.map(|file| &file.lay).filter(|lay| **lay != kept.lay);
        for lay in [Some(&kept.lay), since].into_iter().flatten() {
            let path = bounds.allow(lay)?;
            let failed = |error: io::Error| named(&path, &error);
            let about = fs::metadata(&path).ok();
            if about.as_ref().is_some_and(|about| !about.is_file()) {
                return Err(failed(io::Error::other("it is no regular file any more")));
            }
            let now = about.as_ref().and_then(|_| fs::read(&path).ok());
            if now.as_ref() == Some(&text) {
                continue;
            }
            if let Some(now) = now.filter(|now| !generations.holds(now)) {
                let aside = aside(&path, generation.number, &now, about.as_ref()).map_err(failed)?;
                write::line(&format!("kept   {} as {}: no generation holds it", path.display(), aside.display()));
            }
            let ready = beside(&path, ".", ".clearway-rollback");
            let _ = fs::remove_file(&ready);
            fresh(&ready, &text, about.as_ref()).map_err(failed)?;
            backs.push(Back { path, ready, fetched: *lay != kept.path });
        }
    }
    Ok(())
}

/// Whether what is in force now is what was; tells what is not.
fn judge(generations: &Generations, number: u64, code: u8) -> u8 {
    let kept = generations.kept().unwrap_or_default();
    let meant = kept.iter().find(|kept| kept.has(number));
    let (Some(now), Some(meant)) = (kept.last(), meant) else { return code };
    if code != 0 {
        let in_force = now.number;
        write::note(&format!(
            "the files are those of generation {number}, but {in_force} is in force: `clearway rollback {in_force}` puts its files back"
        ));
        return code;
    }
    let has = |of: &Generation, file: &Kept| {
        of.files.iter().any(|other| (&other.path, &other.sha256) == (&file.path, &file.sha256))
    };
    let other = meant.files.iter().filter(|file| !has(now, file)).map(|file| (file, "is not as it was"));
    let more = now.files.iter().filter(|file| !meant.files.iter().any(|was| was.path == file.path));
    let mut code = 0;
    for (file, how) in other.chain(more.map(|file| (file, "was not there then"))) {
        write::note(&format!("not as in generation {number}: {} {how}", now.name(file).display()));
        code = NO;
    }
    code
}

impl Bounds {
    fn of(config: &ConfigFile, state_dir: &Path) -> io::Result<Bounds> {
        let path = absolute(load::path(config))?;
        let named = load::read(config).files.iter().map(absolute).collect::<io::Result<_>>()?;
        let folder = path.parent().unwrap_or(&path).to_owned();
        Ok(Bounds { folder, state_dir: absolute(state_dir)?, named })
    }

    /// Where to write for a file, a link followed; an error where that is none of our business.
    fn allow(&self, path: &Path) -> io::Result<PathBuf> {
        let real = match fs::canonicalize(path) {
            Ok(real) => real,
            Err(_) => {
                let folder = fs::canonicalize(path.parent().unwrap_or(path)).map_err(|error| named(path, &error))?;
                folder.join(path.file_name().unwrap_or_default())
            }
        };
        let straight = !path.components().any(|part| part == Component::ParentDir);
        let allowed = if path.starts_with(&self.state_dir) {
            straight && fs::canonicalize(&self.state_dir).is_ok_and(|state_dir| real.starts_with(state_dir))
        } else {
            (straight && path.starts_with(&self.folder)) || self.named.iter().any(|named| named == path)
        };
        if allowed {
            return Ok(real);
        }
        let message = "it lies outside of the configuration's folder, and the configuration does not name it; put it back by hand";
        Err(named(path, &io::Error::other(message)))
    }
}

/// Puts a text aside under a name that nothing has.
fn aside(path: &Path, number: u64, text: &[u8], about: Option<&Metadata>) -> io::Result<PathBuf> {
    let name = format!(".before-rollback-to-{number}");
    let names = (1u32..).map(|at| if at == 1 { name.clone() } else { format!("{name}-{at}") });
    for name in names {
        let aside = beside(path, "", &name);
        match fresh(&aside, text, about) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            done => return done.map(|()| aside),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Writes a file that was not there, with the owner and mode of another; nobody else reads it meanwhile.
fn fresh(path: &Path, text: &[u8], like: Option<&Metadata>) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text)?;
    if let Some(like) = like {
        fchown(&file, Some(like.uid()), Some(like.gid()))?;
        file.set_permissions(like.permissions())?;
    }
    file.sync_all()
}

fn beside(path: &Path, front: &str, end: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(front);
    name.push(path.file_name().unwrap_or_default());
    name.push(end);
    path.with_file_name(name)
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
