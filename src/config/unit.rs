//! Rates and spans of time: the person's own number in the unit that was most likely meant.

use std::str::FromStr;

use toml::de::DeValue;

use super::value::{Readable, Wrong};
use crate::base::{Rate, Span};

impl Readable for Rate {
    const KIND: &'static str = "a rate in a string";
    const EXAMPLE: &'static str = r#""20 Mbit/s""#;

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        read(raw, rate)
    }
}

impl Readable for Span {
    const KIND: &'static str = "a time in a string";
    const EXAMPLE: &'static str = r#""10 s""#;

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        read(raw, span)
    }
}

fn read<T: FromStr<Err: std::fmt::Display>>(raw: &DeValue<'_>, meant: fn(&str) -> Option<String>) -> Result<T, Wrong> {
    let text = raw.as_str().ok_or(Wrong::Kind)?;
    text.parse().map_err(|error: T::Err| Wrong::Value { why: error.to_string(), hint: meant(text) })
}

/// The rate that was most likely meant. Whether a `B` is a slip for bits or stands for bytes only its writer knows.
fn rate(text: &str) -> Option<String> {
    let (number, unit) = split(text)?;
    let letter = unit.chars().next()?.to_ascii_lowercase();
    let (prefix, base) = match letter {
        'k' => ("k", &unit[1..]),
        'm' => ("M", &unit[1..]),
        'g' => ("G", &unit[1..]),
        _ => ("", unit),
    };
    let plain = base.to_ascii_lowercase();
    let written = format!("{number} {prefix}bit/s");
    let bits: Rate = written.parse().ok()?;
    let in_bytes = || Rate::from_bits_per_second(bits.bits_per_second().checked_mul(8)?);
    match plain.as_str() {
        "b/s" | "bps" | "b" if base.starts_with('B') => {
            Some(format!("write `\"{written}\"`, or `\"{}\"` if you count bytes", in_bytes()?))
        }
        "byte/s" | "bytes/s" | "byte" | "bytes" => Some(format!("rates count bits: write `\"{}\"`", in_bytes()?)),
        "bit/s" | "bits/s" | "bit" | "bits" | "b/s" | "b" | "bps" | "bit/sec" | "bits/sec" => {
            Some(format!("write `\"{written}\"`"))
        }
        "" if !prefix.is_empty() => Some(format!("write `\"{written}\"`")),
        _ => None,
    }
}

/// The span that was most likely meant.
fn span(text: &str) -> Option<String> {
    let (number, unit) = split(text)?;
    let unit = match unit.to_ascii_lowercase().as_str() {
        "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => "ms",
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "min",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        _ => return None,
    };
    let written = format!("{number} {unit}");
    written.parse::<Span>().ok()?;
    Some(format!("write `\"{written}\"`"))
}

/// A number and what follows it.
fn split(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').filter(|at| *at > 0)?;
    let (number, unit) = text.split_at(at);
    let unit = unit.trim();
    unit.is_ascii().then_some((number, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_a_unit_gives_the_same_number_in_the_right_one() {
        for (text, meant) in [
            ("40 MBit/s", Some("write `\"40 Mbit/s\"`")),
            ("2.5gbps", Some("write `\"2.5 Gbit/s\"`")),
            ("40 Mb/s", Some("write `\"40 Mbit/s\"`")),
            ("40M", Some("write `\"40 Mbit/s\"`")),
            ("512 Kbits/s", Some("write `\"512 kbit/s\"`")),
            ("9600 bps", Some("write `\"9600 bit/s\"`")),
            ("5 MB/s", Some("write `\"5 Mbit/s\"`, or `\"40 Mbit/s\"` if you count bytes")),
            ("5 MByte/s", Some("rates count bits: write `\"40 Mbit/s\"`")),
            ("40", None),
            ("40 furlongs", None),
            ("0 Mb/s", None),
            ("Mb/s", None),
            ("40 ŵ", None),
            ("", None),
        ] {
            assert_eq!(rate(text).as_deref(), meant, "{text}");
        }
        for (text, meant) in [
            ("30sec", Some("write `\"30 s\"`")),
            ("1.5 Hours", Some("write `\"1.5 h\"`")),
            ("5 m", Some("write `\"5 min\"`")),
            ("100 MSEC", Some("write `\"100 ms\"`")),
            ("30", None),
            ("2 moons", None),
            ("soon", None),
        ] {
            assert_eq!(span(text).as_deref(), meant, "{text}");
        }
    }
}
