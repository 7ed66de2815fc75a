//! What a person names as a target: a URL, a host, `host:port` or an address.

use std::fmt;
use std::str::FromStr;

use super::host::{Host, HostError};
use super::scheme::Scheme;

/// A host and the port on it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Target {
    /// The name or address.
    pub host: Host,
    /// The port.
    pub port: u16,
}

/// A target, and as much of the page on it as a gateway can see.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// The host and port.
    pub target: Target,
    /// The path and query of an `http` URL, without the first `/`; of others none can be seen.
    pub path: Option<Box<str>>,
}

/// Why a text is not a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The host part.
    #[error("the host {0}")]
    Host(#[from] HostError),
    /// The port part.
    #[error("a port is a number from 1 to 65535")]
    Port,
    /// A scheme without a port we know.
    #[error("the scheme must be http, https, ws or wss")]
    Scheme,
    /// `user:password@host`: deprecated, and never right in a proxy request (RFC 9110 section 4.2.4).
    #[error("names a user before an @")]
    UserInfo,
}

impl Target {
    /// Reads `host:port` as a CONNECT request names it: the port is required (RFC 9110 section 9.3.6).
    ///
    /// # Errors
    /// When the host is no host, or the port is missing or not from 1 to 65535.
    pub fn from_authority(text: &str) -> Result<Self, TargetError> {
        Self::parse(text, None)
    }

    /// Reads `host` or `host:port`, with a port for when none is written.
    ///
    /// # Errors
    /// When the host is no host, or the port is not from 1 to 65535.
    pub fn with_default_port(text: &str, port: u16) -> Result<Self, TargetError> {
        Self::parse(text, Some(port))
    }

    fn parse(text: &str, default: Option<u16>) -> Result<Self, TargetError> {
        if text.contains('@') {
            return Err(TargetError::UserInfo);
        }
        // A bare IPv6 address has colons of its own and no port.
        let bare_v6 = !text.starts_with('[') && text.matches(':').count() > 1;
        let cut = if bare_v6 { None } else { text.rfind(':').filter(|at| text.rfind(']').is_none_or(|end| end < *at)) };
        let (host, port) = match cut {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let port = match port {
            // RFC 3986 section 3.2.3: an empty port is the default one.
            None | Some("") => default.ok_or(TargetError::Port)?,
            Some(digits) if digits.len() <= 5 && digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|port| *port != 0).ok_or(TargetError::Port)?
            }
            Some(_) => return Err(TargetError::Port),
        };
        Ok(Target { host: host.parse()?, port })
    }
}

impl FromStr for Target {
    type Err = TargetError;

    /// A URL (its path is left out), a host, `host:port` or an address. Without scheme or port the port is 443.
    fn from_str(text: &str) -> Result<Self, TargetError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self::parse(text.split('/').next().unwrap_or_default(), Some(443));
        };
        let port = Scheme::of_url(scheme).ok_or(TargetError::Scheme)?.port();
        Self::parse(rest.split(['/', '?', '#']).next().unwrap_or_default(), Some(port))
    }
}

impl FromStr for Page {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let target = text.parse()?;
        let plain = text.split_once("://").filter(|(scheme, _)| scheme.eq_ignore_ascii_case("http"));
        let path = plain.map(|(_, rest)| rest.split('#').next().unwrap_or_default().split_once('/'));
        Ok(Page { target, path: path.map(|path| path.map_or("", |(_, path)| path).into()) })
    }
}

/// `host:port`, an IPv6 address in brackets.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Addr(address) if address.is_ipv6() => write!(f, "[{address}]:{}", self.port),
            host => write!(f, "{host}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_name_a_target() {
        for (text, canonical) in [
            ("https://www.facebook.com/", "www.facebook.com:443"),
            ("http://Example.UK/a?b:c@d", "example.uk:80"),
            ("wss://chat.example/", "chat.example:443"),
            ("http://[2001:db8::1]:8080/", "[2001:db8::1]:8080"),
            ("2001:db8::1", "[2001:db8::1]:443"),
            ("198.51.100.7", "198.51.100.7:443"),
            ("nhs.uk:80", "nhs.uk:80"),
            ("nhs.uk/path", "nhs.uk:443"),
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn the_path_of_a_page_is_seen_where_it_goes_unencrypted() {
        for (text, path) in [
            ("http://x.example/a/b?q=1#c", Some("a/b?q=1")),
            ("http://x.example", Some("")),
            ("https://x.example/a", None),
            ("x.example/a", None),
        ] {
            assert_eq!(text.parse::<Page>().unwrap().path.as_deref(), path, "{text}");
        }
    }

    #[test]
    fn what_no_target_is_has_its_reason() {
        for (text, error) in [
            ("ftp://nhs.uk/", TargetError::Scheme),
            ("https://a@nhs.uk/", TargetError::UserInfo),
            ("nhs.uk:0", TargetError::Port),
            ("nhs.uk:+80", TargetError::Port),
            ("nhs.uk:65536", TargetError::Port),
            ("https:///", TargetError::Host(HostError::Empty)),
        ] {
            assert_eq!(text.parse::<Target>(), Err(error), "{text}");
        }
        assert_eq!(Target::from_authority("nhs.uk"), Err(TargetError::Port));
        assert_eq!(Target::from_authority("nhs.uk:"), Err(TargetError::Port));
    }
}
