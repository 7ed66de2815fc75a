//! Entries that take more than they should, and lines of lists that could not be read.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use crate::base::{CategoryId, Name};
use crate::category::{self, Entry, Pattern};
use crate::config::check::category::Categories;
use crate::config::problem::Problems;
use crate::config::text::{Place, Text};
use crate::config::value::meant;

/// So many warnings of one kind are written out for a list; the rest is counted.
const SHOWN: usize = 20;

/// Warnings about a list, of which only some are written out.
struct Some20<'a> {
    problems: &'a Problems,
    seen: HashMap<Arc<Path>, (usize, Place)>,
}

/// Warns of lines that are no entry.
pub(in crate::config) fn rejected(problems: &Problems, categories: &Categories) {
    let mut some = Some20::new(problems);
    for (category, draft) in categories.categories.iter().zip(&categories.drafts) {
        for (list, text) in category.lists.iter().zip(&draft.lists) {
            for line in &list.rejected {
                // The reader's reason and its hint stand on both sides of a semicolon.
                let (why, hint) = line.why.split_once("; ").unwrap_or((&line.why, "mend the line, or take it away"));
                let hint = meant(&line.text).unwrap_or_else(|| hint.to_owned());
                some.warn(Place::of_line(text, line.line), || (format!("the line is left out: it {why}"), hint));
            }
        }
    }
    some.finish("lines that are left out");
}

/// Warns of entries that cover everybody under a public suffix of the registries, such as `uk` or `nhs.uk`. Suffixes
/// that companies registered for their customers (`github.io`) can be meant.
pub(in crate::config) fn public_suffixes(problems: &Problems, categories: &Categories) {
    let mut some = Some20::new(problems);
    let texts = texts(categories);
    for (category, draft) in categories.categories.iter().zip(&categories.drafts) {
        for (at, entry) in category.entries.iter().enumerate() {
            let Pattern::Suffix(name) = &entry.pattern else { continue };
            if !is_public_suffix(name) {
                continue;
            }
            let say = || {
                let message =
                    format!("`{name}` is a public suffix: category `{}` takes every name under it", category.id);
                (message, format!("name the organisations under it, or write `={name}` for that name only"))
            };
            match (draft.own.get(at), place(entry, &texts)) {
                // Written by hand where the whole estate is meant to be.
                (Some(_), _) if category.protected => {}
                (Some(own), _) => {
                    let (message, hint) = say();
                    problems.warning(own, message, hint);
                }
                (None, Some(place)) => some.warn(place, say),
                (None, None) => {}
            }
        }
    }
    some.finish("public suffixes");
}

fn is_public_suffix(name: &Name) -> bool {
    psl::suffix(name.as_str().as_bytes())
        .is_some_and(|suffix| suffix == name.as_str() && suffix.typ() == Some(psl::Type::Icann))
}

/// Warns of list entries that would take a protected name into another category: those on or under a protected entry,
/// which therefore never match, and those above one, which leave it out.
pub(in crate::config) fn collisions(problems: &Problems, categories: &Categories) {
    let mut some = Some20::new(problems);
    let texts = texts(categories);
    let hint = "no list can take a protected name; take the entry out of the list if you keep it yourself";
    let mut said = HashSet::new();
    for collision in category::collisions(&categories.categories) {
        said.insert((&collision.entry.source.file, collision.entry.source.line));
        let Some(place) = place(collision.entry, &texts) else { continue };
        let protected = &collision.protected;
        some.warn(place, || {
            let message = format!(
                "`{}` would take a name of the protected category `{}` into `{}`: `{}` ({})",
                collision.entry.pattern, protected.category, collision.category, protected.entry, protected.source,
            );
            (message, format!("the entry has no effect: {hint}"))
        });
    }
    let above = above_protected(categories);
    for category in categories.categories.iter().filter(|category| !category.protected) {
        for entry in category.entries.iter().filter(|entry| entry.imported) {
            let Pattern::Suffix(name) = &entry.pattern else { continue };
            let Some((protected, of)) = above.get(name.as_str()) else { continue };
            if said.contains(&(&entry.source.file, entry.source.line)) {
                continue;
            }
            let Some(place) = place(entry, &texts) else { continue };
            some.warn(place, || {
                let message = format!(
                    "`{name}` would take a name of the protected category `{of}` into `{}`: `{}` ({}) lies under it",
                    category.id, protected.pattern, protected.source,
                );
                (message, format!("the entry leaves that name out: {hint}"))
            });
        }
    }
    some.finish("entries that would take a protected name");
}

/// Each name that has a protected one under it, with the first such.
fn above_protected(categories: &Categories) -> HashMap<&str, (&Entry, &CategoryId)> {
    let mut above = HashMap::new();
    for category in categories.categories.iter().filter(|category| category.protected) {
        for entry in &category.entries {
            // An exact entry lies under its own name too: a suffix entry of that name covers more.
            let (name, skip) = match &entry.pattern {
                Pattern::Suffix(name) => (name, 1),
                Pattern::Exact(name) => (name, 0),
                Pattern::Network(_) => continue,
            };
            for parent in name.suffixes().skip(skip) {
                above.entry(parent).or_insert((entry, &category.id));
            }
        }
    }
    above
}

fn texts(categories: &Categories) -> HashMap<&Arc<Path>, &Arc<Text>> {
    categories.drafts.iter().flat_map(|draft| &draft.lists).map(|text| (&text.file, text)).collect()
}

fn place(entry: &Entry, texts: &HashMap<&Arc<Path>, &Arc<Text>>) -> Option<Place> {
    texts.get(&entry.source.file).map(|text| Place::of_line(text, entry.source.line))
}

impl<'a> Some20<'a> {
    fn new(problems: &'a Problems) -> Self {
        Some20 { problems, seen: HashMap::new() }
    }

    fn warn(&mut self, place: Place, say: impl FnOnce() -> (String, String)) {
        let (count, last) = self.seen.entry(place.text.file.clone()).or_insert_with(|| (0, place.clone()));
        *count += 1;
        if *count <= SHOWN {
            let (message, hint) = say();
            self.problems.warning(&place, message, hint);
        }
        *last = place;
    }

    fn finish(self, what: &str) {
        for (count, last) in self.seen.into_values().filter(|(count, _)| *count > SHOWN) {
            let message = format!("the list has {count} {what}; this is the last, and {SHOWN} are shown");
            self.problems.warning(&last, message, "look at the list as a whole: is it what it should be?");
        }
    }
}
