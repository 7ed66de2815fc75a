//! What a configuration says of categories.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::key::{Reach, Seed};
use super::list::{Keys, List};
use crate::base::cidr::CidrError;
use crate::base::host::HostError;
use crate::base::{CategoryId, Cidr, Host, Name, Source, TubeId};

/// All `[category.NAME]` tables, in the order of the file; ties between equal entries go to the earlier.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// The categories.
    pub categories: Vec<Category>,
    /// The tube of a flow that no category with a tube claims (the built-in category `other`).
    pub other: TubeId,
    /// What the lists' keys were made with.
    pub seed: Seed,
}

impl Spec {
    /// Gives back what only the building of a catalog needs: eight octets of each entry of a list.
    pub fn release(&mut self) {
        for list in self.categories.iter_mut().flat_map(|category| &mut category.lists) {
            if let Some(list) = Arc::get_mut(list) {
                list.keys = Keys::default();
            }
        }
    }
}

/// One `[category.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Category {
    /// Its name.
    pub id: CategoryId,
    /// The tube its flows ride in; without one, the next category that matches gives it.
    pub tube: Option<TubeId>,
    /// For people.
    pub about: Option<String>,
    /// No imported list can take these names away.
    pub protected: bool,
    /// What the table itself says is in it.
    pub entries: Vec<Entry>,
    /// Its lists.
    pub lists: Vec<Arc<List>>,
    /// Where the table begins.
    pub source: Source,
}

/// One line of a category's own.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it matches.
    pub pattern: Pattern,
    /// Where it stands.
    pub source: Source,
}

/// What an entry matches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// `example.com`: the name and every name under it.
    Suffix(Name),
    /// `=example.com`: that name only.
    Exact(Name),
    /// `198.51.100.0/24`: address-literal targets inside.
    Network(Cidr),
}

/// Why a text is no entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// `https://example.com`.
    #[error("has a scheme")]
    Scheme,
    /// `example.com:443`.
    #[error("has a port")]
    Port,
    /// `example.com/news`.
    #[error("has a path")]
    Path,
    /// `somebody@example.com`.
    #[error("has an @")]
    UserInfo,
    /// `*.example.com`, `a*b.example.com`.
    #[error("has a wildcard")]
    Wildcard,
    /// `.example.com`, as Squid writes it.
    #[error("begins with a dot")]
    LeadingDot,
    /// `0.0.0.0 example.com`, as a hosts file has it.
    #[error("has white space inside")]
    Space,
    /// `example.com#why`.
    #[error("has a # inside")]
    Comment,
    /// `=198.51.100.7`.
    #[error("has an = before an address")]
    ExactNetwork,
    /// Neither an address nor a network, though meant as one.
    #[error(transparent)]
    Network(CidrError),
    /// Not a name.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl PatternError {
    /// What to write instead.
    pub const fn hint(&self) -> Option<&'static str> {
        Some(match self {
            PatternError::Scheme | PatternError::Port | PatternError::Path | PatternError::UserInfo => {
                "write the host name alone, such as example.com"
            }
            PatternError::Wildcard | PatternError::LeadingDot => {
                "a name covers its subdomains, so example.com is enough; for that name only write =example.com"
            }
            PatternError::Space => "write one entry at a time, without an address in front",
            PatternError::Comment => "a comment needs a space before its #",
            PatternError::ExactNetwork => "write the address alone, such as 198.51.100.7",
            PatternError::Network(_) => "write a network such as 198.51.100.0/24 or 2001:db8::/32",
            PatternError::Host(_) => return None,
        })
    }
}

impl Pattern {
    /// How far it reaches. A network reaches no name.
    pub fn reach(&self) -> Reach {
        match self {
            Pattern::Exact(_) => Reach::Exact,
            Pattern::Suffix(_) | Pattern::Network(_) => Reach::Suffix,
        }
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    /// A name, `=name`, an address or a network.
    fn from_str(text: &str) -> Result<Self, PatternError> {
        // The longest name of 253 octets has fewer characters, of four octets each at most. What is longer is turned
        // away before any work is done on it.
        if text.len() > 4 * 253 {
            return Err(HostError::TooLong.into());
        }
        let (exact, host) = match text.strip_prefix('=') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if let Some(error) = foreign_to_a_host(host) {
            return Err(error);
        }
        if let Some((front, _)) = host.split_once('/') {
            // `10.4/16` is meant as a network; `example.com/news` as a page.
            let address = matches!(front.parse::<Host>(), Ok(Host::Addr(_)) | Err(HostError::NumericEnd));
            if !address {
                return Err(PatternError::Path);
            }
            let network = host.parse().map_err(PatternError::Network)?;
            return if exact { Err(PatternError::ExactNetwork) } else { Ok(Pattern::Network(network)) };
        }
        match host.parse() {
            Ok(Host::Name(name)) if exact => Ok(Pattern::Exact(name)),
            Ok(Host::Name(name)) => Ok(Pattern::Suffix(name)),
            Ok(Host::Addr(_)) if exact => Err(PatternError::ExactNetwork),
            Ok(Host::Addr(address)) => Ok(Pattern::Network(Cidr::from(address))),
            Err(_) if has_port(host) => Err(PatternError::Port),
            Err(error) => Err(error.into()),
        }
    }
}

/// What people leave around a host, told apart so that the answer can name it. The order matters: a URL has a path too,
/// and the scheme is what strikes the eye.
fn foreign_to_a_host(text: &str) -> Option<PatternError> {
    if text.contains(char::is_whitespace) {
        Some(PatternError::Space)
    } else if text.contains("://") {
        Some(PatternError::Scheme)
    } else if text.contains('*') {
        Some(PatternError::Wildcard)
    } else if text.contains('@') {
        Some(PatternError::UserInfo)
    } else if text.contains('#') {
        Some(PatternError::Comment)
    } else if text.strip_prefix('.').is_some_and(|rest| rest.starts_with(char::is_alphanumeric)) {
        Some(PatternError::LeadingDot)
    } else {
        None
    }
}

/// `host:8080` or `[::1]:8080`; an IPv6 address has colons of its own.
fn has_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        let whole = !host.is_empty() && (!host.contains(':') || host.ends_with(']'));
        whole && port.bytes().all(|b| b.is_ascii_digit())
    })
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Suffix(name) => name.fmt(f),
            Pattern::Exact(name) => write!(f, "={name}"),
            Pattern::Network(network) => network.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_name_that_name_only_or_a_network() {
        for (text, canonical) in [
            ("Example.COM.", "example.com"),
            ("=Example.com", "=example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("_dmarc.example", "_dmarc.example"),
            ("198.51.100.7", "198.51.100.7/32"),
            ("198.51.100.0/24", "198.51.100.0/24"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("[2001:db8::1]", "2001:db8::1/128"),
            ("0.0.0.0/0", "0.0.0.0/0"),
        ] {
            assert_eq!(text.parse::<Pattern>().map(|pattern| pattern.to_string()).as_deref(), Ok(canonical), "{text}");
        }
        assert!(matches!("example.com".parse(), Ok(Pattern::Suffix(_))));
        assert!(matches!("=example.com".parse(), Ok(Pattern::Exact(_))));
    }

    #[test]
    fn what_is_no_entry_is_told_by_what_is_wrong_with_it() {
        use PatternError::{
            Comment, ExactNetwork, Host, LeadingDot, Network, Path, Port, Scheme, Space, UserInfo, Wildcard,
        };
        let net: Cidr = "10.4.0.0/16".parse().unwrap();
        let long = "a".repeat(100_000);
        for (text, error) in [
            ("", Host(HostError::Empty)),
            ("=", Host(HostError::Empty)),
            ("https://example.com/news", Scheme),
            ("example.com:443", Port),
            ("=example.com:443", Port),
            ("198.51.100.7:80", Port),
            ("[2001:db8::1]:80", Port),
            ("example.com/", Path),
            ("example.com/news", Path),
            ("somebody@example.com", UserInfo),
            ("*.example.com", Wildcard),
            ("ads*.example.com", Wildcard),
            (".example.com", LeadingDot),
            ("0.0.0.0 example.com", Space),
            (" example.com", Space),
            ("example.com#why", Comment),
            ("=198.51.100.7", ExactNetwork),
            ("=198.51.100.0/24", ExactNetwork),
            ("10.4.1.0/16", Network(CidrError::HostBits(net))),
            ("10.4/16", Network(CidrError::Syntax)),
            ("10.0.0.0/33", Network(CidrError::Syntax)),
            ("127.1", Host(HostError::NumericEnd)),
            ("2001:db8::zz:1", Host(HostError::Character)),
            ("a..example", Host(HostError::EmptyLabel)),
            ("||example.com^", Host(HostError::Character)),
            (long.as_str(), Host(HostError::TooLong)),
        ] {
            assert_eq!(text.parse::<Pattern>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_wildcard_is_answered_with_what_a_name_covers() {
        let error = "*.example.com".parse::<Pattern>().unwrap_err();
        assert_eq!(error.to_string(), "has a wildcard");
        assert!(error.hint().unwrap().contains("covers its subdomains"));
    }
}
