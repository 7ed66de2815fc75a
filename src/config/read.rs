//! Reads all files of a configuration and puts the checked parts together.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use toml::de::DeTable;

use super::check::category::{Categories, ListDraft};
use super::check::gateway::{Admin, Gateway};
use super::check::names::Names;
use super::check::policy::{Known, RuleDraft, TestDraft};
use super::check::{account, category, client, egress, gateway, listen, policy, tube};
use super::disk::{Disk, Stamp};
use super::document;
use super::lint;
use super::problem::{Problem, Problems, Severity};
use super::spec::Config;
use super::store::{Staged, Store};
use super::table::{Scope, Table};
use super::text::{Place, Placed, Text};
use crate::base::{Calendar, CategoryId, Name};
use crate::category::list::kept::About;
use crate::category::list::{self, Origin, Shelf, Watch};
use crate::category::{Format, List, Seed};
use crate::policy::Action;

/// What came of reading.
#[derive(Debug)]
pub struct Outcome {
    /// The configuration, if there is no error.
    pub config: Option<Config>,
    /// Errors and warnings, by file in the order of reading, then by line and column.
    pub problems: Vec<Problem>,
    /// Every file that was looked for, the one that was named first.
    pub files: Vec<Arc<Path>>,
}

impl Outcome {
    /// How many problems are errors, and how many warnings.
    pub fn count(&self) -> (usize, usize) {
        let errors = self.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
        (errors, self.problems.len() - errors)
    }
}

/// What a reader does with the last good copies of lists in the state directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// It looks at them where it may: a list that would be refused is told of.
    Look,
    /// It uses them and keeps new ones, as a running gateway does.
    Write,
    /// The same, and takes every list as it is: a person went back to how the files were.
    Back,
}

/// Reads a configuration from disk. `now` tells which exceptions have expired.
pub fn read(path: &Path, now: Timestamp, keep: Keep) -> Outcome {
    let disk = Disk::new(path);
    let mut outcome = read_all(path, now, &disk, Some(keep));
    if let Some(config) = &mut outcome.config {
        config.stamps.extend(disk.read.into_inner());
    }
    let lists = outcome.config.iter_mut().flat_map(|config| &mut config.categories.categories);
    for list in lists.flat_map(|category| &mut category.lists).filter_map(Arc::get_mut) {
        let file = list.files.first().unwrap_or(&list.path);
        let modified = std::fs::metadata(file).and_then(|about| about.modified());
        list.modified = modified.ok().and_then(|at| Timestamp::try_from(at).ok());
    }
    outcome
}

/// Reads one list from disk, as a configuration would.
///
/// # Errors
/// Those of reading its files.
pub fn list(path: &Path, format: Format, seed: &Seed, watch: Watch<'_>) -> io::Result<List> {
    list::read(path, format, &Disk::new(path), seed, watch)
}

/// Where a configuration says its state directory is, and its time zone, whatever else is wrong with it: a running gateway
/// must be reached while its files are being mended. `None` where the file cannot be read.
pub fn place(path: &Path) -> Option<(PathBuf, TimeZone)> {
    let text = std::fs::read_to_string(path).ok()?;
    let (table, _) = DeTable::parse_recoverable(&text);
    let gateway = table.get_ref().get("gateway");
    let named = |key| gateway.and_then(|gateway| gateway.get_ref().get(key)?.get_ref().as_str());
    let zone = named("timezone").and_then(|zone| TimeZone::get(zone).ok()).unwrap_or(TimeZone::UTC);
    Some((path.parent()?.join(named("state_dir").unwrap_or(gateway::STATE_DIR)), zone))
}

/// Reads a configuration whose files stand anywhere. Whatever they hold, it does not panic.
pub fn read_with(path: &Path, now: Timestamp, shelf: &dyn Shelf) -> Outcome {
    read_all(path, now, shelf, None)
}

fn read_all(path: &Path, now: Timestamp, shelf: &dyn Shelf, keep: Option<Keep>) -> Outcome {
    let problems = Problems::default();
    let read = RefCell::new(vec![Arc::from(path)]);
    let mut files = Files {
        shelf,
        seed: Seed::of_process(),
        store: None,
        keep: keep.unwrap_or(Keep::Look),
        problems: &problems,
        read,
        stamps: RefCell::default(),
        staged: RefCell::default(),
    };
    let parts = gateway_file(path, &files).map(|parts| {
        if keep.is_some() {
            files.open_store(&parts.gateway.state_dir, path.parent().unwrap_or(path));
        }
        let policy = policy_file(&parts, &files);
        check(&problems, &parts, &policy);
        warn(&problems, &parts, &policy, now);
        (parts, policy)
    });
    let Files { seed, store, read, stamps, staged, .. } = files;
    let staged = staged.into_inner();
    let read = read.into_inner();
    let config = match parts {
        Some((parts, policy)) if problems.errors() == 0 => {
            let feeds = category::feeds(&policy.categories, store.as_ref());
            let stamps = stamps.into_inner();
            for staged in &staged {
                if let Err(error) = staged.keep() {
                    tracing::warn!(%error, "no copy of a list is kept");
                }
            }
            Some(Config { feeds, stamps, ..config(parts, policy, seed, read.clone()) })
        }
        _ => {
            // What is refused whole leaves the last good copies as they are.
            staged.iter().for_each(Staged::forget);
            None
        }
    };
    Outcome { config, problems: problems.into_sorted(&read), files: read }
}

/// Opens files, and remembers which.
pub(super) struct Files<'a> {
    shelf: &'a dyn Shelf,
    /// What the keys of lists are made with.
    pub(super) seed: Seed,
    /// Where the last good copies of lists are.
    store: Option<Store>,
    keep: Keep,
    problems: &'a Problems,
    read: RefCell<Vec<Arc<Path>>>,
    /// What the files were that lists were made of some time ago.
    stamps: RefCell<Vec<Stamp>>,
    /// Copies of lists that are to be kept if all is well.
    staged: RefCell<Vec<Staged>>,
}

/// What `clearway.toml` says.
pub(super) struct GatewayFile {
    pub(super) gateway: Gateway,
    pub(super) admin: Admin,
    pub(super) log: crate::account::Spec,
    pub(super) dns: crate::egress::Dns,
    /// Each answer of `[dns] hosts` where it stands.
    pub(super) answers: Vec<(Name, Placed<std::net::IpAddr>)>,
    pub(super) guard: crate::egress::Guard,
    pub(super) listeners: Vec<listen::Draft>,
    pub(super) link: crate::tube::Link,
    pub(super) tubes: Vec<tube::Draft>,
    pub(super) egresses: Vec<egress::Draft>,
    /// It is not even TOML: lines of it were not read.
    pub(super) broken: bool,
}

/// What `policy.toml` says.
pub(super) struct PolicyFile {
    pub(super) calendar: Calendar,
    /// Those of the calendar, where they stand.
    pub(super) bank_holidays: Vec<Placed<Date>>,
    pub(super) default: Action,
    pub(super) categories: Categories,
    pub(super) groups: Vec<client::Draft>,
    pub(super) rules: Vec<RuleDraft>,
    pub(super) tests: Vec<TestDraft>,
    /// Something in it is wrong, so that what it does not say is not to be trusted.
    pub(super) faulty: bool,
    /// It is not even TOML: lines of it were not read, and what the others say without them is not what is meant.
    pub(super) broken: bool,
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
    fn open_store(&mut self, state_dir: &Path, beside: &Path) {
        let writes = self.keep != Keep::Look;
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
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound if error.get_ref().is_none() => "it does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    }
}

const IN_POLICY: &[&str] = &["default", "bank-holidays", "category", "group", "rule", "test"];
const IN_GATEWAY: &[&str] = &["gateway", "admin", "log", "dns", "listener", "link", "tube", "egress", "guard"];

fn gateway_file(path: &Path, files: &Files<'_>) -> Option<GatewayFile> {
    let text = files.open(path, None)?;
    let before = files.problems.errors();
    let document = document::parse(files.problems, &text);
    let broken = files.problems.errors() > before;
    let scope = Scope { text: &text, problems: files.problems };
    let mut root = Table::root(scope, &title(path), &document);
    let gateway = gateway::gateway(&mut root, path);
    let admin = gateway::admin(&mut root);
    let log = account::log(&mut root, path);
    let (dns, answers) = egress::dns(&mut root);
    let guard = egress::guard(&mut root);
    let listeners = listen::listeners(&mut root, &admin);
    let link = tube::link(&mut root);
    let tubes = tube::tubes(&mut root);
    let egresses = egress::egresses(&mut root);
    root.finish_with(IN_POLICY, "the policy file, which `[gateway] policy` names");
    Some(GatewayFile { gateway, admin, log, dns, answers, guard, listeners, link, tubes, egresses, broken })
}

fn policy_file(parts: &GatewayFile, files: &Files<'_>) -> PolicyFile {
    let errors = files.problems.errors();
    let calendar = Calendar { zone: parts.gateway.zone.clone(), bank_holidays: Default::default() };
    let categories = Categories::default();
    let mut policy = PolicyFile {
        calendar,
        bank_holidays: Vec::new(),
        default: Action::Block,
        categories,
        groups: Vec::new(),
        rules: Vec::new(),
        tests: Vec::new(),
        faulty: true,
        broken: true,
    };
    let Some(named) = &parts.gateway.policy else { return policy };
    let path = gateway::beside(&named.place.text.file, &named.value);
    let Some(text) = files.open(&path, Some(&named.place)) else { return policy };
    let before = files.problems.errors();
    let document = document::parse(files.problems, &text);
    policy.broken = files.problems.errors() > before;
    let scope = Scope { text: &text, problems: files.problems };
    let mut root = Table::root(scope, &title(&path), &document);
    policy.default = policy::default(&mut root);
    policy.bank_holidays = policy::bank_holidays(&mut root);
    policy.calendar.bank_holidays = policy.bank_holidays.iter().map(|day| day.value).collect();
    policy.categories = category::categories(&mut root, files);
    policy.groups = client::groups(&mut root);
    policy.rules = policy::rules(&mut root);
    policy.tests = policy::tests(&mut root, &policy.calendar.zone);
    root.finish_with(IN_GATEWAY, "the gateway's file, which names this one");
    policy.faulty = files.problems.errors() > errors;
    policy
}

/// How messages name a file.
fn title(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Records names that are used and nowhere defined.
fn check(problems: &Problems, parts: &GatewayFile, policy: &PolicyFile) {
    let categories = policy.categories.categories.iter().map(|category| category.id.as_str());
    let egresses = parts.egresses.iter().map(|draft| draft.egress.id.as_str());
    let rules = policy.rules.iter().map(|draft| draft.rule.id.as_str()).filter(|name| !name.is_empty());
    let known = Known {
        tubes: Names::new("tube", "tubes", parts.tubes.iter().map(|tube| tube.id.as_str())),
        egresses: Names::new("egress", "egresses", egresses.chain(["system"])),
        categories: Names::new("category", "categories", categories.chain(["other"])),
        groups: Names::new("group", "groups", policy.groups.iter().map(|draft| draft.group.id.as_str())),
        rules: Names::new("rule", "rules", rules),
    };
    egress::own_parents(problems, &parts.egresses, &parts.listeners, &parts.dns);
    tube::check(problems, &parts.tubes, &known.tubes, &known.egresses);
    category::check(problems, &policy.categories, &known.tubes);
    category::check_egresses(problems, &policy.categories, &known.egresses);
    policy::check(problems, &policy.rules, &policy.tests, &known);
}

/// Records what is legal and surely wrong. Parts with mistakes in them are left out: what they say is not what is meant.
fn warn(problems: &Problems, parts: &GatewayFile, policy: &PolicyFile, now: Timestamp) {
    // What nothing uses may be what a name with a mistake in it meant.
    if problems.errors() == 0 {
        lint::tube::unused(problems, &parts.tubes, &policy.categories, &policy.rules);
        lint::egress::unused(problems, &parts.egresses, &parts.tubes);
    }
    lint::listen::open_to_all(problems, &parts.listeners);
    lint::listen::admin_for_all(problems, &parts.admin);
    lint::egress::denied_answers(problems, &parts.answers, &parts.guard);
    if !parts.broken {
        lint::tube::ceilings(problems, &parts.link, &parts.tubes);
        lint::tube::floors(problems, &parts.link, &parts.tubes);
        lint::tube::hidden_peaks(problems, &parts.tubes);
        lint::tube::inner_priorities(problems, &parts.tubes);
    }
    if policy.broken {
        return;
    }
    let today = policy.calendar.local(now).date();
    if !policy.faulty {
        lint::category::unused(problems, &policy.categories, &policy.rules);
        lint::calendar::bank_holidays(problems, &policy.bank_holidays, &policy.rules, &parts.tubes, today);
    }
    lint::category::two_tubes(problems, &policy.categories);
    lint::category::lifted(problems, &policy.categories, &policy.rules, today);
    lint::category::empty_clinical(problems, &policy.categories, &parts.tubes);
    lint::list::formats(problems, &policy.categories);
    lint::list::rejected(problems, &policy.categories);
    lint::list::public_suffixes(problems, &policy.categories);
    lint::list::notices(problems, &policy.categories, &policy.rules, policy.default);
    lint::client::groups(problems, &policy.groups);
    lint::rule::expired(problems, &policy.rules, today);
    lint::rule::closed(problems, &policy.rules, &policy.calendar, now);
    lint::rule::covered(problems, &policy.rules, today);
    lint::rule::untranslated(problems, &policy.rules, today);
    lint::rule::double_windows(problems, &policy.rules);
    lint::rule::blocks_with_tube(problems, &policy.rules);
}

fn config(parts: GatewayFile, policy: PolicyFile, seed: Seed, files: Vec<Arc<Path>>) -> Config {
    let tubes: Vec<_> = parts.tubes.iter().map(tube::Draft::tube).collect();
    Config {
        name: parts.gateway.name,
        calendar: policy.calendar,
        state_dir: parts.gateway.state_dir,
        drain: parts.gateway.drain,
        upgrade_drain: parts.gateway.upgrade_drain,
        admin: parts.admin.address,
        log: parts.log,
        listeners: parts.listeners.into_iter().map(|draft| draft.spec).collect(),
        egress: crate::egress::Spec {
            egresses: parts.egresses.into_iter().map(|draft| draft.egress).collect(),
            dns: parts.dns,
            guard: parts.guard,
        },
        categories: category::spec(policy.categories, &tubes, seed),
        tubes: crate::tube::Spec { link: parts.link, tubes },
        clients: crate::client::Spec { groups: policy.groups.into_iter().map(|draft| draft.group).collect() },
        policy: crate::policy::Spec {
            default: policy.default,
            rules: policy.rules.into_iter().map(|draft| draft.rule).collect(),
        },
        tests: policy.tests.into_iter().map(|draft| draft.test).collect(),
        feeds: Vec::new(),
        stamps: Vec::new(),
        files,
    }
}
