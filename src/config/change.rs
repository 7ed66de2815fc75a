//! What one configuration says otherwise than another: rules by their names, categories, lists, and the gateway's own parts.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::spec::{Config, Feed, LogPlace, ProcessLog};
use crate::account::Access;
use crate::base::{CategoryId, EgressId};
use crate::category::{self, Category, Pattern};
use crate::policy::{Action, Rule};

/// So many entries of a category are named.
const ENTRIES: usize = 5;

/// What is not what it was.
#[derive(Debug, Default, Serialize)]
pub struct Change {
    /// New ones, in their order.
    pub added: Vec<Told>,
    /// Those that are gone.
    pub removed: Vec<Told>,
    /// Those that say something else, and what.
    pub changed: Vec<Changed>,
    /// Those that stand elsewhere among the ones that stayed: which comes first decides.
    pub moved: Vec<Moved>,
    /// What holds for what no rule names, before and now; absent where that stayed.
    pub default: Option<[&'static str; 2]>,
    /// Categories that are new.
    pub categories_added: Vec<String>,
    /// Categories that are gone.
    pub categories_removed: Vec<String>,
    /// Categories that are otherwise, and how.
    pub categories_changed: Vec<(String, String)>,
    /// Lists of which the number of entries changed: category, path, entries before and now; 0 where there was none.
    pub lists: Vec<(String, String, [usize; 2])>,
    /// Parts of the gateway that are new, gone or otherwise: `tube social`, `link`.
    pub parts: Vec<String>,
}

/// A rule.
#[derive(Debug, Serialize)]
pub struct Told {
    /// Its name.
    pub rule: String,
    /// Where it stands.
    pub place: String,
    /// What it says, in words.
    pub says: String,
    /// The last day of an exception.
    pub expires: Option<String>,
}

/// A rule that says something else.
#[derive(Debug, Serialize)]
pub struct Changed {
    /// Its name.
    pub rule: String,
    /// Where it stands now.
    pub place: String,
    /// Which key: what it said, and what it says.
    pub keys: Vec<(&'static str, String, String)>,
}

/// A rule that stands elsewhere.
#[derive(Debug, Serialize)]
pub struct Moved {
    /// Its name.
    pub rule: String,
    /// The rule that it came after, and the one that it comes after now; `None`: it comes first.
    pub after: [Option<String>; 2],
}

impl Change {
    /// Compares.
    pub fn of(old: &Config, new: &Config) -> Change {
        let (before, after) = (&old.policy.rules, &new.policy.rules);
        let find = |rules: &'_ [Rule], rule: &Rule| rules.iter().position(|other| other.id == rule.id);
        let only = |rules: &[Rule], others: &[Rule]| -> Vec<Told> {
            rules.iter().filter(|rule| find(others, rule).is_none()).map(Told::of).collect()
        };
        let both = after.iter().filter_map(|rule| Some((&before[find(before, rule)?], rule)));
        let changed = both.clone().filter_map(|(old, new)| {
            let keys = keys(old, new);
            (!keys.is_empty()).then(|| Changed { rule: new.id.to_string(), place: new.source.to_string(), keys })
        });
        let names = |config: &Config, other: &Config| -> Vec<String> {
            let known = |id| other.categories.categories.iter().any(|category| category.id == id);
            let ids = config.categories.categories.iter().map(|category| category.id.clone());
            ids.filter(|id| !known(id.clone())).map(|id| id.to_string()).collect()
        };
        let default = [old.policy.default, new.policy.default];
        Change {
            added: only(after, before),
            removed: only(before, after),
            changed: changed.collect(),
            moved: moved(before, after),
            default: (default[0] != default[1]).then(|| default.map(Action::as_str)),
            categories_added: names(new, old),
            categories_removed: names(old, new),
            categories_changed: categories(old, new),
            lists: lists(old, new),
            parts: parts(old, new),
        }
    }

    /// Whether nothing changed.
    pub fn is_none(&self) -> bool {
        self.lines().is_empty()
    }

    /// What a person reads: a word for what happened, and to what.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        if let Some([old, new]) = self.default {
            lines.push(("default", format!("what no rule names: {new} instead of {old}")));
        }
        lines.extend(self.categories_added.iter().map(|id| ("new", format!("category {id}"))));
        lines.extend(self.categories_removed.iter().map(|id| ("gone", format!("category {id}"))));
        lines.extend(self.categories_changed.iter().map(|(id, how)| ("changed", format!("category {id}: {how}"))));
        let whole = |told: &Told| format!("{}: {} ({})", told.rule, told.says, told.place);
        let word = |told: &Told| if told.expires.is_some() { "exception" } else { "new" };
        lines.extend(self.added.iter().map(|told| (word(told), whole(told))));
        lines.extend(self.removed.iter().map(|told| ("gone", whole(told))));
        for changed in &self.changed {
            let keys = changed.keys.iter().map(|(key, old, new)| format!("{key}: {new} instead of {old}"));
            let keys = keys.collect::<Vec<_>>().join("; ");
            lines.push(("changed", format!("{}: {keys} ({})", changed.rule, changed.place)));
        }
        for moved in &self.moved {
            let after =
                |rule: &Option<String>| rule.as_ref().map_or("first".to_owned(), |rule| format!("after {rule}"));
            let [was, is] = &moved.after;
            lines.push(("moved", format!("{}: {} instead of {}", moved.rule, after(is), after(was))));
        }
        for (category, list, [was, is]) in &self.lists {
            lines.push(("list", format!("{list} of {category}: {is} instead of {was} entries")));
        }
        lines.extend(self.parts.iter().map(|part| ("changed", part.clone())));
        lines
    }
}

/// What is otherwise in categories that both have.
fn categories(old: &Config, new: &Config) -> Vec<(String, String)> {
    let tube = |category: &Category| category.tube.as_ref().map_or("none".to_owned(), ToString::to_string);
    let protected = |category: &Category| if category.protected { "yes" } else { "no" };
    let mut found = Vec::new();
    for now in &new.categories.categories {
        let Some(was) = old.categories.categories.iter().find(|was| was.id == now.id) else { continue };
        let mut how = Vec::new();
        if was.tube != now.tube {
            how.push(format!("tube: {} instead of {}", tube(now), tube(was)));
        }
        if was.protected != now.protected {
            how.push(format!("protected: {} instead of {}", protected(now), protected(was)));
        }
        for (what, of, other) in [("new", now, was), ("gone", was, now)] {
            let known: HashSet<&Pattern> = other.entries.iter().map(|entry| &entry.pattern).collect();
            let only = of.entries.iter().map(|entry| &entry.pattern).filter(|pattern| !known.contains(pattern));
            let mut only: Vec<String> = only.map(ToString::to_string).collect();
            if only.len() > ENTRIES {
                let more = only.len() - ENTRIES;
                only.truncate(ENTRIES);
                only.push(format!("{more} more"));
            }
            if !only.is_empty() {
                how.push(format!("{what} {}", only.join(", ")));
            }
        }
        if !how.is_empty() {
            found.push((now.id.to_string(), how.join("; ")));
        }
    }
    if old.categories.other != new.categories.other {
        let how = format!("tube: {} instead of {}", new.categories.other, old.categories.other);
        found.push((category::OTHER.to_owned(), how));
    }
    found
}

/// Lists by category and path that have another number of entries.
fn lists(old: &Config, new: &Config) -> Vec<(String, String, [usize; 2])> {
    let mut counts = BTreeMap::<_, [usize; 2]>::new();
    for (side, config) in [old, new].into_iter().enumerate() {
        for category in &config.categories.categories {
            for list in &category.lists {
                let name = (category.id.to_string(), beside(config, &list.path).display().to_string());
                counts.entry(name).or_default()[side] += list.counts.entries();
            }
        }
    }
    let other = counts.into_iter().filter(|(_, [was, is])| was != is);
    other.map(|((category, list), counts)| (category, list, counts)).collect()
}

/// A path as the files say it: two configurations may stand in two folders.
fn beside<'a>(config: &Config, path: &'a Path) -> &'a Path {
    let folder = config.files.first().and_then(|file| file.parent());
    folder.and_then(|folder| path.strip_prefix(folder).ok()).unwrap_or(path)
}

/// What `[log]` says; files as they are named beside the configuration.
fn log(config: &Config) -> (bool, Access, ProcessLog) {
    let access = match &config.log.access {
        Access::File(path) => Access::File(beside(config, path).to_owned()),
        other => other.clone(),
    };
    let place = match &config.process.place {
        LogPlace::File(path) => LogPlace::File(beside(config, path).to_owned()),
        other => other.clone(),
    };
    (config.log.pseudonymise, access, ProcessLog { place, level: config.process.level })
}

/// What is no policy, by part: `tube social`.
fn parts(old: &Config, new: &Config) -> Vec<String> {
    let mut found = Vec::new();
    let mut whole = |name: &str, same: bool| {
        if !same {
            found.push(name.to_owned());
        }
    };
    whole("gateway", (&old.name, &old.drain, &old.upgrade_drain) == (&new.name, &new.drain, &new.upgrade_drain));
    whole("bank-holidays or time zone", old.calendar == new.calendar);
    whole("log", log(old) == log(new));
    whole("telemetry", old.telemetry == new.telemetry);
    whole("link", old.tubes.link == new.tubes.link);
    whole("dns", old.egress.dns == new.egress.dns);
    whole("guard", old.egress.guard == new.egress.guard);
    found.extend(named("listener", &old.listeners, &new.listeners, |one| one.id.to_string()));
    found.extend(named("tube", &old.tubes.tubes, &new.tubes.tubes, |one| one.id.to_string()));
    found.extend(named("egress", &old.egress.egresses, &new.egress.egresses, |one| one.id.to_string()));
    let feeds = |config: &Config| -> Vec<_> {
        let told = |feed: &Feed| {
            let Feed { category, path, url, refresh, egress, .. } = feed.clone();
            (category, beside(config, &path).to_owned(), url, refresh, egress)
        };
        config.feeds.iter().map(told).collect()
    };
    let source = |feed: &(CategoryId, PathBuf, String, Duration, Option<EgressId>)| feed.1.display().to_string();
    found.extend(named("where a list comes from,", &feeds(old), &feeds(new), source));
    found.extend(named("group", &old.clients.groups, &new.clients.groups, |one| one.id.to_string()));
    found
}

/// Those that are not on both sides alike.
fn named<T: PartialEq>(what: &str, old: &[T], new: &[T], name: impl Fn(&T) -> String) -> Vec<String> {
    let names = new.iter().chain(old).filter(|one| !(old.contains(one) && new.contains(one))).map(name);
    let mut found: Vec<String> = names.map(|name| format!("{what} {name}")).collect();
    found.sort();
    found.dedup();
    found
}

/// The rules that have to be taken out for the rest to stand in the order that they had: the fewest. Each is told by
/// the rule that it comes after.
fn moved(before: &[Rule], after: &[Rule]) -> Vec<Moved> {
    let places: Vec<(usize, usize)> = after
        .iter()
        .enumerate()
        .filter_map(|(now, rule)| Some((before.iter().position(|other| other.id == rule.id)?, now)))
        .collect();
    // The longest run of places that grows, by its length up to each and the one before.
    let mut best: Vec<(usize, Option<usize>)> = Vec::with_capacity(places.len());
    for (at, (place, _)) in places.iter().enumerate() {
        let longest = (0..at).filter(|other| places[*other].0 < *place).max_by_key(|other| best[*other].0);
        best.push((longest.map_or(1, |other| best[other].0 + 1), longest));
    }
    let mut stays = vec![false; places.len()];
    let mut next = (0..places.len()).max_by_key(|at| best[*at].0);
    while let Some(at) = next {
        stays[at] = true;
        next = best[at].1;
    }
    let left = places.iter().zip(&stays).filter(|(_, stays)| !**stays);
    let over = |rules: &[Rule], at: usize| at.checked_sub(1).map(|over| rules[over].id.to_string());
    left.map(|((was, now), _)| Moved {
        rule: after[*now].id.to_string(),
        after: [over(before, *was), over(after, *now)],
    })
    .collect()
}

impl Told {
    fn of(rule: &Rule) -> Told {
        Told {
            rule: rule.id.to_string(),
            place: rule.source.to_string(),
            says: says(rule),
            expires: rule.expires.map(|date| date.to_string()),
        }
    }
}

/// A rule in words: `block social-media for everybody, Mon-Fri 09:00-12:00`.
fn says(rule: &Rule) -> String {
    let to = some(&rule.to, "everything");
    let from = some(&rule.from, "everybody");
    let when = if rule.when.is_empty() { "always".to_owned() } else { list(&rule.when) };
    let tube = rule.tube.as_ref().map(|tube| format!(" in tube {tube}")).unwrap_or_default();
    let until = rule.expires.map(|date| format!(", until {date}")).unwrap_or_default();
    let watches = if rule.watches { "only watches: " } else { "" };
    format!("{watches}{} {to}{tube} for {from}, {when}{until}", rule.action.as_str())
}

fn some<T: ToString>(all: &[T], none: &str) -> String {
    if all.is_empty() { none.to_owned() } else { list(all) }
}

fn list<T: ToString>(all: &[T]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What two rules of one name say differently.
fn keys(old: &Rule, new: &Rule) -> Vec<(&'static str, String, String)> {
    let text = |rule: &Rule| {
        let owner = rule.owner.clone().unwrap_or_else(|| "nobody".to_owned());
        let reason = [&rule.reason.en, &rule.reason.cy].into_iter().flatten().cloned().collect::<Vec<_>>().join(" / ");
        let tube = rule.tube.as_ref().map_or("the category's".to_owned(), ToString::to_string);
        let expires = rule.expires.map_or("never".to_owned(), |date| date.to_string());
        [
            ("mode", if rule.watches { "watch" } else { "decide" }.to_owned()),
            ("action", rule.action.as_str().to_owned()),
            ("to", some(&rule.to, "everything")),
            ("from", some(&rule.from, "everybody")),
            ("when", some(&rule.when, "always")),
            ("tube", tube),
            ("owner", owner),
            ("reason", reason),
            ("expires", expires),
        ]
    };
    let pairs = text(old).into_iter().zip(text(new));
    pairs.filter(|(old, new)| old != new).map(|((key, old), (_, new))| (key, old, new)).collect()
}
