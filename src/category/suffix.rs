//! The table of names: from a name to the entries on it and on each of its parents, the most specific first.
//!
//! A look-up gives places in the name that was asked for rather than names of the table, so that a table of hashes,
//! which keeps no names, can take this one's place.

use foldhash::HashMap;

use super::mark::{Mark, Marks};
use super::matches::Matched;
use crate::base::Name;

/// Names and the marks of their entries. The hash is seeded anew in each process, which is enough here: clients choose
/// what is looked up but put nothing in, and whoever writes a list never sees the seed.
#[derive(Clone, Debug, Default)]
pub struct Suffixes {
    marks: HashMap<Box<str>, Marks>,
}

/// An entry that matches a name.
#[derive(Clone, Copy, Debug)]
pub struct NameHit {
    /// Where in the name that was asked for the entry's name begins, in octets.
    pub start: usize,
    /// The entry.
    pub mark: Mark,
}

impl Suffixes {
    /// Adds an entry; among entries of the same name and kind the earlier added comes first.
    pub fn add(&mut self, name: &Name, mark: Mark) {
        match self.marks.get_mut(name.as_str()) {
            Some(marks) => marks.push(mark),
            None => {
                self.marks.insert(Box::from(name.as_str()), Marks::new(mark));
            }
        }
    }

    /// Every entry that matches a name: the longer before the shorter, the exact before the suffix. A name has at most
    /// 127 labels, and so many look-ups at most.
    pub fn find<'a>(&'a self, name: &'a Name) -> impl Iterator<Item = NameHit> + 'a {
        let whole = name.as_str().len();
        name.suffixes().flat_map(move |suffix| {
            let start = whole - suffix.len();
            let marks = self.marks.get(suffix);
            let exact = marks.filter(|_| start == 0).into_iter().flat_map(Marks::iter).filter(|mark| mark.exact);
            let under = marks.into_iter().flat_map(Marks::iter).filter(|mark| !mark.exact);
            exact.chain(under).map(move |mark| NameHit { start, mark: *mark })
        })
    }
}

impl NameHit {
    /// The entry as a list writes it, given the name that was asked for.
    pub fn matched(&self, name: &Name) -> Matched {
        Matched::name(name, self.start, self.mark.exact)
    }
}
