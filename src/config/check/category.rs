//! `[category.NAME]`, and the lists they name.

use std::path::PathBuf;
use std::sync::Arc;

use super::gateway::beside;
use super::names::{Names, reserved};
use crate::base::{CategoryId, Cidr, TubeId};
use crate::category::list::plain;
use crate::category::{Category, Entry, List, Pattern, Spec};
use crate::config::problem::Problems;
use crate::config::read::Files;
use crate::config::table::{Table, Value};
use crate::config::text::{Place, Placed, Text};
use crate::tube::Tube;

/// Where the parts of a `[category.NAME]` stand.
pub(in crate::config) struct Draft {
    pub(in crate::config) name: Place,
    pub(in crate::config) tube: Option<Placed<TubeId>>,
    /// Where each entry of the table itself stands; those of lists follow them in the category's entries.
    pub(in crate::config) own: Vec<Place>,
    /// The text of each list, in the order of the category's lists.
    pub(in crate::config) lists: Vec<Arc<Text>>,
    /// Something in it is wrong, so that what it says is not to be trusted.
    pub(in crate::config) faulty: bool,
}

/// Every `[category.NAME]`, and the tube of what is in none.
#[derive(Default)]
pub(in crate::config) struct Categories {
    pub(in crate::config) categories: Vec<Category>,
    /// One for each category, in the same order.
    pub(in crate::config) drafts: Vec<Draft>,
    pub(in crate::config) other: Option<Placed<TubeId>>,
}

/// How lists may be written.
#[derive(Clone, Copy)]
enum Format {
    Plain,
    Later,
}

const FORMATS: &[(&str, Format)] = &[
    ("plain", Format::Plain),
    ("ut1", Format::Later),
    ("hosts", Format::Later),
    ("squid", Format::Later),
    ("v2fly", Format::Later),
    ("adguard", Format::Later),
    ("rpz", Format::Later),
    ("m365", Format::Later),
];

const LISTS: &str = "`lists = [{ path = \"lists/malware.txt\", format = \"plain\" }]`";

/// Reads every `[category.NAME]`.
pub(in crate::config) fn categories(root: &mut Table<'_>, files: &Files<'_>) -> Categories {
    let mut found = Categories::default();
    for (name, mut table) in root.named("category") {
        if name.value == "other" {
            // Built in: what matches nothing. It can be given a tube, but no entries.
            found.other = tube(&mut table);
            table.take::<String>("about");
            table.finish();
        } else {
            reserved(table.scope.problems, &name, "none", "metrics use it for flows without a category");
            let (category, draft) = category(&name, table, files);
            found.categories.push(category);
            found.drafts.push(draft);
        }
    }
    found
}

fn category(name: &Placed<String>, mut table: Table<'_>, files: &Files<'_>) -> (Category, Draft) {
    let problems = table.scope.problems;
    let errors = problems.errors();
    let tube = tube(&mut table);
    let about = table.take::<String>("about").map(|about| about.value);
    let protected = table.take::<bool>("protected").is_some_and(|protected| protected.value);
    let domains = table.list::<Pattern>("domains").unwrap_or_default();
    let networks = table.list::<Cidr>("networks").unwrap_or_default();
    let networks = networks.into_iter().map(|network| network.map(Pattern::Network));
    let mut own = Vec::new();
    let mut entries = Vec::new();
    for Placed { value, place } in domains.into_iter().chain(networks) {
        entries.push(Entry { pattern: value, source: place.source(), imported: false });
        own.push(place);
    }
    let mut lists = Vec::new();
    let mut texts = Vec::new();
    for item in table.value("lists").and_then(|lists| lists.items()).unwrap_or_default() {
        let Some(text) = list(&item, files) else { continue };
        let loaded = plain::read(&text.text, &text.file);
        lists.push(List {
            path: text.file.clone(),
            entries: loaded.entries.len(),
            rejected: loaded.rejected,
            modified: None,
        });
        entries.extend(loaded.entries);
        texts.push(text);
    }
    table.finish();
    let category = Category {
        id: CategoryId::from(name.value.as_str()),
        tube: tube.as_ref().map(|tube| tube.value.clone()),
        about,
        protected,
        entries,
        lists,
        source: name.place.source(),
    };
    let faulty = problems.errors() > errors;
    (category, Draft { name: name.place.clone(), tube, own, lists: texts, faulty })
}

fn tube(table: &mut Table<'_>) -> Option<Placed<TubeId>> {
    table.take::<String>("tube").map(|tube| tube.map(|name| TubeId::from(name.as_str())))
}

/// The text of one item of `lists`.
fn list(item: &Value<'_>, files: &Files<'_>) -> Option<Arc<Text>> {
    let mut table = item.table("`lists`".to_owned(), LISTS)?;
    table.needs("path", "\"lists/malware.txt\"");
    table.needs("format", "\"plain\"");
    let path = table.take::<PathBuf>("path");
    let format = table.value("format").and_then(|value| Some((value.choice(FORMATS)?.value, value)));
    table.finish();
    // A list in a format that cannot be read is looked for all the same: a wrong path is a mistake of its own.
    let path = path?;
    let text = files.open(&beside(&path.place.text.file, &path.value), Some(&path.place));
    match format? {
        (Format::Plain, _) => text,
        (Format::Later, value) => {
            let name = value.text().unwrap_or_default();
            value
                .wrong(format!("format `{name}` is not available yet"), "convert the list to `plain`: one name a line");
            None
        }
    }
}

/// Records tubes that do not exist.
pub(in crate::config) fn check(problems: &Problems, categories: &Categories, tubes: &Names<'_>) {
    let named = categories.drafts.iter().filter_map(|draft| draft.tube.as_ref()).chain(&categories.other);
    for tube in named {
        tubes.check(problems, &tube.place, tube.value.as_str());
    }
}

/// Without the places.
pub(in crate::config) fn spec(categories: Categories, tubes: &[Tube]) -> Spec {
    let other = other(&categories, tubes);
    Spec { categories: categories.categories, other }
}

/// `other` rides in the tube lying in the link itself that is served last, unless a tube is named.
pub(in crate::config) fn other(categories: &Categories, tubes: &[Tube]) -> TubeId {
    let outermost = tubes.iter().filter(|tube| tube.within.is_none());
    // `min_by_key` takes the first of equals, `max_by_key` the last. A configuration without tubes is refused.
    let last = outermost.min_by_key(|tube| u8::MAX - tube.priority).map(|tube| tube.id.clone());
    let named = categories.other.as_ref().map(|tube| tube.value.clone());
    named.or(last).unwrap_or_else(|| TubeId::from("internet"))
}
