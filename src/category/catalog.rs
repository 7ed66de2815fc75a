//! All categories in memory: a host goes in, the categories it is in come out.

use super::mark::{Files, Mark};
use super::matches::{Match, Matched, Matches};
use super::network::Networks;
use super::spec::{Category, Pattern, Spec};
use super::suffix::Suffixes;
use crate::base::{CategoryId, Host, TubeId};

/// The categories of a configuration, ready to be asked. It never changes.
#[derive(Clone, Debug)]
pub struct Catalog {
    categories: Vec<Known>,
    names: Suffixes,
    networks: Networks,
    files: Files,
    other: TubeId,
}

/// What the catalog keeps of a category beside its entries.
#[derive(Clone, Debug)]
struct Known {
    id: CategoryId,
    tube: Option<TubeId>,
    protected: bool,
}

impl Catalog {
    /// Takes up every entry of every category.
    pub fn new(spec: &Spec) -> Self {
        Self::of(&spec.categories, spec.other.clone())
    }

    /// The same for some of the categories.
    pub(super) fn of<'a>(categories: impl IntoIterator<Item = &'a Category>, other: TubeId) -> Self {
        let mut catalog = Catalog {
            categories: Vec::new(),
            names: Suffixes::default(),
            networks: Networks::default(),
            files: Files::default(),
            other,
        };
        for (number, category) in (0u32..).zip(categories) {
            catalog.add(number, category);
        }
        catalog
    }

    fn add(&mut self, number: u32, category: &Category) {
        let Category { id, tube, protected, entries, .. } = category;
        self.categories.push(Known { id: id.clone(), tube: tube.clone(), protected: *protected });
        // A table keeps the first of equal entries. The policy's own go first, because an imported one does not match
        // where another category protects the name.
        let (imported, own): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.imported);
        for entry in own.into_iter().chain(imported) {
            let exact = matches!(entry.pattern, Pattern::Exact(_));
            let mark = Mark::new(number, entry, exact, &mut self.files);
            match &entry.pattern {
                Pattern::Suffix(name) | Pattern::Exact(name) => self.names.add(name, mark),
                Pattern::Network(network) => self.networks.add(*network, mark),
            }
        }
    }

    /// The categories a host is in: a name by the entries on it and its parents, an address by the networks around it.
    pub fn classify(&self, host: &Host) -> Matches {
        let hits: Vec<(Mark, Matched)> = match host {
            Host::Name(name) => self.names.find(name).map(|hit| (hit.mark, hit.matched(name))).collect(),
            Host::Addr(address) => self.networks.find(*address).map(|hit| (hit.mark, hit.matched())).collect(),
        };
        let found = self.choose(hits);
        Matches::new(found, self.other.clone())
    }

    /// The most specific entry that holds everything a pattern does; a name on an exact entry's name counts.
    pub(super) fn over(&self, pattern: &Pattern) -> Option<Match> {
        match pattern {
            Pattern::Suffix(name) | Pattern::Exact(name) => {
                let hit = self.names.find(name).next()?;
                Some(self.matched(hit.mark, hit.matched(name)))
            }
            Pattern::Network(network) => {
                let hit = self.networks.find(network.network()).find(|hit| hit.network.covers(network))?;
                Some(self.matched(hit.mark, hit.matched()))
            }
        }
    }

    /// One match a category out of hits that come the most specific first. Where a protected category is among them,
    /// what lists say of categories without protection counts for nothing.
    fn choose(&self, hits: Vec<(Mark, Matched)>) -> Vec<Match> {
        let protects = |mark: Mark| self.categories[mark.category as usize].protected;
        let guarded = hits.iter().any(|(mark, _)| protects(*mark));
        let mut found: Vec<Match> = Vec::new();
        for (mark, entry) in hits {
            let silenced = guarded && mark.imported && !protects(mark);
            let id = &self.categories[mark.category as usize].id;
            if !silenced && !found.iter().any(|known| known.category == *id) {
                found.push(self.matched(mark, entry));
            }
        }
        found
    }

    fn matched(&self, mark: Mark, entry: Matched) -> Match {
        let Known { id, tube, .. } = &self.categories[mark.category as usize];
        Match { category: id.clone(), tube: tube.clone(), entry, source: self.files.source(mark) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Source;
    use crate::category::{Collision, Entry};
    use proptest::prelude::*;

    /// A category from its own entries and, each with a `+` in front, imported ones.
    fn category(id: &str, tube: Option<&str>, protected: bool, entries: &[&str]) -> Category {
        let entry = |(line, text): (u32, &&str)| {
            let (imported, text) = text.strip_prefix('+').map_or((false, *text), |text| (true, text));
            let file = if imported { format!("{id}.txt") } else { "policy.toml".to_owned() };
            Entry { pattern: text.parse().unwrap(), source: Source::new(file, line), imported }
        };
        Category {
            id: id.into(),
            tube: tube.map(TubeId::from),
            about: None,
            protected,
            entries: (1u32..).zip(entries).map(entry).collect(),
            lists: Vec::new(),
            source: Source::new("policy.toml", 1),
        }
    }

    fn catalog(categories: Vec<Category>) -> Catalog {
        Catalog::new(&Spec { categories, other: "internet".into() })
    }

    /// `category: entry` of every match, then the flow's category and tube.
    fn told(catalog: &Catalog, host: &str) -> (Vec<String>, String) {
        let matches = catalog.classify(&host.parse().unwrap());
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
            let matches = catalog.classify(&host.parse().unwrap());
            assert_eq!(matches.as_slice()[0].source.to_string(), source, "{host}");
        }
    }

    #[test]
    fn rules_are_asked_about_every_match_or_about_other() {
        let catalog = catalog(vec![
            category("web", Some("internet"), false, &["example"]),
            category("clinic", None, false, &["nhs.example"]),
        ]);
        let asked = |host: &str| catalog.classify(&host.parse().unwrap()).categories().to_vec();
        assert_eq!(asked("a.nhs.example"), ["clinic".into(), "web".into()]);
        assert_eq!(asked("nhs.uk"), [CategoryId::from(crate::category::OTHER)]);
    }

    /// The contract's words as a walk over all entries: specificity first, then the order of the categories.
    fn naive(categories: &[Category], host: &Host) -> Vec<(CategoryId, String)> {
        let specificity = |pattern: &Pattern| match (pattern, host) {
            (Pattern::Exact(of), Host::Name(name)) => (of == name).then(|| (of.as_str().len(), 1)),
            (Pattern::Suffix(of), Host::Name(name)) => name.is_within(of).then(|| (of.as_str().len(), 0)),
            (Pattern::Network(of), Host::Addr(address)) => of.contains(*address).then(|| (usize::from(of.prefix()), 0)),
            _ => None,
        };
        let mut hits: Vec<_> = (0usize..)
            .zip(categories)
            .flat_map(|(place, category)| category.entries.iter().map(move |entry| (place, category, entry)))
            .filter_map(|(place, category, entry)| Some((specificity(&entry.pattern)?, place, category, entry)))
            .collect();
        if hits.iter().any(|(_, _, category, _)| category.protected) {
            hits.retain(|(_, _, category, entry)| category.protected || !entry.imported);
        }
        hits.sort_by_key(|(specific, place, ..)| (std::cmp::Reverse(*specific), *place));
        let mut answer: Vec<(CategoryId, String)> = Vec::new();
        for (_, _, category, entry) in hits {
            if !answer.iter().any(|(id, _)| *id == category.id) {
                answer.push((category.id.clone(), entry.pattern.to_string()));
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

    fn specs() -> impl Strategy<Value = Vec<Category>> {
        let one = (prop::bool::weighted(0.3), prop::collection::vec(entries(), 0..12));
        prop::collection::vec(one, 0..5).prop_map(|all| {
            let all = all.iter().enumerate();
            all.map(|(place, (protected, entries))| {
                let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
                category(&place.to_string(), None, *protected, &entries)
            })
            .collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn the_tables_answer_as_a_walk_over_all_entries(categories in specs(), host in hosts()) {
            let expected = naive(&categories, &host);
            let matches = catalog(categories).classify(&host);
            let found: Vec<_> = matches.as_slice().iter()
                .map(|found| (found.category.clone(), found.entry.to_string()))
                .collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn a_collision_is_an_import_that_a_protected_entry_holds(categories in specs()) {
            let spec = Spec { categories, other: "internet".into() };
            let holds = |protected: &Pattern, entry: &Pattern| match (protected, entry) {
                (Pattern::Suffix(of), Pattern::Suffix(name) | Pattern::Exact(name)) => name.is_within(of),
                (Pattern::Exact(of), Pattern::Suffix(name) | Pattern::Exact(name)) => name == of,
                (Pattern::Network(of), Pattern::Network(network)) => of.covers(network),
                _ => false,
            };
            let protected: Vec<&Entry> = spec.categories.iter()
                .filter(|category| category.protected)
                .flat_map(|category| &category.entries)
                .collect();
            let expected: Vec<(&CategoryId, &Entry)> = spec.categories.iter()
                .filter(|category| !category.protected)
                .flat_map(|category| category.entries.iter().map(move |entry| (&category.id, entry)))
                .filter(|(_, entry)| entry.imported)
                .filter(|(_, entry)| protected.iter().any(|protected| holds(&protected.pattern, &entry.pattern)))
                .collect();
            let found = crate::category::collisions(&spec.categories);
            let taken: Vec<_> = found.iter().map(|collision| (collision.category, collision.entry)).collect();
            prop_assert_eq!(taken, expected);
        }
    }

    #[test]
    fn a_collision_names_the_protected_entry_and_the_line_that_would_take_it() {
        let spec = Spec {
            categories: vec![
                category("gambling", None, false, &["+clinic.nhs.example", "+bet.example", "nhs.example", "+example"]),
                category("clinical", None, true, &["nhs.example", "=only.example"]),
                category("ads", None, false, &["+only.example", "+a.only.example"]),
            ],
            other: "internet".into(),
        };
        let told: Vec<String> = crate::category::collisions(&spec.categories)
            .iter()
            .map(|Collision { protected, category, entry }| {
                let Match { category: of, entry: name, source, .. } = protected;
                format!("{category} {} {} takes {name} of {of} at {source}", entry.pattern, entry.source)
            })
            .collect();
        assert_eq!(
            told,
            [
                "gambling clinic.nhs.example gambling.txt:1 takes nhs.example of clinical at policy.toml:1",
                "ads only.example ads.txt:1 takes =only.example of clinical at policy.toml:2",
            ]
        );
    }
}
