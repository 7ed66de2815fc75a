//! Categories that do nothing or less than they say, and clinical ones that are empty.

use std::collections::{HashMap, HashSet};

use jiff::civil::Date;

use crate::base::TubeId;
use crate::category::{Category, Pattern};
use crate::config::check::category::{Categories, Draft};
use crate::config::check::policy::RuleDraft;
use crate::config::check::tube;
use crate::config::problem::Problems;
use crate::config::text::Place;
use crate::policy::Action;

/// Warns of categories that give no tube and that no rule names. A protected one still shields its names from lists.
pub(in crate::config) fn unused(problems: &Problems, categories: &Categories, rules: &[RuleDraft]) {
    let named: HashSet<_> = rules.iter().flat_map(|draft| &draft.rule.to).collect();
    for (category, draft) in both(categories) {
        if category.tube.is_none() && !category.protected && !named.contains(&category.id) {
            let message = format!("nobody uses category `{}`: it has no tube and no rule names it", category.id);
            let hint = format!("give it a `tube`, or name it in a rule: `to = [\"{}\"]`", category.id);
            problems.warning(&draft.name, message, hint);
        }
    }
}

/// Warns of clinical categories without entries: what a patient waits for would wait behind lunch.
pub(in crate::config) fn empty_clinical(problems: &Problems, categories: &Categories, tubes: &[tube::Draft]) {
    let clear = |category: &Category| {
        let tube = category.tube.as_ref().and_then(|id| tubes.iter().find(|tube| tube.id == *id));
        tube.is_some_and(|tube| tube.priority == 0 && !tube.faulty)
    };
    for (category, draft) in both(categories).filter(|(_, draft)| !draft.faulty) {
        if category.entries.is_empty() && category.lists.is_empty() && (category.protected || clear(category)) {
            let message = format!("category `{}` is clinical and has no entry", category.id);
            let hint =
                "list the names of your clinical systems: `domains = [\"wales.nhs.uk\"]`, `networks`, or `lists`";
            problems.warning(&draft.name, message, hint);
        } else if category.protected || clear(category) {
            empty_lists(problems, category);
        }
    }
}

/// A template that nobody filled in.
fn empty_lists(problems: &Problems, category: &Category) {
    for list in category.lists.iter().filter(|list| list.counts.entries() == 0) {
        let message = format!("a list of the clinical category `{}` has no entry", category.id);
        let hint = "fill in the names of your clinical systems, one a line; until then their flows may ride elsewhere";
        problems.warning(&Place::of_line(&list.path, 1, ""), message, hint);
    }
}

/// Warns of entries that stand in two categories with different tubes: of equal ones that of the first category wins. A
/// longer name or prefix with another tube is how an exception is written, and lists may well share names.
pub(in crate::config) fn two_tubes(problems: &Problems, categories: &Categories) {
    let mut first: HashMap<&Pattern, (&Category, &TubeId, u32)> = HashMap::new();
    for (category, draft) in both(categories).filter(|(_, draft)| !draft.faulty) {
        let Some(tube) = &category.tube else { continue };
        for (entry, own) in category.entries.iter().zip(&draft.own) {
            let (winner, given, line) = *first.entry(&entry.pattern).or_insert((category, tube, own.line()));
            if given != tube {
                let message = format!(
                    "`{}` never rides in tube `{tube}` as category `{}` says: `{}` (line {line}) has it too, comes \
                     first and gives it tube `{given}`",
                    entry.pattern, category.id, winner.id
                );
                problems.warning(own, message, "take it out of one of them");
            }
        }
    }
}

/// Warns of categories whose tube a rule for everybody, at all times, replaces by another.
pub(in crate::config) fn lifted(problems: &Problems, categories: &Categories, rules: &[RuleDraft], today: Date) {
    for (category, draft) in both(categories).filter(|(_, draft)| !draft.faulty) {
        let Some(own) = &draft.tube else { continue };
        let named = |draft: &&RuleDraft| draft.rule.to.is_empty() || draft.rule.to.contains(&category.id);
        let decides = |draft: &&RuleDraft| named(draft) && !draft.rule.watches && !draft.rule.has_lapsed(today);
        for RuleDraft { rule, faulty, .. } in rules.iter().filter(decides) {
            let allows = rule.action == Action::Allow;
            let lifts = rule.tube.as_ref().filter(|tube| allows && **tube != own.value);
            if *faulty || (allows && lifts.is_none()) {
                // Some of its flows ride where the category says.
                break;
            }
            if !rule.from.is_empty() || !rule.when.is_empty() || rule.expires.is_some() {
                continue;
            }
            if let Some(tube) = lifts.filter(|_| !rule.to.is_empty()) {
                let (id, line) = (&rule.id, rule.source.line);
                let message = format!(
                    "tube `{}` of category `{}` has no effect: rule `{id}` (line {line}) always lifts it into `{tube}`",
                    own.value, category.id
                );
                let hint = format!("write `tube = \"{tube}\"` here, or say in the rule for whom or when");
                problems.warning(&own.place, message, hint);
            }
            break;
        }
    }
}

fn both(categories: &Categories) -> impl Iterator<Item = (&Category, &Draft)> {
    categories.categories.iter().zip(&categories.drafts)
}
