//! Keys of 64 bits in place of names. A key is made from the last label to the first, so that those of all parents come
//! on the way.

use std::hash::{BuildHasher as _, RandomState};

/// What makes the keys of one gateway its own. Whoever knew it could register a name with the key of a clinical one; so it
/// is drawn at random and never leaves the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed([u64; 5]);

/// How far an entry's name reaches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Reach {
    /// That name only: `=example.com`.
    Exact,
    /// The name and every name under it: `example.com`.
    Suffix,
    /// Every name under it, and not itself: `*.example.com`.
    Under,
}

impl Reach {
    /// What stands before the name in a list.
    pub const fn before(self) -> &'static str {
        match self {
            Reach::Exact => "=",
            Reach::Suffix => "",
            Reach::Under => "*.",
        }
    }
}

impl Seed {
    /// Octets of randomness that one is made of.
    pub const OCTETS: usize = 40;

    /// From octets that nobody can guess.
    pub fn new(octets: [u8; Seed::OCTETS]) -> Self {
        let (words, _) = octets.as_chunks::<8>();
        Seed(std::array::from_fn(|at| u64::from_le_bytes(words[at])))
    }

    /// From what the standard library draws for its tables: for keys that do not outlive the process.
    pub fn of_process() -> Self {
        Seed(std::array::from_fn(|_| RandomState::new().hash_one(0)))
    }

    /// The name and each parent, the shortest first: where in the name it begins, in octets, and its key as a suffix entry.
    #[inline]
    pub(super) fn keys<'a>(&self, name: &'a str) -> impl Iterator<Item = (usize, u64)> + use<'a> {
        let seed = *self;
        let (mut end, mut key) = (Some(name.len()), seed.0[0]);
        std::iter::from_fn(move || {
            let before = &name.as_bytes()[..end?];
            let dot = before.iter().rposition(|octet| *octet == b'.');
            let start = dot.map_or(0, |dot| dot + 1);
            key = seed.with_label(key, &before[start..]);
            end = dot;
            Some((start, key))
        })
    }

    /// A digest of octets that only who knows the seed can make.
    pub fn digest(&self, octets: &[u8]) -> u64 {
        self.with_label(self.0[4], octets)
    }

    /// The key of an entry whose suffix key is this one.
    pub(super) fn reaching(&self, suffix: u64, reach: Reach) -> u64 {
        match reach {
            Reach::Suffix => suffix,
            Reach::Exact => suffix ^ self.0[3],
            Reach::Under => suffix ^ self.0[4],
        }
    }

    /// The key of an entry.
    pub(super) fn key(&self, name: &str, reach: Reach) -> u64 {
        let whole = self.keys(name).last().map_or(0, |(_, key)| key);
        self.reaching(whole, reach)
    }

    /// One label more. A multiplication to 128 bits, its halves folded into each other, mixes 16 octets at once.
    #[inline]
    fn with_label(&self, above: u64, label: &[u8]) -> u64 {
        let [_, first, second, ..] = self.0;
        let mut key = above ^ (label.len() as u64).wrapping_mul(SPREAD);
        let mut rest = label;
        while rest.len() > 16 {
            let (front, back) = rest.split_at(16);
            let [one, other] = words(front);
            key = fold(key ^ one ^ first, other ^ second);
            rest = back;
        }
        let [one, other] = words(rest);
        fold(key ^ one ^ first, other ^ second)
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// The golden ratio's bits: an odd number whose multiples lie apart.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
fn fold(one: u64, other: u64) -> u64 {
    let both = u128::from(one) * u128::from(other);
    (both as u64) ^ ((both >> 64) as u64)
}

/// Up to 16 octets as two numbers. Octets in the middle of few may stand in both; the length tells those cases apart.
fn words(octets: &[u8]) -> [u64; 2] {
    if let (Some(first), Some(last)) = (octets.first_chunk::<8>(), octets.last_chunk::<8>()) {
        return [u64::from_le_bytes(*first), u64::from_le_bytes(*last)];
    }
    if let (Some(first), Some(last)) = (octets.first_chunk::<4>(), octets.last_chunk::<4>()) {
        return [u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last))];
    }
    let few = octets.iter().fold(0, |few, octet| few << 8 | u64::from(*octet));
    [few, 0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn seed() -> Seed {
        Seed::new(*b"0123456789abcdefghijklmnopqrstuvwxyzABCD")
    }

    #[test]
    fn the_keys_of_a_name_are_those_of_its_parents_from_the_shortest() {
        let seed = seed();
        let name = "results.a-very-long-label-indeed-of-some-octets.wales.nhs.uk";
        let keys: Vec<_> = seed.keys(name).collect();
        let starts: Vec<_> = keys.iter().map(|(start, _)| &name[*start..]).collect();
        assert_eq!(starts[..3], ["uk", "nhs.uk", "wales.nhs.uk"]);
        assert_eq!(keys.len(), 5);
        for (start, key) in keys {
            assert_eq!(key, seed.key(&name[start..], Reach::Suffix));
        }
    }

    #[test]
    fn no_two_of_many_near_names_have_one_key() {
        let seed = seed();
        let mut seen = HashMap::new();
        let lengths = (1..=63).map(|length| "a".repeat(length));
        let near =
            (0..20_000).map(|number| format!("n{number}")).chain((0..20_000).map(|number| format!("{number:020}")));
        for label in lengths.chain(near) {
            for name in [format!("{label}.uk"), format!("uk.{label}"), label.clone(), format!("a.{label}")] {
                for reach in [Reach::Exact, Reach::Suffix, Reach::Under] {
                    let other = seen.insert(seed.key(&name, reach), (name.clone(), reach));
                    assert!(other.is_none_or(|other| other == (name.clone(), reach)), "{name}");
                }
            }
        }
    }

    #[test]
    fn another_seed_makes_other_keys() {
        let other = Seed::new([7; Seed::OCTETS]);
        assert_ne!(seed().key("nhs.uk", Reach::Suffix), other.key("nhs.uk", Reach::Suffix));
        assert_eq!(format!("{other:?}"), "Seed(..)");
    }
}
