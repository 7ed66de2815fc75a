//! The one matcher: which rules hold for a question, and which condition fails of those that do not.
//!
//! What rules say of categories and groups is turned round when a policy is built: for each name, a bit for each rule
//! that names it. A question then costs a look-up for each of its few names per 64 rules, and a bit test a rule.

use std::cell::OnceCell;
use std::hash::Hash;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt as _};
use jiff::civil::Date;

use super::question::Question;
use super::spec::Rule;
use super::trace::Condition;
use crate::base::{Calendar, CategoryId, GroupId};

/// How many rules share a word of bits.
const WORD: usize = 64;

/// The rules in the order of the file, ready to be matched.
#[derive(Clone, Debug)]
pub struct Rules {
    pub(super) list: Vec<Arc<Rule>>,
    to: Namers<CategoryId>,
    from: Namers<GroupId>,
}

/// For one condition: which rules name which name. A bit for each rule, the first rule in the lowest bit of the first
/// word.
#[derive(Clone, Debug)]
struct Namers<I> {
    /// The rules that name none, so that the condition always holds.
    any: Box<[u64]>,
    by_name: HashMap<I, Box<[u64]>>,
}

impl Rules {
    pub fn new(rules: &[Rule]) -> Self {
        Rules {
            list: rules.iter().cloned().map(Arc::new).collect(),
            to: Namers::new(rules, |rule| &rule.to),
            from: Namers::new(rules, |rule| &rule.from),
        }
    }

    /// Every rule in order, with the first condition of it that does not hold; `None` where the rule matches. Lazy, and
    /// it allocates nothing.
    pub fn matched<'a>(
        &'a self,
        question: &'a Question<'a>,
        calendar: &'a Calendar,
    ) -> impl Iterator<Item = (&'a Arc<Rule>, Option<Condition>)> + 'a {
        let today = OnceCell::new();
        let mut named = (0, 0);
        self.list.iter().enumerate().map(move |(at, rule)| {
            if at % WORD == 0 {
                let word = at / WORD;
                named = (
                    self.to.naming(word, question.categories.iter().copied()),
                    self.from.naming(word, question.groups.iter()),
                );
            }
            let bit = 1 << (at % WORD);
            let missed = if named.0 & bit == 0 {
                Some(Condition::To)
            } else if named.1 & bit == 0 {
                Some(Condition::From)
            } else {
                outside_time(rule, question, calendar, &today)
            };
            (rule, missed)
        })
    }
}

/// Comes last: reading the clock on the wall of a place costs more than every name of a question.
fn outside_time(
    rule: &Rule,
    question: &Question<'_>,
    calendar: &Calendar,
    today: &OnceCell<Date>,
) -> Option<Condition> {
    let over = |last: Date| *today.get_or_init(|| calendar.local(question.at).date()) > last;
    if rule.expires.is_some_and(over) {
        Some(Condition::Expires)
    } else if !rule.when.is_empty() && !rule.when.iter().any(|window| window.covers(question.at, calendar)) {
        Some(Condition::When)
    } else {
        None
    }
}

impl<I: Clone + Eq + Hash> Namers<I> {
    fn new(rules: &[Rule], names: impl Fn(&Rule) -> &[I]) -> Self {
        let none = vec![0; rules.len().div_ceil(WORD)].into_boxed_slice();
        let mut namers = Namers { any: none.clone(), by_name: HashMap::new() };
        for (at, rule) in rules.iter().enumerate() {
            let bit = 1 << (at % WORD);
            if names(rule).is_empty() {
                namers.any[at / WORD] |= bit;
            }
            for name in names(rule) {
                namers.by_name.entry(name.clone()).or_insert_with(|| none.clone())[at / WORD] |= bit;
            }
        }
        namers
    }

    /// The rules of one word whose condition these names meet.
    fn naming<'a>(&self, word: usize, names: impl Iterator<Item = &'a I>) -> u64
    where
        I: 'a,
    {
        names.filter_map(|name| self.by_name.get(name)).fold(self.any[word], |bits, namers| bits | namers[word])
    }
}
