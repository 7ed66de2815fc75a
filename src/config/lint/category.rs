//! Categories that do nothing, and clinical ones that are empty.

use std::collections::HashSet;

use crate::category::Category;
use crate::config::check::category::{Categories, Draft};
use crate::config::check::policy::RuleDraft;
use crate::config::check::tube;
use crate::config::problem::Problems;
use crate::config::text::Place;

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

fn both(categories: &Categories) -> impl Iterator<Item = (&Category, &Draft)> {
    categories.categories.iter().zip(&categories.drafts)
}
