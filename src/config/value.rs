//! How single values are written: what each is called, a working example, and how it is read.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use jiff::civil::{Date, DateTime};
use toml::de::{DeInteger, DeValue};

use crate::base::cidr::CidrError;
use crate::base::{Cidr, Name, Target, Window};
use crate::category::{Pattern, PatternError};

/// A type that a value can be read as.
pub(super) trait Readable: Sized {
    /// What it is called: `a rate`.
    const KIND: &'static str;
    /// A working example, as it is written.
    const EXAMPLE: &'static str;
    /// Whether messages may repeat what was written; false for what may hold a password.
    const SHOWN: bool = true;

    /// Reads it.
    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong>;
}

/// Why a value cannot be read.
pub(super) enum Wrong {
    /// It is another kind of value.
    Kind,
    /// It is the right kind, but cannot be.
    Value {
        /// Why.
        why: String,
        /// Better than the example.
        hint: Option<String>,
    },
}

impl Wrong {
    fn because(why: impl std::fmt::Display) -> Self {
        Wrong::Value { why: why.to_string(), hint: None }
    }
}

/// A name that a person gives: it becomes a metric label, a log field and part of an HTTP field.
pub(super) struct Label(pub(super) String);

/// Why a text is no name, if it is none.
pub(super) fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("it is empty");
    }
    if name.len() > 64 {
        return Err("it is longer than 64 characters");
    }
    if name.starts_with(' ') || name.ends_with(' ') {
        return Err("it begins or ends with a space");
    }
    // RFC 9651 section 3.3.3: what a quoted string in a header field may hold without escapes.
    if name.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\') {
        Ok(())
    } else {
        Err("it has a character that no name may have")
    }
}

/// A part of a hundred, such as `"50%"`; it may be more than the whole.
pub(super) struct Percent(pub(super) u32);

impl Readable for Percent {
    const KIND: &'static str = "a percentage in a string";
    const EXAMPLE: &'static str = r#""50%""#;

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        let text = raw.as_str().ok_or(Wrong::Kind)?;
        let number = text.strip_suffix('%').and_then(|number| number.trim().parse().ok()).filter(|number| *number > 0);
        number.map(Percent).ok_or_else(|| Wrong::because("it is no whole number of percent"))
    }
}

/// Where a list is fetched from.
pub(super) struct Url(pub(super) String);

impl Readable for Url {
    const KIND: &'static str = "a URL in a string";
    const EXAMPLE: &'static str = r#""https://lists.example/malware.txt""#;

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        let text = raw.as_str().ok_or(Wrong::Kind)?;
        let Some(rest) = text.strip_prefix("https://") else {
            return Err(Wrong::because(
                "lists are fetched by `https` alone, so that nobody on the way can change them",
            ));
        };
        if text.parse::<Target>().is_err() || rest.starts_with('/') || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Wrong::because("it is no URL"));
        }
        Ok(Url(text.to_owned()))
    }
}

macro_rules! texts {
    ($($type:ty, $kind:literal, $example:literal;)*) => {$(
        impl Readable for $type {
            const KIND: &'static str = $kind;
            const EXAMPLE: &'static str = $example;

            fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
                raw.as_str().ok_or(Wrong::Kind)?.parse().map_err(Wrong::because)
            }
        }
    )*};
}

texts! {
    Window, "a window in a string", r#""Mon-Fri 12:00-14:00 except bank-holidays""#;
    Name, "a name in a string", r#""intranet.example""#;
    Target, "a target in a string", r#""https://www.example.org/""#;
}

impl Readable for String {
    const KIND: &'static str = "a string";
    const EXAMPLE: &'static str = r#""text""#;

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        let text = raw.as_str().ok_or(Wrong::Kind)?;
        if text.trim().is_empty() { Err(Wrong::because("it says nothing")) } else { Ok(text.to_owned()) }
    }
}

impl Readable for Label {
    const KIND: &'static str = "a name in a string";
    const EXAMPLE: &'static str = r#""staff""#;

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        let text = raw.as_str().ok_or(Wrong::Kind)?;
        match check_name(text) {
            Ok(()) => Ok(Label(text.to_owned())),
            Err(why) => Err(Wrong::Value { why: why.to_owned(), hint: Some(super::table::NAMES.to_owned()) }),
        }
    }
}

impl Readable for PathBuf {
    const KIND: &'static str = "a path in a string";
    const EXAMPLE: &'static str = r#""policy.toml""#;

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        match raw.as_str().ok_or(Wrong::Kind)? {
            "" => Err(Wrong::because("it is empty")),
            text if text.contains('\0') => Err(Wrong::because("no path has a null character")),
            text => Ok(PathBuf::from(text)),
        }
    }
}

impl Readable for bool {
    const KIND: &'static str = "true or false";
    const EXAMPLE: &'static str = "true";

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        raw.as_bool().ok_or(Wrong::Kind)
    }
}

impl Readable for u8 {
    const KIND: &'static str = "a number from 0 to 255";
    const EXAMPLE: &'static str = "1";

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        integer(raw)?.try_into().map_err(|_| Wrong::because("a number from 0 to 255 is wanted"))
    }
}

impl Readable for u32 {
    const KIND: &'static str = "a number";
    const EXAMPLE: &'static str = "20000";

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        integer(raw)?.try_into().map_err(|_| Wrong::because("a number from 0 to 4294967295 is wanted"))
    }
}

impl Readable for IpAddr {
    const KIND: &'static str = "an address in a string";
    const EXAMPLE: &'static str = r#""192.0.2.1""#;

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        let text = raw.as_str().ok_or(Wrong::Kind)?;
        let address: Result<IpAddr, _> = text.parse();
        // An IPv4 address in IPv6 clothes is the IPv4 address everywhere else too.
        address.map(|address| address.to_canonical()).map_err(|_| Wrong::because("it is not an IPv4 or IPv6 address"))
    }
}

impl Readable for SocketAddr {
    const KIND: &'static str = "an address and port in a string";
    const EXAMPLE: &'static str = r#""127.0.0.1:3128""#;

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        let text = raw.as_str().ok_or(Wrong::Kind)?;
        text.parse().map_err(|_| {
            let hint = match (text.parse::<IpAddr>(), text.strip_prefix(':')) {
                (Ok(IpAddr::V4(v4)), _) => Some(format!("a port must follow: `\"{v4}:3128\"`")),
                (Ok(IpAddr::V6(v6)), _) => {
                    Some(format!("a port must follow, and brackets stand around: `\"[{v6}]:3128\"`"))
                }
                (_, Some(port)) => Some(format!("for every address of this machine write `\"[::]:{}\"`", short(port))),
                _ => None,
            };
            Wrong::Value { why: "it is not an address and port".to_owned(), hint }
        })
    }
}

impl Readable for Cidr {
    const KIND: &'static str = "a network in a string";
    const EXAMPLE: &'static str = r#"["10.4.0.0/16"]"#;

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        raw.as_str().ok_or(Wrong::Kind)?.parse().map_err(|error: CidrError| {
            let hint = match &error {
                CidrError::HostBits(network) => Some(format!("write `\"{network}\"`")),
                CidrError::Syntax => None,
            };
            let why = match error {
                CidrError::HostBits(_) => "it has bits set beyond its prefix".to_owned(),
                CidrError::Syntax => "it is not an address or network".to_owned(),
            };
            Wrong::Value { why, hint }
        })
    }
}

/// An item of `domains`: a name, with or without `=`.
impl Readable for Pattern {
    const KIND: &'static str = "a name in a string";
    const EXAMPLE: &'static str = r#"["example.org", "=www.example.org"]"#;

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        let text = raw.as_str().ok_or(Wrong::Kind)?;
        match text.trim().parse() {
            Ok(Pattern::Network(network)) => {
                let hint = format!("write it in `networks = [\"{network}\"]`");
                Err(Wrong::Value { why: "it is an address, not a name".to_owned(), hint: Some(hint) })
            }
            Ok(pattern) => Ok(pattern),
            Err(error) => {
                let hint = meant(text).or_else(|| error.hint().map(str::to_owned));
                Err(Wrong::Value { why: format!("it {error}"), hint })
            }
        }
    }
}

/// What was most likely meant by a text that is no pattern: `https://*.example.com:8080/x` is `example.com`.
pub(super) fn meant(text: &str) -> Option<String> {
    let text = text.trim();
    if let Err(PatternError::Network(error)) = text.parse::<Pattern>() {
        return match error {
            CidrError::HostBits(network) => Some(format!("write `{network}`")),
            CidrError::Syntax => None,
        };
    }
    let (equals, host) = text.strip_prefix('=').map_or(("", text), |rest| ("=", rest));
    let host = host.split_once("://").map_or(host, |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let bare = host.trim_start_matches(['*', '.']);
    let bare = match bare.rsplit_once(':') {
        Some((front, port)) if !front.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) => front,
        _ => bare,
    };
    Some(match format!("{equals}{bare}").parse().ok()? {
        near @ Pattern::Suffix(_) if bare.len() < host.len() && host.starts_with(['*', '.']) => {
            format!("write `{near}`: it covers its subdomains")
        }
        near => format!("write `{near}`"),
    })
}

/// A TOML date, or a string with one.
impl Readable for Date {
    const KIND: &'static str = "a date";
    const EXAMPLE: &'static str = "2027-03-31";

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        let text = match raw {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(when) if when.time.is_none() && when.offset.is_none() => when.to_string(),
            DeValue::Datetime(_) => {
                return Err(Wrong::because("a day is wanted, without a time"));
            }
            _ => return Err(Wrong::Kind),
        };
        let digits = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        text.parse().ok().filter(|_| digits).ok_or_else(|| Wrong::because("it is not a day, written year-month-day"))
    }
}

/// A time of day on a day, by the clock of the gateway's place.
impl Readable for DateTime {
    const KIND: &'static str = "a date and time in a string";
    const EXAMPLE: &'static str = r#""2026-11-24 12:30""#;

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        let text = match raw {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(when) if when.offset.is_none() => when.to_string(),
            DeValue::Datetime(_) => return Err(Wrong::because("it is read in the gateway's zone and takes no offset")),
            _ => return Err(Wrong::Kind),
        };
        let timed = text.len() > 10 && text.len() < 30;
        text.parse().ok().filter(|_| timed).ok_or_else(|| Wrong::because("it is neither `now` nor a day and a time"))
    }
}

/// Ports: a number, or a range in a string.
impl Readable for RangeInclusive<u16> {
    const KIND: &'static str = "a port or a range of ports";
    const EXAMPLE: &'static str = r#"[80, 443, "8000-8099"]"#;

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0);
        let outside = || Wrong::because("a port is a number from 1 to 65535");
        match raw {
            DeValue::Integer(number) => {
                let port = whole(number).and_then(|n| u16::try_from(n).ok()).filter(|port| *port > 0);
                port.map(|port| port..=port).ok_or_else(outside)
            }
            DeValue::String(text) => {
                let (from, to) = text.split_once('-').unwrap_or((text, text));
                let (from, to) = (port(from).ok_or_else(outside)?, port(to).ok_or_else(outside)?);
                if from <= to { Ok(from..=to) } else { Err(Wrong::because("the range ends before it begins")) }
            }
            _ => Err(Wrong::Kind),
        }
    }
}

/// A DSCP by its name in the registry of IANA, or as a number.
pub(super) struct Dscp(pub(super) u8);

impl Readable for Dscp {
    const KIND: &'static str = "a DSCP: a name or a number from 0 to 63";
    const EXAMPLE: &'static str = r#""LE""#;

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        let number = match raw {
            DeValue::Integer(number) => whole(number).and_then(|n| u8::try_from(n).ok()),
            DeValue::String(text) => dscp(&text.to_ascii_uppercase()).or_else(|| text.parse().ok()),
            _ => return Err(Wrong::Kind),
        };
        let names = "a name (LE, EF, VA, DF, CS0 to CS7, AF11 to AF43) or a number from 0 to 63 is wanted";
        number.filter(|number| *number < 64).map(Dscp).ok_or_else(|| Wrong::because(names))
    }
}

/// RFC 2474 (CS), 2597 (AF), 3246 (EF), 5865 (VA), 8622 (LE).
fn dscp(name: &str) -> Option<u8> {
    let digit = |b: u8, most: u8| b.checked_sub(b'0').filter(|digit| *digit <= most);
    match name.as_bytes() {
        b"DF" | b"BE" => Some(0),
        b"LE" => Some(1),
        b"EF" => Some(46),
        b"VA" | b"VOICE-ADMIT" => Some(44),
        [b'C', b'S', class] => digit(*class, 7).map(|class| class * 8),
        [b'A', b'F', class, drop] => match (digit(*class, 4)?, digit(*drop, 3)?) {
            (0, _) | (_, 0) => None,
            (class, drop) => Some(class * 8 + drop * 2),
        },
        _ => None,
    }
}

fn integer(raw: &DeValue<'_>) -> Result<i128, Wrong> {
    match raw {
        DeValue::Integer(number) => whole(number).ok_or_else(|| Wrong::because("it is too large")),
        _ => Err(Wrong::Kind),
    }
}

fn whole(number: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(number.as_str(), number.radix()).ok()
}

/// The kind of a value, with its article.
pub(super) fn kind(raw: &DeValue<'_>) -> &'static str {
    match raw {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The value as messages repeat it.
pub(super) fn found(raw: &DeValue<'_>) -> Option<String> {
    match raw {
        DeValue::String(text) => Some(quoted(text)),
        DeValue::Integer(number) => Some(short(&number.to_string())),
        DeValue::Float(number) => Some(short(&number.to_string())),
        DeValue::Boolean(yes) => Some(yes.to_string()),
        DeValue::Datetime(when) => Some(when.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// A text in quotes, on one line and not longer than a message may hold.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", short(text))
}

/// A text on one line and not longer than a message may hold.
pub(super) fn short(text: &str) -> String {
    const MOST: usize = 60;
    let mut out: String = text.chars().take(MOST).flat_map(shown).collect();
    if text.chars().nth(MOST).is_some() {
        out.push('…');
    }
    out
}

/// A control character becomes an escape: it must not reach a terminal.
fn shown(c: char) -> impl Iterator<Item = char> {
    let escape = c.is_control().then(|| c.escape_default());
    let plain = if c.is_control() { None } else { Some(c) };
    plain.into_iter().chain(escape.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_points_have_the_values_of_their_rfcs() {
        for (name, value) in [("LE", 1), ("EF", 46), ("CS0", 0), ("CS7", 56), ("AF11", 10), ("AF43", 38), ("VA", 44)] {
            assert_eq!(dscp(name), Some(value), "{name}");
        }
        for name in ["CS8", "AF01", "AF14", "AF50", "XX", ""] {
            assert_eq!(dscp(name), None, "{name}");
        }
    }

    #[test]
    fn what_was_meant_is_found_in_what_was_written() {
        for (text, hint) in [
            ("*.facebook.com", Some("write `facebook.com`: it covers its subdomains")),
            (".facebook.com", Some("write `facebook.com`: it covers its subdomains")),
            ("=*.facebook.com", Some("write `=facebook.com`")),
            ("https://www.facebook.com/groups?a=b", Some("write `www.facebook.com`")),
            ("facebook.com:443", Some("write `facebook.com`")),
            ("10.4.1.0/16", Some("write `10.4.0.0/16`")),
            ("10.4.1.0/99", None),
            ("a.*.com", None),
            ("a b", None),
            ("", None),
        ] {
            assert_eq!(meant(text).as_deref(), hint, "{text}");
        }
    }

    #[test]
    fn what_is_repeated_in_a_message_is_short_and_holds_no_control_character() {
        assert_eq!(quoted("a\x1b[31m\n"), "\"a\\u{1b}[31m\\n\"");
        assert_eq!(short(&"x".repeat(100)).chars().count(), 61);
    }
}
