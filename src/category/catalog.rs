//! All categories in memory: a host goes in, the categories it is in come out.

use smallvec::SmallVec;

use super::key::Seed;
use super::list::Effect;
use super::matches::{Match, Matched, Matches, OTHER, Part};
use super::names::Names;
use super::network::Networks;
use super::pages::Pages;
use super::segment::{Segment, Segments};
use super::spec::{Category, Pattern, Spec};
use super::wild::{Wild, Wilds};
use crate::base::{CategoryId, Host, TubeId};

/// The categories of a configuration, ready to be asked. It never changes.
#[derive(Debug)]
pub struct Catalog {
    categories: Vec<Known>,
    seed: Seed,
    names: Names,
    networks: Networks,
    /// What is looked for in names.
    wilds: Wilds,
    /// What is looked for in the addresses of pages.
    page_wilds: Wilds,
    pages: Pages,
    /// The text of each of those, by its entry.
    wild: Vec<(u32, Wild)>,
    segments: Segments,
    /// Whether any entry is more than a match.
    has_effects: bool,
    /// The category and tube of what matches nothing.
    other: (CategoryId, TubeId),
}

/// What the catalog keeps of a category beside its entries.
#[derive(Clone, Debug)]
struct Known {
    id: CategoryId,
    tube: Option<TubeId>,
    protected: bool,
    /// Some entry of its lists is more than a match, so that none can stand for another list's.
    has_effects: bool,
}

/// Entries that match, and how they read.
type Hits<'a> = SmallVec<[(u32, Part<'a>); 4]>;

impl Catalog {
    /// Takes up every entry of every category.
    pub fn new(spec: &Spec) -> Self {
        let names = |category: &Category| {
            let own = category.entries.iter().filter(|entry| !matches!(entry.pattern, Pattern::Network(_))).count();
            own + category.lists.iter().map(|list| list.counts.names()).sum::<usize>()
        };
        let under = spec.categories.iter().flat_map(|category| &category.lists).any(|list| list.counts.under > 0);
        let mut catalog = Catalog {
            categories: Vec::new(),
            seed: spec.seed,
            names: Names::with_room(spec.categories.iter().map(names).sum(), under),
            networks: Networks::default(),
            wilds: Wilds::default(),
            page_wilds: Wilds::default(),
            pages: Pages::default(),
            wild: Vec::new(),
            segments: Segments::default(),
            has_effects: false,
            other: (CategoryId::from(OTHER), spec.other.clone()),
        };
        for (number, category) in (0u32..).zip(&spec.categories) {
            catalog.add(number, category);
        }
        let (pages, names): (Vec<_>, Vec<_>) = catalog
            .wild
            .iter()
            .map(|(entry, wild)| (wild, *entry))
            .partition(|(wild, _)| matches!(wild, Wild::Page(_)));
        let (wilds, page_wilds) = (Wilds::new(names), Wilds::new(pages));
        Catalog { wilds, page_wilds, ..catalog }
    }

    /// A table keeps the first of equal entries of a category. Its own go first, because an imported one does not match
    /// where another category protects the name.
    fn add(&mut self, number: u32, category: &Category) {
        let Category { id, tube, protected, entries, lists, .. } = category;
        let has_effects = lists.iter().any(|list| !list.effects.is_empty());
        self.has_effects |= has_effects;
        self.categories.push(Known { id: id.clone(), tube: tube.clone(), protected: *protected, has_effects });
        let segments = &mut self.segments;
        let first = segments.own(number, entries);
        for (next, entry) in (first..).zip(entries) {
            match &entry.pattern {
                Pattern::Suffix(name) | Pattern::Exact(name) => {
                    let key = self.seed.key(name.as_str(), entry.pattern.reach());
                    self.names.add(key, next, |held| stands_for(segments, &self.categories, held, next));
                }
                Pattern::Network(network) => {
                    self.networks.add(*network, next, |held| stands_for(segments, &self.categories, held, next));
                }
            }
        }
        for list in lists {
            let first = segments.list(number, &list.places, &list.effects);
            for (entry, key) in (first..).zip(&list.keys).filter(|(_, key)| **key != 0) {
                self.names.add(*key, entry, |held| stands_for(segments, &self.categories, held, entry));
            }
            for (network, entry) in &list.networks {
                let entry = first + entry;
                self.networks.add(*network, entry, |held| stands_for(segments, &self.categories, held, entry));
            }
            self.wild.extend(list.wild.iter().map(|(wild, entry)| (first + entry, wild.clone())));
            list.urls.iter().for_each(|(url, entry)| self.pages.add(&self.seed, url, first + entry));
        }
    }

    /// The categories a host is in: a name by the entries on it and its parents, then by what it contains; an address by
    /// the networks around it. Where a plain request shows its path, which begins after the first `/`, pages come first.
    pub fn classify<'a>(&'a self, host: &'a Host, path: Option<&str>) -> Matches<'a> {
        let mut hits = Hits::new();
        if let Some(path) = path {
            let found = self.pages.find(&self.seed, host, path).into_iter();
            hits.extend(found.map(|(front, entry)| (entry, Part::Page(host, front))));
        }
        match host {
            Host::Name(name) => {
                let found = self.names.find(&self.seed, name.as_str()).into_iter();
                hits.extend(found.map(|hit| (hit.entry, Part::Name(&name.as_str()[hit.start..], hit.reach))));
                hits.extend(self.wilds.find(name.as_str()).into_iter().filter_map(|entry| self.wild_hit(entry)));
            }
            Host::Addr(address) => {
                let found = self.networks.find(*address);
                hits.extend(found.map(|(network, entry)| (entry, Part::Network(network))));
            }
        }
        if !self.page_wilds.is_empty() {
            let page = path.map_or_else(|| host.to_string(), |path| format!("{host}/{path}"));
            hits.extend(self.page_wilds.find(&page).into_iter().filter_map(|entry| self.wild_hit(entry)));
        }
        Matches::new(self.choose(hits), (&self.other.0, &self.other.1))
    }

    /// Whether any entry is about pages rather than hosts.
    pub fn sees_pages(&self) -> bool {
        !self.pages.is_empty() || !self.page_wilds.is_empty()
    }

    fn wild_hit(&self, entry: u32) -> Option<(u32, Part<'_>)> {
        let at = self.wild.binary_search_by_key(&entry, |(entry, _)| *entry).ok()?;
        Some((entry, Part::Wild(&self.wild[at].1)))
    }

    /// One match a category out of hits that come the most specific first. Where a protected category is among them,
    /// what lists say of categories without protection counts for nothing.
    fn choose<'a>(&'a self, mut hits: Hits<'a>) -> SmallVec<[Match<'a>; 2]> {
        self.except(&mut hits);
        let whose = |entry: u32| {
            let (_, segment) = self.segments.of(entry)?;
            Some((segment, self.categories.get(segment.category as usize)?))
        };
        let guarded = hits.iter().any(|(entry, _)| whose(*entry).is_some_and(|(_, known)| known.protected));
        let mut found: SmallVec<[Match<'_>; 2]> = SmallVec::new();
        for (entry, part) in hits {
            let Some((segment, Known { id, tube, protected, .. })) = whose(entry) else { continue };
            let silenced = guarded && segment.is_imported() && !protected;
            if !silenced && !found.iter().any(|known| known.category == id) {
                let (tube, entry, number) = (tube.as_ref(), Matched(part), entry);
                found.push(Match { category: id, tube, entry, segment, number });
            }
        }
        found
    }

    /// Takes away what lists take back themselves. An exception is about its own list alone.
    fn except(&self, hits: &mut Hits<'_>) {
        if !self.has_effects {
            return;
        }
        let effect = |entry: u32| {
            let (at, segment) = self.segments.of(entry)?;
            Some((at, segment.effect(entry)?))
        };
        let effects: SmallVec<[_; 4]> = hits.iter().map(|(entry, _)| effect(*entry)).collect();
        if effects.iter().all(Option::is_none) {
            return;
        }
        let mut place = 0;
        hits.retain(|(entry, _)| {
            let (here, own) = (place, effects[place].map(|(_, effect)| effect));
            place += 1;
            let Some((list, _)) = self.segments.of(*entry) else { return false };
            let of_list = |of: &Option<(usize, Effect)>| of.filter(|(at, _)| *at == list).map(|(_, effect)| effect);
            let spared = effects[..here].iter().any(|of| of_list(of) == Some(Effect::Spare));
            let excepted = effects.iter().any(|of| of_list(of) == Some(Effect::Except));
            match own {
                Some(Effect::Except | Effect::Spare) => false,
                Some(Effect::Insist) => !spared,
                None => !spared && !excepted,
            }
        });
    }
}

/// Whether an entry of the table makes another of the same name or network superfluous: two lists of a category often
/// share names. Not where one of them takes names back.
fn stands_for(segments: &Segments, categories: &[Known], held: u32, entry: u32) -> bool {
    let of = |entry| {
        segments.of(entry).map(|(at, segment): (usize, &Segment)| (at, segment.category, segment.effect(entry)))
    };
    let (Some((at, category, effect)), Some((own, own_category, own_effect))) = (of(held), of(entry)) else {
        return true;
    };
    let apart = categories.get(category as usize).is_some_and(|known| known.has_effects) && at != own;
    category == own_category && effect == own_effect && !apart
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::sync::Arc;

    use crate::base::Source;
    use crate::category::list::{Format, List, Watch, read};
    use crate::category::{Entry, Guard};
    use proptest::prelude::*;

    fn seed() -> Seed {
        Seed::new(*b"0123456789abcdefghijklmnopqrstuvwxyzABCD")
    }

    fn list(path: &str, format: Format, text: &str) -> List {
        let shelf = |_: &Path| Ok(text.as_bytes().to_vec());
        read(Path::new(path), format, &shelf, &seed(), Watch::Over(&Guard::default())).unwrap()
    }

    /// A category from its own entries and, each with a `+` in front, a list's.
    fn category(id: &str, tube: Option<&str>, protected: bool, entries: &[&str]) -> Category {
        let own = (1u32..).zip(entries).filter(|(_, text)| !text.starts_with('+'));
        let own =
            own.map(|(line, text)| Entry { pattern: text.parse().unwrap(), source: Source::new("policy.toml", line) });
        let listed: Vec<_> = entries.iter().map(|text| text.strip_prefix('+').unwrap_or_default()).collect();
        Category {
            id: id.into(),
            tube: tube.map(TubeId::from),
            about: None,
            protected,
            entries: own.collect(),
            lists: vec![Arc::new(list(&format!("{id}.txt"), Format::Plain, &listed.join("\n")))],
            source: Source::new("policy.toml", 1),
        }
    }

    fn catalog(categories: Vec<Category>) -> Catalog {
        Catalog::new(&Spec { categories, other: "internet".into(), seed: seed() })
    }

    /// `category: entry` of every match, then the flow's category and tube.
    fn told(catalog: &Catalog, host: &str) -> (Vec<String>, String) {
        let host = host.parse().unwrap();
        let matches = catalog.classify(&host, None);
        let found = matches.as_slice().iter().map(|found| format!("{}: {}", found.category, found.entry)).collect();
        let tube = matches.tube();
        (found, format!("{} in {tube}", matches.category()))
    }

    fn check(catalog: &Catalog, table: &[(&str, &[&str], &str)]) {
        for (host, found, flow) in table {
            let (told_found, told_flow) = told(catalog, host);
            assert_eq!(told_found, *found, "{host}");
            assert_eq!(told_flow, *flow, "{host}");
        }
    }

    #[test]
    fn a_longer_name_comes_before_a_shorter_and_an_exact_one_before_its_suffix() {
        let catalog = catalog(vec![
            category("web", Some("internet"), false, &["example.uk"]),
            category("clinic", Some("clinical"), false, &["nhs.example.uk"]),
            category("page", Some("social"), false, &["=nhs.example.uk"]),
        ]);
        check(
            &catalog,
            &[
                ("example.uk", &["web: example.uk"], "web in internet"),
                ("a.nhs.example.uk", &["clinic: nhs.example.uk", "web: example.uk"], "clinic in clinical"),
                (
                    "nhs.example.uk",
                    &["page: =nhs.example.uk", "clinic: nhs.example.uk", "web: example.uk"],
                    "page in social",
                ),
                ("xnhs.example.uk", &["web: example.uk"], "web in internet"),
                ("uk", &[], "other in internet"),
                ("198.51.100.7", &[], "other in internet"),
            ],
        );
    }

    #[test]
    fn a_longer_prefix_comes_before_a_shorter_in_both_families() {
        let catalog = catalog(vec![
            category("all", None, false, &["0.0.0.0/0", "::/0"]),
            category("site", Some("internet"), false, &["10.0.0.0/8", "2001:db8::/32"]),
            category("ward", Some("clinical"), false, &["10.4.0.0/16", "10.4.1.1", "2001:db8:4::/48"]),
        ]);
        check(
            &catalog,
            &[
                ("10.4.1.1", &["ward: 10.4.1.1/32", "site: 10.0.0.0/8", "all: 0.0.0.0/0"], "ward in clinical"),
                ("::ffff:10.4.1.2", &["ward: 10.4.0.0/16", "site: 10.0.0.0/8", "all: 0.0.0.0/0"], "ward in clinical"),
                ("10.5.0.1", &["site: 10.0.0.0/8", "all: 0.0.0.0/0"], "site in internet"),
                ("2001:db8:4::1", &["ward: 2001:db8:4::/48", "site: 2001:db8::/32", "all: ::/0"], "ward in clinical"),
                ("2001:db9::1", &["all: ::/0"], "all in internet"),
            ],
        );
    }

    #[test]
    fn a_tie_goes_to_the_category_declared_first() {
        let one = category("one", Some("internet"), false, &["x.example", "192.0.2.0/24"]);
        let two = category("two", Some("social"), false, &["x.example", "192.0.2.0/24"]);
        let forth = catalog(vec![one.clone(), two.clone()]);
        let back = catalog(vec![two, one]);
        check(&forth, &[("x.example", &["one: x.example", "two: x.example"], "one in internet")]);
        check(&back, &[("192.0.2.7", &["two: 192.0.2.0/24", "one: 192.0.2.0/24"], "two in social")]);
    }

    #[test]
    fn the_first_match_with_a_tube_names_the_flow_and_without_any_the_first_match() {
        let catalog = catalog(vec![
            category("malware", None, false, &["bad.x.example", "worse.example"]),
            category("web", Some("internet"), false, &["x.example"]),
            category("labels", None, false, &["example"]),
        ]);
        check(
            &catalog,
            &[
                ("bad.x.example", &["malware: bad.x.example", "web: x.example", "labels: example"], "web in internet"),
                ("worse.example", &["malware: worse.example", "labels: example"], "malware in internet"),
            ],
        );
    }

    #[test]
    fn no_list_takes_a_protected_name_but_the_policy_itself_may() {
        let catalog = catalog(vec![
            category("clinical", Some("clinical"), true, &["nhs.example", "198.51.100.0/24"]),
            category(
                "gambling",
                None,
                false,
                &["+clinic.nhs.example", "+nhs.example", "+example", "+198.51.100.7", "+bet.example"],
            ),
            category("trust-pages", Some("internet"), false, &["=cdn.nhs.example"]),
            // The policy's own entry stands where the list's equal one does not.
            category("video", None, false, &["+video.nhs.example", "video.nhs.example"]),
            category("spine", Some("clinical"), true, &["+spine.nhs.example"]),
        ]);
        check(
            &catalog,
            &[
                ("clinic.nhs.example", &["clinical: nhs.example"], "clinical in clinical"),
                ("198.51.100.7", &["clinical: 198.51.100.0/24"], "clinical in clinical"),
                (
                    "cdn.nhs.example",
                    &["trust-pages: =cdn.nhs.example", "clinical: nhs.example"],
                    "trust-pages in internet",
                ),
                ("video.nhs.example", &["video: video.nhs.example", "clinical: nhs.example"], "clinical in clinical"),
                // Of two protected categories the more specific wins, from a list or not.
                ("spine.nhs.example", &["spine: spine.nhs.example", "clinical: nhs.example"], "spine in clinical"),
                ("bet.example", &["gambling: bet.example"], "gambling in internet"),
            ],
        );
    }

    #[test]
    fn a_match_says_where_its_entry_stands() {
        let catalog = catalog(vec![category("social", None, false, &["+x.example", "+y.example", "z.example"])]);
        for (host, source) in [("a.y.example", "social.txt:2"), ("z.example", "policy.toml:3")] {
            let parsed = host.parse().unwrap();
            let matches = catalog.classify(&parsed, None);
            assert_eq!(matches.as_slice()[0].source().to_string(), source, "{host}");
        }
    }

    #[test]
    fn rules_are_asked_about_every_match_or_about_other() {
        let catalog = catalog(vec![
            category("web", Some("internet"), false, &["example"]),
            category("clinic", None, false, &["nhs.example"]),
        ]);
        let asked = |host: &str| {
            catalog
                .classify(&host.parse().unwrap(), None)
                .categories()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(asked("a.nhs.example"), ["clinic", "web"]);
        assert_eq!(asked("nhs.uk"), [OTHER]);
    }

    /// The contract's words as a walk over all entries: specificity first, then the order of the categories.
    fn naive(categories: &[(Category, Vec<String>)], host: &Host) -> Vec<(CategoryId, String)> {
        let specificity = |pattern: &Pattern| match (pattern, host) {
            (Pattern::Exact(of), Host::Name(name)) => (of == name).then(|| (of.as_str().len(), 1)),
            (Pattern::Suffix(of), Host::Name(name)) => name.is_within(of).then(|| (of.as_str().len(), 0)),
            (Pattern::Network(of), Host::Addr(address)) => of.contains(*address).then(|| (usize::from(of.prefix()), 0)),
            _ => None,
        };
        let mut hits: Vec<_> = (0usize..)
            .zip(categories)
            .flat_map(|(place, (category, entries))| entries.iter().map(move |entry| (place, category, entry)))
            .filter_map(|(place, category, entry)| {
                let pattern: Pattern = entry.trim_start_matches('+').parse().unwrap();
                Some((specificity(&pattern)?, place, category, (entry.starts_with('+'), pattern)))
            })
            .collect();
        if hits.iter().any(|(_, _, category, _)| category.protected) {
            hits.retain(|(_, _, category, (imported, _))| category.protected || !imported);
        }
        hits.sort_by_key(|(specific, place, ..)| (std::cmp::Reverse(*specific), *place));
        let mut answer: Vec<(CategoryId, String)> = Vec::new();
        for (_, _, category, (_, pattern)) in hits {
            if !answer.iter().any(|(id, _)| *id == category.id) {
                answer.push((category.id.clone(), pattern.to_string()));
            }
        }
        answer
    }

    /// Names out of few labels, so that they often lie on and under each other.
    fn names() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "ab"]), 1..5).prop_map(|labels| labels.join("."))
    }

    /// Addresses out of few bits, at both ends of the number.
    fn addresses() -> impl Strategy<Value = std::net::IpAddr> {
        (any::<bool>(), 0u32..4, 0u32..4).prop_map(|(v6, high, low)| {
            if v6 {
                let bits = (u128::from(high) << 126) | u128::from(low);
                std::net::Ipv6Addr::from(bits).into()
            } else {
                std::net::Ipv4Addr::from((high << 30) | low).into()
            }
        })
    }

    fn networks() -> impl Strategy<Value = String> {
        let width = |address: &std::net::IpAddr| if address.is_ipv4() { 32u8 } else { 128 };
        (addresses(), prop::sample::select(vec![0u8, 1, 2, 3])).prop_flat_map(move |(address, cut)| {
            let full = width(&address);
            let prefix = prop::sample::select(vec![cut, full - cut]);
            prefix.prop_map(move |prefix| ipnet::IpNet::new(address, prefix).unwrap().trunc().to_string())
        })
    }

    fn entries() -> impl Strategy<Value = String> {
        let pattern = prop_oneof![names(), names().prop_map(|name| format!("={name}")), networks()];
        (any::<bool>(), pattern).prop_map(|(imported, text)| format!("{}{text}", if imported { "+" } else { "" }))
    }

    fn hosts() -> impl Strategy<Value = Host> {
        prop_oneof![names().prop_map(|name| name.parse().unwrap()), addresses().prop_map(Host::from)]
    }

    /// Categories, and what each was made from.
    fn specs() -> impl Strategy<Value = Vec<(Category, Vec<String>)>> {
        let one = (prop::bool::weighted(0.3), prop::collection::vec(entries(), 0..12));
        prop::collection::vec(one, 0..5).prop_map(|all| {
            let all = all.iter().enumerate();
            all.map(|(place, (protected, entries))| {
                let texts: Vec<&str> = entries.iter().map(String::as_str).collect();
                (category(&place.to_string(), None, *protected, &texts), entries.clone())
            })
            .collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn the_tables_answer_as_a_walk_over_all_entries(categories in specs(), host in hosts()) {
            let expected = naive(&categories, &host);
            let catalog = catalog(categories.into_iter().map(|(category, _)| category).collect());
            let matches = catalog.classify(&host, None);
            let found: Vec<_> = matches.as_slice().iter()
                .map(|found| (found.category.clone(), found.entry.to_string()))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_a_list_takes_back_is_not_in_it_but_may_be_in_another() {
        let filter = "||example.com^\n@@||good.example.com^\n||bad.good.example.com^$important\n||good.example.com^\n";
        let zone = "*.example.net CNAME .\na.example.net CNAME rpz-passthru.\n*.a.example.net CNAME .\n";
        let with = |id: &str, lists: Vec<List>| Category {
            lists: lists.into_iter().map(Arc::new).collect(),
            ..category(id, None, false, &[])
        };
        let catalog = catalog(vec![
            with(
                "ads",
                vec![list("ads.txt", Format::Adguard, filter), list("more.txt", Format::Plain, "m.good.example.com")],
            ),
            with("zone", vec![list("zone.txt", Format::Rpz, zone)]),
            with("web", vec![list("web.txt", Format::Plain, "example.com")]),
        ]);
        check(
            &catalog,
            &[
                ("www.example.com", &["ads: example.com", "web: example.com"], "ads in internet"),
                ("www.good.example.com", &["web: example.com"], "web in internet"),
                ("x.bad.good.example.com", &["ads: bad.good.example.com", "web: example.com"], "ads in internet"),
                ("m.good.example.com", &["ads: m.good.example.com", "web: example.com"], "ads in internet"),
                ("b.example.net", &["zone: *.example.net"], "zone in internet"),
                ("example.net", &[], "other in internet"),
                ("a.example.net", &[], "other in internet"),
                // More specific than the exception.
                ("b.a.example.net", &["zone: *.a.example.net"], "zone in internet"),
            ],
        );
    }

    #[test]
    fn words_inside_a_name_come_after_entries_on_it_and_pages_before() {
        let words = "keyword:casino\nregexp:^www\\.x[0-9]+\\.example$\nfull:casino.example\n";
        let with = |id: &str, list: List| Category { lists: vec![Arc::new(list)], ..category(id, None, false, &[]) };
        let pages = |file: &Path| match file.to_str() {
            Some("ut1/urls") => Ok(b"x7.example/news\n".to_vec()),
            _ => Ok(b"/search\\?q=[0-9]+$\n".to_vec()),
        };
        struct Folder<F>(F);
        impl<F: Fn(&Path) -> std::io::Result<Vec<u8>>> crate::category::list::Shelf for Folder<F> {
            fn bytes(&self, file: &Path) -> std::io::Result<Vec<u8>> {
                (self.0)(file)
            }

            fn folder(&self, folder: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
                Ok(vec![folder.join("expressions"), folder.join("urls")])
            }
        }
        let guard = Guard::default();
        let pages = read(Path::new("ut1"), Format::Ut1, &Folder(pages), &seed(), Watch::Over(&guard)).unwrap();
        let catalog = catalog(vec![
            with("words", list("words", Format::V2fly, words)),
            with("pages", pages),
            category("web", None, false, &["example"]),
        ]);
        assert!(catalog.sees_pages());
        for (host, path, expected) in [
            ("casino.example", None, &["words: =casino.example", "web: example"][..]),
            ("www.casino.example", None, &["web: example", "words: keyword:casino"]),
            ("www.x7.example", None, &["web: example", r"words: regexp:^www\.x[0-9]+\.example$"]),
            ("x7.example", Some("news/today"), &["pages: x7.example/news", "web: example"]),
            ("x7.example", Some("newsletter"), &["web: example"]),
            ("x7.example", None, &["web: example"]),
            ("192.0.2.1", Some("search?q=12"), &[r"pages: regexp:/search\?q=[0-9]+$"]),
        ] {
            let parsed = host.parse().unwrap();
            let matches = catalog.classify(&parsed, path);
            let found: Vec<_> =
                matches.as_slice().iter().map(|found| format!("{}: {}", found.category, found.entry)).collect();
            assert_eq!(found, expected, "{host} {path:?}");
        }
    }
}
