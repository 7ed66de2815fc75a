//! A name that stands for a whole category: the first one of it that is really judged as that category.

use super::trust::Trust;
use crate::base::{Host, Name, Target};
use crate::category::list::{Watch, What};
use crate::category::{Category, Pattern, Reach};
use crate::config;

/// So many names of a list are tried: the first are as good as any, and a list may have millions.
const TRIED: usize = 200;
/// What is asked on behalf of a name.
const PORT: u16 = 443;

/// A target of the category; none where every name of it is taken by another category, or it is empty.
pub fn of(trust: &Trust, category: &Category) -> Option<Target> {
    let id = category.id.as_str();
    let own: Vec<Target> = category.entries.iter().map(|entry| target(&entry.pattern)).collect();
    let first = |targets: &[Target]| {
        targets.iter().find(|target| trust.categories_of(target).first().is_some_and(|first| first == id)).cloned()
    };
    let any = |targets: &[Target]| {
        targets.iter().find(|target| trust.categories_of(target).iter().any(|one| one == id)).cloned()
    };
    if let Some(target) = first(&own) {
        return Some(target);
    }
    let listed = listed(trust, category);
    first(&listed).or_else(|| any(&own)).or_else(|| any(&listed))
}

fn target(pattern: &Pattern) -> Target {
    let host = match pattern {
        Pattern::Suffix(name) | Pattern::Exact(name) => Host::Name(name.clone()),
        Pattern::Network(network) => Host::Addr(network.network()),
    };
    Target { host, port: PORT }
}

/// The plan keeps a list's names as keys only, so the files are looked into again.
fn listed(trust: &Trust, category: &Category) -> Vec<Target> {
    let mut found = Vec::new();
    for list in &category.lists {
        let mut hear = |told: crate::category::list::Told<'_>| {
            if found.len() >= TRIED || told.effect.is_some() {
                return;
            }
            let host = match told.what {
                What::Name(name, Reach::Suffix | Reach::Exact) => Host::Name(Name::clone(name)),
                What::Network(network) => Host::Addr(network.network()),
                _ => return,
            };
            found.push(Target { host, port: PORT });
        };
        // What could be read a moment ago and now cannot is no mistake of the policy: the category has no example.
        let _ = config::list(&list.path, list.format, &trust.config.categories.seed, Watch::Tell(&mut hear));
    }
    found
}
