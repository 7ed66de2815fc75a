//! What is looked for inside names: keywords and regular expressions of all lists, in one automaton.

use std::fmt;

use regex::{RegexSet, RegexSetBuilder};

/// What is looked for in a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wild {
    /// A name that contains it.
    Keyword(Box<str>),
    /// A name that it matches.
    Regexp(Box<str>),
    /// A page's address that it matches: host and path where that can be seen, else the host alone.
    Page(Box<str>),
}

/// Octets that one expression may compile to: some thousand states. A list made by others must not fill the memory.
const ONE: usize = 1 << 20;
/// Expressions of one automaton. What each may be alone, all of them may be together.
const TOGETHER: usize = 1_000;

impl Wild {
    /// A keyword; why it is none.
    pub fn keyword(text: &str) -> Result<Self, String> {
        let text = text.to_ascii_lowercase();
        match text.len() {
            0 => Err("is empty".to_owned()),
            1..=2 => Err("is too short for a keyword: it would match a great part of all names".to_owned()),
            _ if text.chars().any(|c| c.is_whitespace() || c.is_control()) => Err("has white space inside".to_owned()),
            _ => Ok(Wild::Keyword(text.into())),
        }
    }

    /// A regular expression over names, as the crate `regex` reads it; why it is none.
    pub fn regexp(text: &str) -> Result<Self, String> {
        expression(text).map(Wild::Regexp)
    }

    /// A regular expression over the addresses of pages.
    pub fn page(text: &str) -> Result<Self, String> {
        expression(text).map(Wild::Page)
    }

    /// One letter for each kind, as lists are kept.
    pub fn kind(&self) -> char {
        match self {
            Wild::Keyword(_) => 'k',
            Wild::Regexp(_) => 'r',
            Wild::Page(_) => 'p',
        }
    }

    /// What it is made of.
    pub fn text(&self) -> &str {
        match self {
            Wild::Keyword(text) | Wild::Regexp(text) | Wild::Page(text) => text,
        }
    }

    /// One that was kept.
    pub fn of(kind: char, text: &str) -> Option<Self> {
        match kind {
            'k' => Wild::keyword(text).ok(),
            'r' => Wild::regexp(text).ok(),
            'p' => Wild::page(text).ok(),
            _ => None,
        }
    }

    fn expression(&self) -> String {
        match self {
            Wild::Keyword(text) => regex::escape(text),
            Wild::Regexp(text) | Wild::Page(text) => text.to_string(),
        }
    }
}

/// As v2fly's lists write it.
impl fmt::Display for Wild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wild::Keyword(text) => write!(f, "keyword:{text}"),
            Wild::Regexp(text) | Wild::Page(text) => write!(f, "regexp:{text}"),
        }
    }
}

fn expression(text: &str) -> Result<Box<str>, String> {
    let built = regex::RegexBuilder::new(text).case_insensitive(true).size_limit(ONE).build();
    match built {
        Ok(expression) if expression.is_match("") => Err("matches every name".to_owned()),
        Ok(_) => Ok(text.into()),
        Err(regex::Error::CompiledTooBig(_)) => Err("is too large a regular expression".to_owned()),
        Err(error) => {
            let why = error.to_string();
            let last = why.lines().last().unwrap_or_default().trim();
            Err(format!("is no regular expression: {}", last.strip_prefix("error: ").unwrap_or(last)))
        }
    }
}

/// Some of a configuration's, ready to be asked.
#[derive(Clone, Debug, Default)]
pub struct Wilds {
    automatons: Vec<(RegexSet, Vec<u32>)>,
}

impl Wilds {
    /// From each with its entry.
    pub fn new<'a>(wilds: impl IntoIterator<Item = (&'a Wild, u32)>) -> Self {
        let all: Vec<(String, u32)> = wilds.into_iter().map(|(wild, entry)| (wild.expression(), entry)).collect();
        let automaton = |some: &[(String, u32)]| {
            let mut builder = RegexSetBuilder::new(some.iter().map(|(expression, _)| expression));
            // Each of them was built alone before, within what is its own of this.
            let built = builder.case_insensitive(true).size_limit(ONE * some.len()).build();
            Some((built.ok()?, some.iter().map(|(_, entry)| *entry).collect()))
        };
        Wilds { automatons: all.chunks(TOGETHER).filter_map(automaton).collect() }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.automatons.is_empty()
    }

    /// The entries that match a text, in their order.
    pub fn find(&self, text: &str) -> Vec<u32> {
        let matched =
            |(set, entries): &(RegexSet, Vec<u32>)| set.matches(text).iter().map(|at| entries[at]).collect::<Vec<_>>();
        self.automatons.iter().flat_map(matched).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_and_expressions_are_found_together() {
        let wilds = [
            Wild::keyword("Casino").unwrap(),
            Wild::regexp(r"(^|\.)[1-5]gaoap\.com$").unwrap(),
            Wild::keyword("a.b").unwrap(),
        ];
        let all = Wilds::new(wilds.iter().zip([7, 8, 9]));
        for (name, entries) in [
            ("www.supercasino.example", &[7][..]),
            ("3gaoap.com", &[8]),
            ("x.3gaoap.com", &[8]),
            ("x3gaoap.com", &[]),
            ("casino.a.b.example", &[7, 9]),
            ("axb.example", &[]),
        ] {
            assert_eq!(all.find(name), entries, "{name}");
        }
        assert!(Wilds::default().find("x.example").is_empty());
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_reason() {
        for (wild, why) in [
            (Wild::keyword("ab"), "is too short for a keyword: it would match a great part of all names"),
            (Wild::keyword("a b c"), "has white space inside"),
            (Wild::regexp(".*"), "matches every name"),
            (Wild::regexp("a{1000}{1000}"), "is too large a regular expression"),
            (Wild::regexp("(abc"), "is no regular expression: unclosed group"),
        ] {
            assert_eq!(wild, Err(why.to_owned()));
        }
    }
}
