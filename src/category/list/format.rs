//! The ways in which lists are written. A format is declared, never guessed: the same bytes mean one thing to Squid and
//! another to squidGuard.

use std::fmt;
use std::str::FromStr;

/// How a list is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Format {
    /// As `domains` and `networks` of a category, an entry a line.
    Plain,
    /// A folder of squidGuard's, such as those of the University of Toulouse: `domains`, `urls`, `expressions`.
    Ut1,
    /// A hosts file: an address, then names; each that name only (hosts(5)).
    Hosts,
    /// Squid's `dstdomain`: `example.com` that name only, `.example.com` with all under it.
    Squid,
    /// A file of v2fly's domain-list-community, beside those that it includes.
    V2fly,
    /// A filter of AdGuard's or uBlock's, as far as it is about names.
    Adguard,
    /// A response policy zone (draft-vixie-dnsop-dns-rpz).
    Rpz,
    /// Microsoft 365's endpoints, as its web service gives them.
    M365,
}

impl Format {
    /// Every format, in the order in which help lists them.
    pub const ALL: &'static [Format] = &[
        Format::Plain,
        Format::Ut1,
        Format::Hosts,
        Format::Squid,
        Format::V2fly,
        Format::Adguard,
        Format::Rpz,
        Format::M365,
    ];

    /// The word in configuration and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Format::Plain => "plain",
            Format::Ut1 => "ut1",
            Format::Hosts => "hosts",
            Format::Squid => "squid",
            Format::V2fly => "v2fly",
            Format::Adguard => "adguard",
            Format::Rpz => "rpz",
            Format::M365 => "m365",
        }
    }

    /// Whether a list of this format may well be written like another.
    pub fn takes(self, like: Format) -> bool {
        // Filters have lines of a hosts file among them.
        self == like || (self == Format::Adguard && like == Format::Hosts)
    }

    /// What a text looks like, where it has the marks of a format: the first hundred lines that are no comments are looked
    /// at. A list of names alone could be any of three, so it looks like none.
    pub fn looks_like(text: &str) -> Option<Format> {
        let start = text.trim_start();
        if start.starts_with(['[', '{']) && start.contains("\"urls\"") {
            return Some(Format::M365);
        }
        let said = |line: &&str| !line.is_empty() && !line.starts_with(['#', '!', ';']);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(said).take(SAMPLE).collect();
        let most = |like: &dyn Fn(&str) -> bool| {
            let count = lines.iter().filter(|line| like(line)).count();
            count > 0 && count * 2 >= lines.len()
        };
        let any = |like: &dyn Fn(&str) -> bool| lines.iter().any(|line| like(line));
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        if any(&|line| line.starts_with("$TTL") || line.contains(" SOA ") || line.contains("\tSOA\t"))
            || most(&|line| words(line).iter().skip(1).any(|word| word.eq_ignore_ascii_case("CNAME")))
        {
            Some(Format::Rpz)
        } else if most(&|line| {
            line.split_whitespace().next().is_some_and(|word| word.parse::<std::net::IpAddr>().is_ok())
                && line.split_whitespace().nth(1).is_some()
        }) {
            Some(Format::Hosts)
        } else if any(&|line| line.starts_with("||") || line.starts_with("@@") || line.contains("##")) {
            Some(Format::Adguard)
        } else if any(&|line| {
            ["full:", "keyword:", "regexp:", "include:", "domain:"].iter().any(|kind| line.starts_with(kind))
        }) {
            Some(Format::V2fly)
        } else if any(&|line| line.starts_with('.')) {
            Some(Format::Squid)
        } else if any(&|line| line.starts_with('=')) {
            Some(Format::Plain)
        } else {
            None
        }
    }
}

/// Lines that tell a format.
const SAMPLE: usize = 100;

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Format::ALL.iter().find(|format| format.as_str() == text);
        known.copied().ok_or_else(|| {
            let all: Vec<_> = Format::ALL.iter().map(|format| format.as_str()).collect();
            format!("is none of {}", all.join(", "))
        })
    }
}
