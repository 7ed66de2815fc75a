//! What a change does to names: every entry of both configurations is judged by both plans.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use serde::Serialize;

use super::Side;
use super::answer::{Answer, differ};
use crate::base::{Host, Target};
use crate::category::list::{Told, Watch, What};
use crate::category::{Pattern, Reach};
use crate::config;
use crate::flow::{Plan, Question};

/// Names and networks that are answered otherwise.
#[derive(Debug, Default, Serialize)]
pub struct Names {
    /// How many were judged.
    pub judged: usize,
    /// How many are answered otherwise at any of the times.
    pub changed: usize,
    /// By what changes.
    pub kinds: Vec<Kind>,
    /// Those that were in a protected category and are not any more, or the reverse.
    pub protected: Vec<Protected>,
    /// How many of those there are.
    pub protected_count: usize,
}

/// Names that change in the same way.
#[derive(Debug, Serialize)]
pub struct Kind {
    /// When it is so: at lunch, at all times, ..
    pub when: Vec<&'static str>,
    /// The answer before.
    pub old: Answer,
    /// The answer now.
    pub new: Answer,
    /// How many names.
    pub count: usize,
    /// Some of them.
    pub names: Vec<String>,
}

/// A name that a protected category has gained or lost.
#[derive(Debug, Serialize)]
pub struct Protected {
    /// The name.
    pub name: String,
    /// Whether a protected category has it now.
    pub is_protected: bool,
    /// The category before and now.
    pub categories: [String; 2],
}

/// So many names of a kind are shown.
const SHOWN: usize = 5;
/// So many names of protected categories are told, the rest is counted.
const TOLD: usize = 200;

/// An answer before and one now, and where in the row of times that is so.
type Change = (Vec<&'static str>, Answer, Answer);

struct Judging<'a> {
    old: &'a Side,
    new: &'a Side,
    times: &'a [(&'static str, Timestamp)],
    seen: HashSet<Host>,
    kinds: BTreeMap<Change, (usize, Vec<String>)>,
    names: Names,
}

impl Names {
    /// Judges all of them.
    pub fn of(old: &Side, new: &Side, times: &[(&'static str, Timestamp)]) -> Names {
        let (seen, kinds) = (HashSet::new(), BTreeMap::new());
        let mut judging = Judging { old, new, times, seen, kinds, names: Names::default() };
        for side in [old, new] {
            each(side, &mut |host| judging.judge(host));
        }
        let Judging { kinds, mut names, .. } = judging;
        let kind = |((when, old, new), (count, names))| Kind { when, old, new, count, names };
        names.kinds = kinds.into_iter().map(kind).collect();
        names.kinds.sort_by_key(|kind| std::cmp::Reverse(kind.count));
        names
    }

    /// Whether nothing changed.
    pub fn is_none(&self) -> bool {
        self.changed == 0 && self.protected_count == 0
    }
}

/// Every name and the first address of every network of a configuration.
fn each(side: &Side, take: &mut dyn FnMut(Host)) {
    for category in &side.config.categories.categories {
        for entry in &category.entries {
            take(match &entry.pattern {
                Pattern::Suffix(name) | Pattern::Exact(name) => Host::Name(name.clone()),
                Pattern::Network(network) => Host::from(network.network()),
            });
        }
        for list in &category.lists {
            let mut hear = |told: Told<'_>| match told.what {
                What::Name(name, Reach::Exact | Reach::Suffix) => take(Host::Name(name.clone())),
                // Any name under it stands for all of them.
                What::Name(name, Reach::Under) => format!("any.{name}").parse().into_iter().for_each(&mut *take),
                What::Network(network) => take(Host::from(network.network())),
                What::Wild(_) | What::Url(_) => {}
            };
            let file = list.files.first().unwrap_or(&list.path);
            let read = config::list(file, list.format, &side.config.categories.seed, Watch::Tell(&mut hear));
            if let Err(error) = read {
                super::write::note(&format!("{}: its names are not compared: {error}", file.display()));
            }
        }
    }
}

impl Judging<'_> {
    fn judge(&mut self, host: Host) {
        if !self.seen.insert(host.clone()) {
            return;
        }
        self.names.judged += 1;
        let target = Target { host, port: 443 };
        let mut changes: Vec<Change> = Vec::new();
        for (word, at) in self.times {
            let question = Question { groups: &[], target: &target, path: None, said: None, at: *at };
            let (old, new) = (self.old.plan.judge(&question), self.new.plan.judge(&question));
            if differ(&old, &new) {
                let (old, new) = (Answer::of(&old), Answer::of(&new));
                match changes.iter_mut().find(|(_, before, now)| *before == old && *now == new) {
                    Some((when, ..)) => when.push(word),
                    None => changes.push((vec![word], old, new)),
                }
            }
        }
        self.names.changed += usize::from(!changes.is_empty());
        for change in changes {
            let (count, names) = self.kinds.entry(change).or_default();
            *count += 1;
            if names.len() < SHOWN {
                names.push(target.host.to_string());
            }
        }
        self.protected(&target);
    }

    /// Whether a protected category has gained or lost it.
    fn protected(&mut self, target: &Target) {
        let of = |side: &Side| protected_by(&side.plan, side, target);
        let (old, new) = (of(self.old), of(self.new));
        if old.is_some() == new.is_some() {
            return;
        }
        self.names.protected_count += 1;
        if self.names.protected.len() < TOLD {
            let none = || "none".to_owned();
            let is_protected = new.is_some();
            let categories = [old.unwrap_or_else(none), new.unwrap_or_else(none)];
            self.names.protected.push(Protected { name: target.host.to_string(), is_protected, categories });
        }
    }
}

/// The protected category that has a target.
fn protected_by(plan: &Plan, side: &Side, target: &Target) -> Option<String> {
    let at = Timestamp::UNIX_EPOCH;
    let question = Question { groups: &[], target, path: None, said: None, at };
    let matches = plan.classify(&question);
    let protected =
        |id| side.config.categories.categories.iter().any(|category| category.protected && category.id == id);
    matches.categories().iter().find(|id| protected((**id).clone())).map(ToString::to_string)
}
