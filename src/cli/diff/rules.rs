//! What a change does to the rules, told by their names.

use serde::Serialize;

use crate::config::Config;
use crate::policy::Rule;

/// Rules that are not what they were.
#[derive(Debug, Default, Serialize)]
pub struct Rules {
    /// New ones, in their order.
    pub added: Vec<Told>,
    /// Those that are gone.
    pub removed: Vec<Told>,
    /// Those that say something else, and what.
    pub changed: Vec<Changed>,
    /// Those that stand elsewhere among the ones that stayed: which comes first decides.
    pub moved: Vec<Moved>,
    /// What holds for what no rule names, before and now; absent where that stayed.
    pub default: Option<[&'static str; 2]>,
    /// Categories that are new.
    pub categories_added: Vec<String>,
    /// Categories that are gone.
    pub categories_removed: Vec<String>,
}

/// A rule.
#[derive(Debug, Serialize)]
pub struct Told {
    /// Its name.
    pub rule: String,
    /// Where it stands.
    pub place: String,
    /// What it says, in words.
    pub says: String,
    /// The last day of an exception.
    pub expires: Option<String>,
}

/// A rule that says something else.
#[derive(Debug, Serialize)]
pub struct Changed {
    /// Its name.
    pub rule: String,
    /// Where it stands now.
    pub place: String,
    /// Which key: what it said, and what it says.
    pub keys: Vec<(&'static str, String, String)>,
}

/// A rule that stands elsewhere.
#[derive(Debug, Serialize)]
pub struct Moved {
    /// Its name.
    pub rule: String,
    /// The rule that it came after, and the one that it comes after now; `None`: it comes first.
    pub after: [Option<String>; 2],
}

impl Rules {
    /// Compares.
    pub fn of(old: &Config, new: &Config) -> Rules {
        let (before, after) = (&old.policy.rules, &new.policy.rules);
        let find = |rules: &'_ [Rule], rule: &Rule| rules.iter().position(|other| other.id == rule.id);
        let only = |rules: &[Rule], others: &[Rule]| -> Vec<Told> {
            rules.iter().filter(|rule| find(others, rule).is_none()).map(Told::of).collect()
        };
        let both = after.iter().filter_map(|rule| Some((&before[find(before, rule)?], rule)));
        let changed = both.clone().filter_map(|(old, new)| {
            let keys = keys(old, new);
            (!keys.is_empty()).then(|| Changed { rule: new.id.to_string(), place: new.source.to_string(), keys })
        });
        let names = |config: &Config, other: &Config| -> Vec<String> {
            let known = |id| other.categories.categories.iter().any(|category| category.id == id);
            let ids = config.categories.categories.iter().map(|category| category.id.clone());
            ids.filter(|id| !known(id.clone())).map(|id| id.to_string()).collect()
        };
        let default = [old.policy.default, new.policy.default];
        Rules {
            added: only(after, before),
            removed: only(before, after),
            changed: changed.collect(),
            moved: moved(before, after),
            default: (default[0] != default[1]).then(|| default.map(crate::policy::Action::as_str)),
            categories_added: names(new, old),
            categories_removed: names(old, new),
        }
    }

    /// Whether nothing changed.
    pub fn is_none(&self) -> bool {
        let Rules { added, removed, changed, moved, default, categories_added, categories_removed } = self;
        let lists = [categories_added.is_empty(), categories_removed.is_empty(), added.is_empty(), removed.is_empty()];
        lists.into_iter().all(|empty| empty) && changed.is_empty() && moved.is_empty() && default.is_none()
    }
}

/// The rules that have to be taken out for the rest to stand in the order that they had: the fewest. Each is told by
/// the rule that it comes after.
fn moved(before: &[Rule], after: &[Rule]) -> Vec<Moved> {
    let places: Vec<(usize, usize)> = after
        .iter()
        .enumerate()
        .filter_map(|(now, rule)| Some((before.iter().position(|other| other.id == rule.id)?, now)))
        .collect();
    // The longest run of places that grows, by its length up to each and the one before.
    let mut best: Vec<(usize, Option<usize>)> = Vec::with_capacity(places.len());
    for (at, (place, _)) in places.iter().enumerate() {
        let longest = (0..at).filter(|other| places[*other].0 < *place).max_by_key(|other| best[*other].0);
        best.push((longest.map_or(1, |other| best[other].0 + 1), longest));
    }
    let mut stays = vec![false; places.len()];
    let mut next = (0..places.len()).max_by_key(|at| best[*at].0);
    while let Some(at) = next {
        stays[at] = true;
        next = best[at].1;
    }
    let left = places.iter().zip(&stays).filter(|(_, stays)| !**stays);
    let over = |rules: &[Rule], at: usize| at.checked_sub(1).map(|over| rules[over].id.to_string());
    left.map(|((was, now), _)| Moved {
        rule: after[*now].id.to_string(),
        after: [over(before, *was), over(after, *now)],
    })
    .collect()
}

impl Told {
    fn of(rule: &Rule) -> Told {
        Told {
            rule: rule.id.to_string(),
            place: rule.source.to_string(),
            says: says(rule),
            expires: rule.expires.map(|date| date.to_string()),
        }
    }
}

/// A rule in words: `block social-media for everybody, Mon-Fri 09:00-12:00`.
fn says(rule: &Rule) -> String {
    let to = some(&rule.to, "everything");
    let from = some(&rule.from, "everybody");
    let when = if rule.when.is_empty() { "always".to_owned() } else { list(&rule.when) };
    let tube = rule.tube.as_ref().map(|tube| format!(" in tube {tube}")).unwrap_or_default();
    let until = rule.expires.map(|date| format!(", until {date}")).unwrap_or_default();
    format!("{} {to}{tube} for {from}, {when}{until}", rule.action.as_str())
}

fn some<T: ToString>(all: &[T], none: &str) -> String {
    if all.is_empty() { none.to_owned() } else { list(all) }
}

fn list<T: ToString>(all: &[T]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What two rules of one name say differently.
fn keys(old: &Rule, new: &Rule) -> Vec<(&'static str, String, String)> {
    let text = |rule: &Rule| {
        let owner = rule.owner.clone().unwrap_or_else(|| "nobody".to_owned());
        let reason = [&rule.reason.en, &rule.reason.cy].into_iter().flatten().cloned().collect::<Vec<_>>().join(" / ");
        let tube = rule.tube.as_ref().map_or("the category's".to_owned(), ToString::to_string);
        let expires = rule.expires.map_or("never".to_owned(), |date| date.to_string());
        [
            ("action", rule.action.as_str().to_owned()),
            ("to", some(&rule.to, "everything")),
            ("from", some(&rule.from, "everybody")),
            ("when", some(&rule.when, "always")),
            ("tube", tube),
            ("owner", owner),
            ("reason", reason),
            ("expires", expires),
        ]
    };
    let pairs = text(old).into_iter().zip(text(new));
    pairs.filter(|(old, new)| old != new).map(|((key, old), (_, new))| (key, old, new)).collect()
}
