//! The table of names: from a name to the entries on it and on each of its parents, the most specific first. It keeps
//! keys, not names: some 17 octets for each, of however many there are.

use smallvec::SmallVec;

use super::key::{Reach, Seed};
use super::room::Room;
use super::segment::number;

/// Keys of entries' names, and which entries they are.
#[derive(Debug, Default)]
pub struct Names {
    /// Four bits of a word for each key. What is in no category, as most names and nearly all parents are, is told by this
    /// alone, and this stays in the processor's cache.
    filter: Room,
    /// Key and entry. A key stands in the first free slot from its place on.
    slots: Room,
    taken: usize,
    /// Entries that share their key with others: each with the next.
    shared: Vec<(u32, u32)>,
    /// Whether there is any entry that does not hold its own name, so that those have to be looked for.
    under: bool,
}

/// A key's eight octets, then the number of its entry, and one more: in a free slot all is zero.
const SLOT: usize = 12;
/// Octets of a word of the filter.
const WORD: usize = 8;
const NONE: u32 = u32::MAX;
/// Set in a number: not an entry but a place in `shared`.
const SHARED: u32 = 1 << 31;

/// Slots for each entry; with four of five taken a search looks at three, all in one line of the cache or two.
const SLOTS: (usize, usize) = (5, 4);
/// Bits of the filter for each entry. One name of fifty that is not there gets through.
const BITS: usize = 10;

/// An entry that matches a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameHit {
    /// Where in the name that was asked for the entry's name begins, in octets.
    pub start: usize,
    /// How far the entry reaches.
    pub reach: Reach,
    /// Its number.
    pub entry: u32,
}

/// The entries that match a name. Rarely are there more than four.
pub type NameHits = SmallVec<[NameHit; 4]>;

impl Names {
    /// With room for so many entries; `under` says whether some of them do not hold their own name.
    pub fn with_room(entries: usize, under: bool) -> Self {
        if entries == 0 {
            return Names::default();
        }
        Names {
            filter: Room::new((entries * BITS / 64 + 1) * WORD),
            slots: Room::new((entries * SLOTS.0 / SLOTS.1 + 1) * SLOT),
            taken: 0,
            shared: Vec::new(),
            under,
        }
    }

    /// Adds an entry under its key, unless one that has the same key stands for it already. There must be room for it.
    pub fn add(&mut self, key: u64, entry: u32, stands_for: impl Fn(u32) -> bool) {
        debug_assert!(entry < SHARED && self.taken < self.slots().len());
        let (at, held) = self.search(key);
        if held == NONE {
            self.put(at, key, entry);
            self.taken += 1;
            let (word, bits) = self.filtered(key);
            let words = self.filter.as_chunks_mut::<WORD>().0;
            words[word] = (u64::from_le_bytes(words[word]) | bits).to_le_bytes();
        } else if !self.entries(held).any(stands_for) {
            let shared = self.share(held, entry);
            self.put(at, key, shared);
        }
    }

    /// Every entry that matches a name: the longer before the shorter, the exact before the suffix, the earlier before the
    /// later. A name has at most 127 labels, and is looked up at most so often.
    pub fn find(&self, seed: &Seed, name: &str) -> NameHits {
        let mut hits = NameHits::new();
        if self.slots.is_empty() {
            return hits;
        }
        // The filter is asked for each key as it is made. Seldom does it let one through, so the processor goes on to the
        // next while it waits; the slots of those that pass are looked at together.
        let mut passed: SmallVec<[(usize, Reach, u64); 4]> = SmallVec::new();
        let filter = self.filter.as_chunks::<WORD>().0;
        let mut ask = |start, reach, key| {
            let (word, bits) = filtered(key, filter.len());
            if u64::from_le_bytes(filter[word]) & bits == bits {
                passed.push((start, reach, key));
            }
        };
        for (start, key) in seed.keys(name) {
            ask(start, Reach::Suffix, key);
            if start == 0 {
                ask(start, Reach::Exact, seed.reaching(key, Reach::Exact));
            } else if self.under {
                ask(start, Reach::Under, seed.reaching(key, Reach::Under));
            }
        }
        for (start, reach, key) in passed {
            let (_, held) = self.search(key);
            hits.extend(self.entries(held).map(|entry| NameHit { start, reach, entry }));
        }
        hits.sort_unstable_by_key(|hit| (hit.start, hit.reach != Reach::Exact, hit.entry));
        hits
    }

    /// The slot that holds a key and what it holds, or the free one that it would stand in.
    fn search(&self, key: u64) -> (usize, u32) {
        let slots = self.slots();
        let mut at = place(key, slots.len());
        loop {
            let (held, entry) = read(&slots[at]);
            if entry == NONE || held == key {
                return (at, entry);
            }
            at = if at + 1 == slots.len() { 0 } else { at + 1 };
        }
    }

    fn slots(&self) -> &[[u8; SLOT]] {
        self.slots.as_chunks().0
    }

    fn put(&mut self, at: usize, key: u64, entry: u32) {
        let slot = &mut self.slots.as_chunks_mut::<SLOT>().0[at];
        slot[..8].copy_from_slice(&key.to_le_bytes());
        slot[8..].copy_from_slice(&entry.wrapping_add(1).to_le_bytes());
    }

    fn filtered(&self, key: u64) -> (usize, u64) {
        filtered(key, self.filter.len() / WORD)
    }

    fn entries(&self, held: u32) -> impl Iterator<Item = u32> + '_ {
        let mut next = held;
        std::iter::from_fn(move || {
            if next == NONE {
                return None;
            }
            if next & SHARED == 0 {
                return Some(std::mem::replace(&mut next, NONE));
            }
            let (entry, after) = self.shared[(next & !SHARED) as usize];
            next = after;
            Some(entry)
        })
    }

    /// Puts an entry in front of those that share its key; where it stands.
    fn share(&mut self, held: u32, entry: u32) -> u32 {
        let at = number(self.shared.len());
        self.shared.push((entry, held));
        SHARED | at
    }
}

/// A slot's key and entry.
fn read(slot: &[u8; SLOT]) -> (u64, u32) {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *slot;
    (u64::from_le_bytes([a, b, c, d, e, f, g, h]), u32::from_le_bytes([i, j, k, l]).wrapping_sub(1))
}

/// A key's word of a filter of so many, and its bits there. They come from other bits of the key than its slot does.
fn filtered(key: u64, words: usize) -> (usize, u64) {
    let bit = |shift: u32| 1u64 << ((key >> shift) & 63);
    (place(key.rotate_left(32), words), bit(32) | bit(38) | bit(44) | bit(50))
}

/// A place among so many, from a key's upper bits.
#[expect(clippy::cast_possible_truncation, reason = "less than how many there are")]
fn place(key: u64, among: usize) -> usize {
    ((u128::from(key) * among as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seed() -> Seed {
        Seed::new(*b"0123456789abcdefghijklmnopqrstuvwxyzABCD")
    }

    /// What a name matches, by a walk over all entries.
    fn naive(entries: &[(String, Reach)], name: &str) -> Vec<(usize, bool, u32)> {
        let mut found: Vec<_> = (0u32..)
            .zip(entries)
            .filter_map(|(number, (of, reach))| {
                let start = name.len().checked_sub(of.len())?;
                let on_or_under = name.ends_with(of.as_str()) && (start == 0 || name.as_bytes()[start - 1] == b'.');
                let holds = match reach {
                    Reach::Exact => start == 0,
                    Reach::Suffix => true,
                    Reach::Under => start > 0,
                };
                (on_or_under && holds).then_some((start, *reach != Reach::Exact, number))
            })
            .collect();
        found.sort_unstable();
        found
    }

    fn table(entries: &[(String, Reach)]) -> Names {
        let mut names = Names::with_room(entries.len(), true);
        for (number, (name, reach)) in (0u32..).zip(entries) {
            names.add(seed().key(name, *reach), number, |_| false);
        }
        names
    }

    /// Names of few labels, and a few that have more labels than are looked for at once.
    fn some_name() -> impl Strategy<Value = String> {
        let label = prop::sample::select(vec!["a", "b", "ab", "uk"]);
        prop_oneof![
            9 => prop::collection::vec(label.clone(), 1..5),
            1 => prop::collection::vec(label, 14..40),
        ]
        .prop_map(|labels| labels.join("."))
    }

    fn reach() -> impl Strategy<Value = Reach> {
        prop::sample::select(vec![Reach::Exact, Reach::Suffix, Reach::Under])
    }

    proptest! {
        #[test]
        fn the_table_answers_as_a_walk_over_all_entries(
            entries in prop::collection::vec((some_name(), reach()), 0..60),
            asked in prop::collection::vec(some_name(), 1..20),
        ) {
            let names = table(&entries);
            for name in &asked {
                let hits = names.find(&seed(), name);
                let found: Vec<_> = hits.iter().map(|hit| (hit.start, hit.reach != Reach::Exact, hit.entry)).collect();
                prop_assert_eq!(found, naive(&entries, name), "{}", name);
            }
        }
    }

    #[test]
    fn an_entry_that_another_stands_for_is_not_kept() {
        let key = seed().key("x.example", Reach::Suffix);
        let mut names = Names::with_room(3, false);
        for entry in [4, 5, 6] {
            names.add(key, entry, |held| held == 4 && entry == 5);
        }
        let entries: Vec<_> = names.find(&seed(), "x.example").iter().map(|hit| hit.entry).collect();
        assert_eq!(entries, [4, 6]);
        assert!(Names::default().find(&seed(), "x.example").is_empty());
    }

    #[test]
    fn a_full_table_finds_all_that_is_in_it_and_little_else() {
        let entries: Vec<_> = (0..50_000).map(|number| (format!("n{number}.example"), Reach::Suffix)).collect();
        let names = table(&entries);
        for (number, (name, _)) in (0u32..).zip(&entries) {
            let hits = names.find(&seed(), &format!("www.{name}"));
            assert_eq!(hits.iter().map(|hit| (hit.start, hit.entry)).collect::<Vec<_>>(), [(4, number)]);
        }
        let through = (0..50_000).filter(|number| {
            let (word, bits) = names.filtered(seed().key(&format!("m{number}.example"), Reach::Suffix));
            u64::from_le_bytes(names.filter.as_chunks::<WORD>().0[word]) & bits == bits
        });
        assert!(through.count() < 50_000 / 25);
        assert_eq!(names.find(&seed(), "m7.example"), NameHits::new());
    }
}
