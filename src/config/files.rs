//! The files of a configuration as they are opened: which were read, and the last good copies of lists beside them.

use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::check::category::ListDraft;
use super::disk::Stamp;
use super::problem::Problems;
use super::store::{Staged, Store};
use super::text::{Place, Text};
use crate::base::CategoryId;
use crate::category::list::kept::About;
use crate::category::list::{self, Origin, Shelf, Watch};
use crate::category::{List, Seed};

/// What a reader does with the last good copies of lists in the state directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// It looks at them where it may: a list that would be refused is told of.
    Look,
    /// The same, and looks at what a gateway needs on its machine beside the policy: certificates, and what its ways out
    /// leave by.
    Check,
    /// It uses them and keeps new ones, as a running gateway does.
    Write,
    /// The same, and takes every list as it is: a person went back to how the files were.
    Back,
}

/// Opens files, and remembers which.
pub(super) struct Files<'a> {
    pub(super) shelf: &'a dyn Shelf,
    /// What the keys of lists are made with.
    pub(super) seed: Seed,
    /// Where the last good copies of lists are.
    pub(super) store: Option<Store>,
    pub(super) keep: Keep,
    pub(super) problems: &'a Problems,
    pub(super) read: RefCell<Vec<Arc<Path>>>,
    /// What the files were that lists were made of some time ago.
    pub(super) stamps: RefCell<Vec<Stamp>>,
    /// Copies of lists that are to be kept if all is well.
    pub(super) staged: RefCell<Vec<Staged>>,
}

impl Files<'_> {
    /// The text of a file; where it cannot be read, that is recorded where the file was named.
    pub(super) fn open(&self, path: &Path, named: Option<&Place>) -> Option<Arc<Text>> {
        let file: Arc<Path> = Arc::from(path);
        let bytes = self.shelf.bytes(path).map_err(|error| self.unreadable(&file, named, &error)).ok()?;
        self.was_read(&file);
        let (text, broken) = Text::decode(file, &bytes);
        if let Some(at) = broken {
            let end = text.text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
            let message = "the file is not UTF-8: this character cannot be read";
            self.problems.syntax(&Place::new(&text, at..end), message, "save the file again as UTF-8", false);
        }
        Some(text)
    }

    /// Opens the store. Whoever may not look into it reads lists as they stand.
    pub(super) fn open_store(&mut self, state_dir: &Path, beside: &Path) {
        let writes = matches!(self.keep, Keep::Write | Keep::Back);
        match Store::open(state_dir, beside, writes) {
            Ok(store) => {
                self.seed = store.seed;
                self.store = Some(store);
            }
            Err(error) if writes => {
                tracing::error!(%error, "no copies of lists are kept: the state directory cannot be used for them");
            }
            Err(_) => {}
        }
    }

    /// A list: as it stands, or where it has not changed or should not be used as it is, the last good copy. Where there
    /// is none, why it cannot be read is recorded where it was named.
    pub(super) fn list(&self, category: &CategoryId, draft: &ListDraft, watch: Watch<'_>) -> Option<List> {
        let named = draft.file();
        let file = self.store.as_ref().filter(|_| draft.url.is_some()).map(|store| store.fetched(category, &named));
        let file = file.filter(|file| file.exists()).unwrap_or_else(|| named.clone());
        let good = self.store.as_ref().and_then(|store| Some((store, store.newest(category, &named)?)));
        let good = good.filter(|(_, (_, about))| about.format == draft.format.value);
        let guard = match &watch {
            Watch::Over(guard) => Some(guard.mark(&self.seed)),
            Watch::For(..) | Watch::Tell(_) => None,
        };
        let shared: Arc<Path> = Arc::from(&*file);
        self.was_read(&shared);
        if let (Some((store, (copy, about))), Some(guard)) = (&good, guard)
            && about.origin.guard == guard
            // It may have been made of the file at `path` before one was fetched, or the other way round.
            && about.origin.files.iter().any(|(made, ..)| made.starts_with(&file))
            && about.origin.stands()
            && let Some(list) = store.load(copy)
        {
            self.stamps.borrow_mut().extend(about.origin.files.iter().cloned());
            return Some(list);
        }
        let read = list::read(&file, draft.format.value, self.shelf, &self.seed, watch);
        let read = read.map(|list| List { path: Arc::from(&*named), ..list });
        let refusal = match (read, &good) {
            (Ok(list), good) => {
                let known = good.as_ref().filter(|_| self.keep != Keep::Back);
                let refusal = |about: &About| list.refusal(&about.counts, draft.max_change);
                match known.and_then(|(_, (_, about))| refusal(about)) {
                    Some(why) => why,
                    None => {
                        return Some(self.stage(category, &named, list, guard, draft.keep));
                    }
                }
            }
            (Err(error), Some(_)) => reason(&error),
            (Err(error), None) if draft.url.is_some() && error.kind() == io::ErrorKind::NotFound => {
                let message = "the list was not fetched yet, and there is no file to begin with: it is empty";
                self.problems.warning(
                    &draft.path.place,
                    message,
                    "put a first copy there, or wait until it is fetched",
                );
                return Some(List::empty(&named, draft.format.value));
            }
            (Err(error), None) => {
                self.unreadable(&shared, Some(&draft.path.place), &error);
                return None;
            }
        };
        let message = format!("the list is not taken: {refusal}; the last good copy stays");
        let hint = match refusal.starts_with("it is empty") {
            true => "if that is meant, take the list out of the category".to_owned(),
            false => {
                format!("if that is meant, allow it here: `max_change = \"{}%\"`", draft.max_change.saturating_mul(10))
            }
        };
        self.problems.warning(&draft.path.place, message, hint);
        let list = good.and_then(|(store, (copy, _))| store.load(&copy))?;
        Some(List { refused: Some(refusal), ..list })
    }

    /// Has a copy of a list ready to be kept. Its keys are left there.
    fn stage(&self, category: &CategoryId, named: &Path, list: List, guard: Option<u64>, most: usize) -> List {
        let Some(store) = &self.store else { return list };
        let origin = Origin::of(list.files.iter().map(|file| &**file), guard.unwrap_or_default());
        match store.stage(category, named, &list, &origin, most) {
            Ok(Some((keys, staged))) => {
                self.staged.borrow_mut().push(staged);
                List { keys, ..list }
            }
            Ok(None) => list,
            Err(error) => {
                tracing::warn!(%error, list = %named.display(), "no copy of the list is kept");
                list
            }
        }
    }

    fn was_read(&self, file: &Arc<Path>) {
        if !self.read.borrow().contains(file) {
            self.read.borrow_mut().push(file.clone());
        }
    }

    fn unreadable(&self, file: &Arc<Path>, named: Option<&Place>, error: &io::Error) {
        let hint = match (named, error.kind()) {
            (_, io::ErrorKind::FileTooLarge) => "take out what nobody asks for, or split it",
            (_, io::ErrorKind::IsADirectory | io::ErrorKind::InvalidInput) => {
                "name a regular file, or a link to one; nothing else is opened"
            }
            (_, io::ErrorKind::PermissionDenied) if self.keep == Keep::Check => {
                "nothing is known of it here; root may read it: `sudo clearway check`"
            }
            (_, io::ErrorKind::PermissionDenied) if self.keep == Keep::Look => {
                "root may read it: put `sudo` before the command"
            }
            (_, io::ErrorKind::PermissionDenied) => "let the user that runs the gateway read it",
            (_, io::ErrorKind::InvalidData) => "look at the file, and fetch it again",
            (None, _) => {
                "is the path right? It should lead to the file of a gateway, `clearway.toml`; `--help` says how to name it"
            }
            (Some(_), _) => "a relative path is relative to the file that names it",
        };
        let message = format!("cannot read {}: {}", super::value::quoted(&file.display().to_string()), reason(error));
        match named {
            Some(place) => self.problems.error(place, message, hint),
            None => self.problems.unreadable(file, message, hint),
        }
    }
}

/// Why a file could not be read, as a person says it.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound if error.get_ref().is_none() => "it does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    }
}
