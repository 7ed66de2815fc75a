//! Entries that take more than they should, and lines of lists that could not be read.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::category::Pattern;
use crate::category::list::{Notice, Trouble, is_public_suffix};
use crate::config::check::category::Categories;
use crate::config::check::policy::RuleDraft;
use crate::config::problem::Problems;
use crate::config::text::Place;
use crate::config::value::meant;
use crate::policy::{Action, Rule};

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
    for list in categories.categories.iter().flat_map(|category| &category.lists) {
        for line in &list.rejected {
            // The reader's reason and its hint stand on both sides of a semicolon.
            let (why, hint) = line.why.split_once("; ").unwrap_or((&line.why, "mend the line, or take it away"));
            let hint = meant(&line.text).unwrap_or_else(|| hint.to_owned());
            some.warn(Place::of_line(&line.file, line.line, &line.text), || {
                (format!("the line is left out: it {why}"), hint)
            });
        }
        some.more(&list.path, list.counts.rejected - list.rejected.len());
    }
    some.finish("lines that are left out");
}

/// Warns of lists that look like another format than was declared: the same bytes would mean something else.
pub(in crate::config) fn formats(problems: &Problems, categories: &Categories) {
    for list in categories.categories.iter().flat_map(|category| &category.lists) {
        if let Some(like) = list.looks_like {
            let message = format!("the list looks like `{like}`, and is read as `{}`", list.format);
            let hint = format!("if so, write `format = \"{like}\"` where the policy names it");
            problems.warning(&Place::of_line(&list.path, 1, ""), message, hint);
        }
    }
}

/// Warns of a policy's own entries that cover everybody under a public suffix of the registries, such as `uk` or `nhs.uk`.
pub(in crate::config) fn public_suffixes(problems: &Problems, categories: &Categories) {
    for (category, draft) in categories.categories.iter().zip(&categories.drafts) {
        // Written by hand where the whole estate is meant to be.
        for (entry, own) in category.entries.iter().zip(&draft.own).filter(|_| !category.protected) {
            let Pattern::Suffix(name) = &entry.pattern else { continue };
            if is_public_suffix(name) {
                let message =
                    format!("`{name}` is a public suffix: category `{}` takes every name under it", category.id);
                problems.warning(own, message, suffix_hint(name.as_str()));
            }
        }
    }
}

fn suffix_hint(name: &str) -> String {
    format!("name the organisations under it, or write `={name}` for that name only")
}

/// Warns of list entries that would take a name that is watched over into another category: those on or under one, those
/// above one, and those that hold everybody. Where nothing blocks the category, care does not lose what it needs.
pub(in crate::config) fn notices(problems: &Problems, categories: &Categories, rules: &[RuleDraft], default: Action) {
    let mut some = Some20::new(problems);
    let blocks = |rule: &Rule, id| rule.action == Action::Block && (rule.to.is_empty() || rule.to.contains(id));
    for category in &categories.categories {
        let blocked = default == Action::Block || rules.iter().any(|draft| blocks(&draft.rule, &category.id));
        for list in &category.lists {
            let heeded = |notice: &&Notice| blocked || !notice.trouble.is_for_care();
            for notice in list.notices.iter().filter(heeded) {
                let (entry, id) = (&notice.entry, &category.id);
                let said = || match &notice.trouble {
                    Trouble::Takes(watched) => {
                        let what = if watched.is_protected() { "the entry has no effect" } else { "is that meant" };
                        (format!("`{entry}` would take into `{id}` {watched}"), hint(what, watched.is_protected()))
                    }
                    Trouble::Above(watched) => {
                        let what =
                            if watched.is_protected() { "the entry leaves that name out" } else { "is that meant" };
                        let message =
                            format!("`{entry}` would take into `{id}`, for it lies under the entry, {watched}");
                        (message, hint(what, watched.is_protected()))
                    }
                    Trouble::PublicSuffix => {
                        let message =
                            format!("`{entry}` is a public suffix: category `{id}` takes every name under it");
                        (message, suffix_hint(entry))
                    }
                };
                some.warn(Place::of_line(&notice.file, notice.line, entry), said);
            }
            if list.notices.iter().any(|notice| heeded(&notice)) {
                some.more(&list.path, list.counts.notices - list.notices.len());
            }
        }
    }
    some.finish("entries that would take what is watched over");
}

fn hint(what: &str, protected: bool) -> String {
    if protected {
        format!("{what}: no list can take a protected name; take the entry out of the list if you keep it yourself")
    } else {
        format!("{what}? If not, put the name into a category of its own, or protect it")
    }
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

    /// So many more were not kept.
    fn more(&mut self, file: &Arc<Path>, count: usize) {
        if let Some((counted, _)) = self.seen.get_mut(file) {
            *counted += count;
        }
    }

    fn finish(self, what: &str) {
        for (count, last) in self.seen.into_values().filter(|(count, _)| *count > SHOWN) {
            let message = format!("the list has {count} {what}; this is the last, and {SHOWN} are shown");
            self.problems.warning(&last, message, "look at the list as a whole: is it what it should be?");
        }
    }
}
