//! Where a flow says it goes: a name or an address, in one canonical form.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

/// The target of a flow.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Host {
    /// A DNS name.
    Name(Name),
    /// An address literal; an IPv4-mapped IPv6 address has become the IPv4 address it carries.
    Addr(IpAddr),
}

/// A DNS name: lower case, A-labels (`xn--`), no trailing dot, 1 to 253 octets (RFC 1035 section 2.3.4).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Name(Arc<str>);

/// Why a text is not a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Nothing there.
    #[error("is empty")]
    Empty,
    /// Longer than DNS allows, or a label longer than 63 octets.
    #[error("is longer than DNS allows (253 octets, 63 a label)")]
    TooLong,
    /// A label is empty: two dots in a row, or one in front.
    #[error("has an empty label")]
    EmptyLabel,
    /// A character that no host name has.
    #[error("has a character that no host name has")]
    Character,
    /// Not valid as an internationalised name (UTS 46).
    #[error("is not a valid internationalised name")]
    Idn,
    /// Ends in a number but is no IPv4 address: `127.1`, `0x7f.1`, `2130706433`. Some programs read these as
    /// addresses, so they would slip past a check by name.
    #[error("ends in a number but is not an IPv4 address")]
    NumericEnd,
    /// Brackets without an IPv6 address inside.
    #[error("is not an IPv6 address in brackets")]
    Brackets,
}

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This name, then each parent: `a.b.uk`, `b.uk`, `uk`.
    pub fn suffixes(&self) -> impl Iterator<Item = &str> {
        let mut rest = Some(&*self.0);
        std::iter::from_fn(move || {
            let here = rest?;
            rest = here.bytes().position(|byte| byte == b'.').map(|dot| &here[dot + 1..]);
            Some(here)
        })
    }

    /// Whether this is `parent` or a name under it.
    pub fn is_within(&self, parent: &Name) -> bool {
        let (own, of) = (self.as_str(), parent.as_str());
        own.strip_suffix(of).is_some_and(|front| front.is_empty() || front.ends_with('.'))
    }
}

impl FromStr for Name {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(HostError::Empty);
        }
        let plain =
            text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'_'));
        let name: Arc<str> = if plain && !text.as_bytes().windows(4).any(|at| at == b"xn--") {
            Arc::from(text)
        } else if text.is_ascii() && !text.to_ascii_lowercase().contains("xn--") {
            Arc::from(text.to_ascii_lowercase())
        } else {
            Arc::from(idna::domain_to_ascii(text).map_err(|_| HostError::Idn)?.trim_end_matches('.'))
        };
        if name.len() > 253 {
            return Err(HostError::TooLong);
        }
        let mut last: &[u8] = b"";
        for label in name.as_bytes().split(|byte| *byte == b'.') {
            match label.len() {
                0 => return Err(HostError::EmptyLabel),
                1..=63 => {}
                _ => return Err(HostError::TooLong),
            }
            if !label.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
                return Err(HostError::Character);
            }
            last = label;
        }
        let hex = last.strip_prefix(b"0x").is_some_and(|rest| rest.iter().all(u8::is_ascii_hexdigit));
        if hex || last.iter().all(u8::is_ascii_digit) {
            return Err(HostError::NumericEnd);
        }
        Ok(Name(name))
    }
}

impl FromStr for Host {
    type Err = HostError;

    /// A name, an IPv4 address, or an IPv6 address with or without brackets.
    fn from_str(text: &str) -> Result<Self, HostError> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(HostError::Brackets)?;
            return inner.parse::<Ipv6Addr>().map(Host::from).map_err(|_| HostError::Brackets);
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Host::from(address));
        }
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Ok(Host::from(address));
        }
        text.parse().map(Host::Name)
    }
}

impl<A: Into<IpAddr>> From<A> for Host {
    fn from(address: A) -> Self {
        Host::Addr(address.into().to_canonical())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Without brackets; put them where a port follows.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => name.fmt(f),
            Host::Addr(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_host_has_one_form() {
        for (text, canonical) in [
            ("WWW.Wales.NHS.uk.", "www.wales.nhs.uk"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
            ("_dmarc.nhs.uk", "_dmarc.nhs.uk"),
            ("[::1]", "::1"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("192.0.2.1", "192.0.2.1"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(text.parse::<Host>().unwrap().to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn what_no_host_is_has_its_reason() {
        let long = format!("{}.uk", "a".repeat(64));
        for (text, error) in [
            ("", HostError::Empty),
            (".", HostError::Empty),
            ("a..uk", HostError::EmptyLabel),
            (".uk", HostError::EmptyLabel),
            ("a b.uk", HostError::Character),
            ("a/b", HostError::Character),
            ("127.1", HostError::NumericEnd),
            ("2130706433", HostError::NumericEnd),
            ("0x7f.0x1", HostError::NumericEnd),
            ("[::1", HostError::Brackets),
            ("[nhs.uk]", HostError::Brackets),
            (long.as_str(), HostError::TooLong),
        ] {
            assert_eq!(text.parse::<Host>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_name_is_within_its_parents_only_at_a_dot() {
        let name: Name = "results.wales.nhs.uk".parse().unwrap();
        assert_eq!(name.suffixes().collect::<Vec<_>>(), ["results.wales.nhs.uk", "wales.nhs.uk", "nhs.uk", "uk"]);
        assert!(name.is_within(&"nhs.uk".parse().unwrap()));
        assert!(!name.is_within(&"hs.uk".parse().unwrap()));
    }
}
