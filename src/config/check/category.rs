//! `[category.NAME]`, and the lists they name.

use std::path::PathBuf;
use std::sync::Arc;

use super::names::{Names, reserved};
use std::time::Duration;

use super::gateway::beside;
use crate::base::{CategoryId, Cidr, EgressId, Span, TubeId};
use crate::category::list::Watch;
use crate::category::{Category, Entry, Format, Guard, Pattern, Seed, Spec};
use crate::config::files::Files;
use crate::config::problem::Problems;
use crate::config::spec::Feed;
use crate::config::store::Store;
use crate::config::table::{Table, Value};
use crate::config::text::{Place, Placed};
use crate::config::value::{Percent, Url};
use crate::tube::Tube;

/// Where the parts of a `[category.NAME]` stand.
pub(in crate::config) struct Draft {
    pub(in crate::config) name: Place,
    pub(in crate::config) tube: Option<Placed<TubeId>>,
    /// Where each entry of the table itself stands.
    pub(in crate::config) own: Vec<Place>,
    /// What it says of its lists.
    pub(in crate::config) lists: Vec<ListDraft>,
    /// Something in it is wrong, so that what it says is not to be trusted.
    pub(in crate::config) faulty: bool,
}

/// One item of `lists`.
pub(in crate::config) struct ListDraft {
    pub(in crate::config) path: Placed<PathBuf>,
    pub(in crate::config) format: Placed<Format>,
    pub(in crate::config) url: Option<Placed<String>>,
    refresh: Duration,
    egress: Option<Placed<EgressId>>,
    /// How many copies that were good are kept.
    pub(in crate::config) keep: usize,
    /// How far it may change at once, in percent.
    pub(in crate::config) max_change: u32,
}

/// A list that nobody says otherwise of is fetched once a day, as those who publish them ask.
const REFRESH: Duration = Duration::from_secs(24 * 3600);
/// More often would be a burden on who publishes it.
const OFTENEST: Duration = Duration::from_secs(60);
/// Copies that are kept of a list.
const KEEP: usize = 3;
/// What a list may change at once, in percent.
const MAX_CHANGE: u32 = 50;

/// Every `[category.NAME]`, and the tube of what is in none.
#[derive(Default)]
pub(in crate::config) struct Categories {
    pub(in crate::config) categories: Vec<Category>,
    /// One for each category, in the same order.
    pub(in crate::config) drafts: Vec<Draft>,
    pub(in crate::config) other: Option<Placed<TubeId>>,
}

const FORMATS: &[(&str, Format)] = &[
    ("plain", Format::Plain),
    ("ut1", Format::Ut1),
    ("hosts", Format::Hosts),
    ("squid", Format::Squid),
    ("v2fly", Format::V2fly),
    ("adguard", Format::Adguard),
    ("rpz", Format::Rpz),
    ("m365", Format::M365),
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
            let (category, draft) = category(&name, table);
            found.categories.push(category);
            found.drafts.push(draft);
        }
    }
    lists(&mut found, files);
    found
}

/// Reads the lists: first those of protected categories, so that the others are read under the eyes of a guard who knows
/// all protected names.
fn lists(found: &mut Categories, files: &Files<'_>) {
    let mut guard = Guard::of_care(&files.seed);
    guard.watch_own(&files.seed, &found.categories);
    for protected in [true, false] {
        let some =
            found.categories.iter_mut().zip(&mut found.drafts).filter(|(category, _)| category.protected == protected);
        for (category, draft) in some {
            for list in &draft.lists {
                let watch = if protected { Watch::For(&mut guard, &category.id) } else { Watch::Over(&guard) };
                match files.list(&category.id, list, watch) {
                    Some(list) => category.lists.push(Arc::new(list)),
                    None => draft.faulty = true,
                }
            }
        }
    }
}

fn category(name: &Placed<String>, mut table: Table<'_>) -> (Category, Draft) {
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
        entries.push(Entry { pattern: value, source: place.source() });
        own.push(place);
    }
    let lists = table.value("lists").and_then(|lists| lists.items()).unwrap_or_default();
    let lists = lists.iter().filter_map(list).collect();
    table.finish();
    let category = Category {
        id: CategoryId::from(name.value.as_str()),
        tube: tube.as_ref().map(|tube| tube.value.clone()),
        about,
        protected,
        entries,
        lists: Vec::new(),
        source: name.place.source(),
    };
    let faulty = problems.errors() > errors;
    (category, Draft { name: name.place.clone(), tube, own, lists, faulty })
}

fn tube(table: &mut Table<'_>) -> Option<Placed<TubeId>> {
    table.take::<String>("tube").map(|tube| tube.map(|name| TubeId::from(name.as_str())))
}

fn list(item: &Value<'_>) -> Option<ListDraft> {
    let mut table = item.table("`lists`".to_owned(), LISTS)?;
    table.needs("path", "\"lists/malware.txt\"");
    table.needs("format", "\"plain\"");
    let path = table.take::<PathBuf>("path");
    let format = table.value("format").and_then(|value| value.choice(FORMATS));
    let url = table.take::<Url>("url").map(|url| url.map(|Url(url)| url));
    let refresh = table.take::<Span>("refresh");
    let egress = table.take::<String>("egress").map(|egress| egress.map(|name| EgressId::from(name.as_str())));
    let keep = table.take::<u8>("keep");
    let max_change = table.take::<Percent>("max_change").map_or(MAX_CHANGE, |percent| percent.value.0);
    let problems = table.scope.problems;
    if let (None, Some(place)) = (&url, refresh.as_ref().map(|it| &it.place).or(egress.as_ref().map(|it| &it.place))) {
        problems.error(place, "only a list with a `url` is fetched", "add `url = \"https://...\"`, or take this away");
    }
    if let Some(often) = refresh.as_ref().filter(|span| span.value.0 < OFTENEST) {
        problems.error(&often.place, "a list is fetched once a minute at most", "write `refresh = \"24 h\"`");
    }
    if let Some(none) = keep.as_ref().filter(|keep| keep.value == 0) {
        problems.error(&none.place, "the last good copy is always kept", "write `keep = 3`");
    }
    table.finish();
    let refresh = refresh.map_or(REFRESH, |span| span.value.0);
    let keep = keep.map_or(KEEP, |keep| usize::from(keep.value).max(1));
    Some(ListDraft { path: path?, format: format?, url, refresh, egress, keep, max_change })
}

/// Records tubes that do not exist.
pub(in crate::config) fn check(problems: &Problems, categories: &Categories, tubes: &Names<'_>) {
    let named = categories.drafts.iter().filter_map(|draft| draft.tube.as_ref()).chain(&categories.other);
    for tube in named {
        tubes.check(problems, &tube.place, tube.value.as_str());
    }
}

/// Records egresses that do not exist.
pub(in crate::config) fn check_egresses(problems: &Problems, categories: &Categories, egresses: &Names<'_>) {
    let lists = categories.drafts.iter().flat_map(|draft| &draft.lists);
    for egress in lists.filter_map(|list| list.egress.as_ref()) {
        egresses.check(problems, &egress.place, egress.value.as_str());
    }
}

/// The lists that are fetched; without a store nothing is.
pub(in crate::config) fn feeds(categories: &Categories, store: Option<&Store>) -> Vec<Feed> {
    let Some(store) = store else { return Vec::new() };
    let all = categories.categories.iter().zip(&categories.drafts);
    let each = |(category, draft): (&Category, &Draft)| -> Vec<Feed> {
        let feed = |list: &ListDraft| {
            let path = list.file();
            Some(Feed {
                category: category.id.clone(),
                url: list.url.as_ref()?.value.clone(),
                refresh: list.refresh,
                egress: list.egress.as_ref().map(|egress| egress.value.clone()),
                into: store.fetched(&category.id, &path),
                path,
            })
        };
        draft.lists.iter().filter_map(feed).collect()
    };
    all.flat_map(each).collect()
}

impl ListDraft {
    /// The file that it names.
    pub(in crate::config) fn file(&self) -> PathBuf {
        beside(&self.path.place.text.file, &self.path.value)
    }
}

/// Without the places.
pub(in crate::config) fn spec(categories: Categories, tubes: &[Tube], seed: Seed) -> Spec {
    let other = other(&categories, tubes);
    Spec { categories: categories.categories, other, seed }
}

/// `other` rides in the tube lying in the link itself that is served last, unless a tube is named.
pub(in crate::config) fn other(categories: &Categories, tubes: &[Tube]) -> TubeId {
    let outermost = tubes.iter().filter(|tube| tube.within.is_none());
    // `min_by_key` takes the first of equals, `max_by_key` the last. A configuration without tubes is refused.
    let last = outermost.min_by_key(|tube| u8::MAX - tube.priority).map(|tube| tube.id.clone());
    let named = categories.other.as_ref().map(|tube| tube.value.clone());
    named.or(last).unwrap_or_else(|| TubeId::from("internet"))
}
