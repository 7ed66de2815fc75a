//! Something in one policy that contradicts itself or is missing, with the place where it stands.

use serde::Serialize;

use crate::base::Source;

/// What kind of finding it is; the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// What care needs is blocked.
    CareBlocked,
    /// What care needs waits behind others.
    CareWaits,
    /// Two rules say opposite things of the same flows.
    Rules,
    /// Hosts of one service are answered differently.
    Service,
    /// A reason in one language only.
    Language,
    /// A category that nothing uses.
    Unused,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whose policy.
    pub trust: String,
    /// What kind.
    pub kind: About,
    /// What is wrong, for people.
    pub words: String,
    /// The services of the panel that it concerns.
    pub services: Vec<String>,
    /// The file it stands in.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

impl About {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            About::CareBlocked => "care blocked",
            About::CareWaits => "care waits",
            About::Rules => "opposite rules",
            About::Service => "one service, two answers",
            About::Language => "one language only",
            About::Unused => "unused category",
        }
    }
}

impl Finding {
    /// A finding at a place; it concerns no service yet.
    pub fn new(trust: &str, kind: About, source: &Source, words: String) -> Finding {
        let file = source.file.display().to_string();
        Finding { trust: trust.to_owned(), kind, words, services: Vec::new(), file, line: source.line }
    }

    /// The place as a person would look for it.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}
