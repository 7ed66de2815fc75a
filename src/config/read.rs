//! Reads all files of a configuration and puts the checked parts together.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use toml::de::DeTable;

use super::check::category::Categories;
use super::check::gateway::{Admin, Gateway};
use super::check::names::Names;
use super::check::policy::{Known, RuleDraft, TestDraft};
use super::check::{account, category, client, egress, gateway, listen, pac, policy, tube};
use super::disk::Disk;
use super::document;
use super::files::{Files, Keep};
use super::lint;
use super::problem::{Problem, Problems, Severity};
use super::spec::Config;
use super::store::Staged;
use super::table::{Scope, Table};
use super::text::Placed;
use crate::base::{Calendar, Name};
use crate::category::list::{self, Shelf, Watch};
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
        // Who only asks what the policy says need not be on the machine that has the keys and the lines.
        if keep.is_some_and(|keep| keep != Keep::Look) {
            lint::certificate::certificates(&problems, &parts.listeners, (shelf, keep == Some(Keep::Check)), now);
            lint::here::egresses(&problems, &parts.egresses);
        }
        if keep == Some(Keep::Check) {
            // Who runs finds out when it opens them.
            lint::here::listeners(&problems, &parts.listeners);
        }
        lint::all::warn(&problems, &parts, &policy, now);
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

/// What `clearway.toml` says.
pub(super) struct GatewayFile {
    pub(super) gateway: Gateway,
    pub(super) admin: Admin,
    pub(super) log: crate::account::Spec,
    pub(super) process: super::spec::ProcessLog,
    pub(super) telemetry: Option<crate::account::Collector>,
    pub(super) dns: crate::egress::Dns,
    /// Each answer of `[dns] hosts` where it stands.
    pub(super) answers: Vec<(Name, Placed<std::net::IpAddr>)>,
    pub(super) guard: crate::egress::Guard,
    pub(super) listeners: Vec<listen::Draft>,
    pub(super) pac: crate::listen::Pac,
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

const IN_POLICY: &[&str] = &["default", "bank-holidays", "category", "group", "rule", "test"];
const IN_GATEWAY: &[&str] =
    &["gateway", "admin", "log", "dns", "listener", "pac", "link", "tube", "egress", "guard", "telemetry"];

fn gateway_file(path: &Path, files: &Files<'_>) -> Option<GatewayFile> {
    let text = files.open(path, None)?;
    let before = files.problems.errors();
    let document = document::parse(files.problems, &text);
    let broken = files.problems.errors() > before;
    let scope = Scope { text: &text, problems: files.problems };
    let mut root = Table::root(scope, &title(path), &document);
    let gateway = gateway::gateway(&mut root, path);
    let admin = gateway::admin(&mut root);
    let (log, process) = account::log(&mut root, path);
    let telemetry = account::telemetry(&mut root, &gateway.name);
    let (dns, answers) = egress::dns(&mut root);
    let guard = egress::guard(&mut root);
    let listeners = listen::listeners(&mut root, &admin);
    let pac = pac::pac(&mut root);
    let link = tube::link(&mut root);
    let tubes = tube::tubes(&mut root);
    let egresses = egress::egresses(&mut root);
    root.finish_with(IN_POLICY, "the policy file, which `[gateway] policy` names");
    Some(GatewayFile {
        gateway,
        admin,
        log,
        process,
        telemetry,
        dns,
        answers,
        guard,
        listeners,
        pac,
        link,
        tubes,
        egresses,
        broken,
    })
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
        process: parts.process,
        telemetry: parts.telemetry,
        listeners: parts.listeners.into_iter().map(|draft| draft.spec).collect(),
        pac: parts.pac,
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
