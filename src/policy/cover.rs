//! Which rules can never match, because earlier ones match whenever they would.

use super::spec::Rule;
use crate::base::Window;

/// Rules beyond this are best not compared with each other: the work grows with the square, and a check should take no
/// longer than a person waits.
pub const COMPARED: usize = 500;

/// A rule that never decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covered {
    /// Its place among the rules, from 0.
    pub rule: usize,
    /// The places of the earlier rules that together match whenever it would; in order, none named twice.
    pub by: Vec<usize>,
}

/// Every rule that can never match, in order: as exact as `Window::contains`, but not complete, because two windows that
/// only together hold a third are not seen.
pub fn covered(rules: &[Rule]) -> Vec<Covered> {
    let (always, mut found) = (always(), Vec::new());
    for (at, rule) in rules.iter().enumerate() {
        if let Some(by) = covering(&rules[..at], rule, always.as_ref()) {
            found.push(Covered { rule: at, by });
        }
    }
    found
}

/// A flow that a rule matches meets one category, one group and one window of it. So the rule is covered when for each
/// such choice one earlier rule takes whatever meets it. A list that is empty is one choice: anything.
fn covering(earlier: &[Rule], rule: &Rule, always: Option<&Window>) -> Option<Vec<usize>> {
    let mut by = Vec::new();
    for when in choices(&rule.when) {
        // Comparing windows costs the most, so it is done once for all choices of category and group.
        let open: Vec<(usize, &Rule)> = (earlier.iter().enumerate())
            .filter(|(_, earlier)| !earlier.watches && outlasts(earlier, rule) && holds(&earlier.when, when.or(always)))
            .collect();
        for to in choices(&rule.to) {
            for from in choices(&rule.from) {
                let takes = |of: &Rule| names(&of.to, to) && names(&of.from, from);
                by.push(open.iter().find(|(_, earlier)| takes(earlier))?.0);
            }
        }
    }
    by.sort_unstable();
    by.dedup();
    Some(by)
}

/// Each item of a list; `None`, for anything, where it is empty.
fn choices<T>(list: &[T]) -> impl Iterator<Item = Option<&T>> {
    list.iter().map(Some).chain(list.is_empty().then_some(None))
}

pub(super) fn names<I: PartialEq>(list: &[I], choice: Option<&I>) -> bool {
    list.is_empty() || choice.is_some_and(|choice| list.contains(choice))
}

/// Whether the outer windows are open whenever the inner ones are; no windows are all the time.
pub(super) fn holds_within(outer: &[Window], inner: &[Window], always: Option<&Window>) -> bool {
    choices(inner).all(|when| holds(outer, when.or(always)))
}

fn holds(windows: &[Window], choice: Option<&Window>) -> bool {
    windows.is_empty() || choice.is_some_and(|choice| windows.iter().any(|window| window.contains(choice)))
}

/// Whether the earlier rule is in force for as long as the other.
pub(super) fn outlasts(earlier: &Rule, rule: &Rule) -> bool {
    match (earlier.expires, rule.expires) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(earlier), Some(later)) => earlier >= later,
    }
}

/// What a rule without `when` is compared as.
pub(super) fn always() -> Option<Window> {
    "00:00-24:00".parse().ok()
}
