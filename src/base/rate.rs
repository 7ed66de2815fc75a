//! Rates, sizes and spans of time as people write them: `20 Mbit/s`, `64 KiB`, `5 min`. Rates count bits, in powers
//! of ten, as links are sold; sizes count bytes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Which way bytes go.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Direction {
    /// To the client.
    Down,
    /// From the client.
    Up,
}

impl Direction {
    /// Both, in the order in which tables list them.
    pub const BOTH: [Direction; 2] = [Direction::Down, Direction::Up];

    /// The word in labels, logs and configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Direction::Down => "down",
            Direction::Up => "up",
        }
    }
}

/// Bits per second; never zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Rate(u64);

/// Bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Size(u64);

/// A span of time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span(pub Duration);

/// Why a text is not a rate, size or span.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// No number in front.
    #[error("does not begin with a number")]
    Number,
    /// The unit is not one of the allowed.
    #[error("the unit must be one of {0}")]
    Unit(&'static str),
    /// Zero makes no sense here.
    #[error("must be more than zero")]
    Zero,
    /// Does not fit.
    #[error("is too large")]
    TooLarge,
}

const RATE_UNITS: &[(&str, u64)] = &[("bit/s", 1), ("kbit/s", 1_000), ("Mbit/s", 1_000_000), ("Gbit/s", 1_000_000_000)];
const SIZE_UNITS: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];
const SPAN_UNITS_MS: &[(&str, u64)] = &[("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// `number unit`, with or without a space between; the number may have a fraction.
fn measure(text: &str, units: &[(&str, u64)], names: &'static str) -> Result<u64, UnitError> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = unit.trim();
    let scale = units.iter().find(|(name, _)| *name == unit).map(|(_, scale)| *scale);
    let number = number.replace('_', "");
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    if whole.is_empty() || whole.len() > 18 || fraction.len() > 9 || fraction.contains('.') {
        return Err(if whole.len() > 18 { UnitError::TooLarge } else { UnitError::Number });
    }
    let scale = u128::from(scale.ok_or(UnitError::Unit(names))?);
    let digits: u128 = format!("{whole}{fraction}").parse().map_err(|_| UnitError::Number)?;
    let power = 10u128.pow(u32::try_from(fraction.len()).map_err(|_| UnitError::TooLarge)?);
    u64::try_from(digits * scale / power).map_err(|_| UnitError::TooLarge)
}

impl Rate {
    /// 100 Tbit/s: beyond any link, and small enough that arithmetic on rates cannot overflow.
    pub const MAX: Rate = Rate(100_000_000_000_000);

    /// One bit a second.
    pub const BIT: Rate = Rate(1);

    /// A rate of so many bits per second; `None` for zero.
    pub const fn from_bits_per_second(bits: u64) -> Option<Rate> {
        if bits == 0 { None } else { Some(Rate(bits)) }
    }

    /// Bits per second.
    pub const fn bits_per_second(self) -> u64 {
        self.0
    }

    /// A part of it, or a multiple; never none.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // within its bounds
    pub fn times(self, part: f64) -> Rate {
        Rate(((self.0 as f64 * part) as u64).clamp(1, Rate::MAX.0))
    }

    /// Bytes per second.
    #[allow(clippy::cast_precision_loss)] // rates stay far below 2^52
    pub fn bytes_per_second(self) -> f64 {
        self.0 as f64 / 8.0
    }
}

impl Size {
    /// A size of so many bytes.
    pub const fn from_bytes(bytes: u64) -> Size {
        Size(bytes)
    }

    /// Bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let bits = measure(text, RATE_UNITS, "bit/s, kbit/s, Mbit/s, Gbit/s")?;
        if bits > Rate::MAX.0 {
            return Err(UnitError::TooLarge);
        }
        Rate::from_bits_per_second(bits).ok_or(UnitError::Zero)
    }
}

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        measure(text, SIZE_UNITS, "B, KB, MB, GB, KiB, MiB, GiB").map(Size)
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        measure(text, SPAN_UNITS_MS, "ms, s, min, h, d").map(|ms| Span(Duration::from_millis(ms)))
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The largest unit that leaves at most two decimals: `2.5 Mbit/s`, `64 kbit/s`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, scale) = RATE_UNITS
            .iter()
            .rev()
            .find(|(_, scale)| self.0 >= *scale && (self.0 * 100).is_multiple_of(*scale))
            .unwrap_or(&("bit/s", 1));
        let hundredths = self.0 * 100 / scale;
        match (hundredths / 100, hundredths % 100) {
            (whole, 0) => write!(f, "{whole} {name}"),
            (whole, part) if part % 10 == 0 => write!(f, "{whole}.{} {name}", part / 10),
            (whole, part) => write!(f, "{whole}.{part:02} {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_as_people_write_them() {
        for (text, bits) in [
            ("64000 bit/s", 64_000),
            ("512 kbit/s", 512_000),
            ("20 Mbit/s", 20_000_000),
            ("20Mbit/s", 20_000_000),
            ("2.5 Gbit/s", 2_500_000_000),
        ] {
            assert_eq!(text.parse::<Rate>().unwrap().bits_per_second(), bits, "{text}");
        }
    }

    #[test]
    fn a_wrong_unit_names_the_allowed_ones() {
        assert_eq!(
            "20 Mb/s".parse::<Rate>().unwrap_err().to_string(),
            "the unit must be one of bit/s, kbit/s, Mbit/s, Gbit/s"
        );
        assert_eq!("20".parse::<Rate>(), Err(UnitError::Unit("bit/s, kbit/s, Mbit/s, Gbit/s")));
        assert_eq!("fast".parse::<Rate>(), Err(UnitError::Number));
        assert_eq!("0 Mbit/s".parse::<Rate>(), Err(UnitError::Zero));
        assert_eq!("99999999999 Gbit/s".parse::<Rate>(), Err(UnitError::TooLarge));
    }

    #[test]
    fn sizes_and_spans_know_their_units() {
        assert_eq!("64 KiB".parse::<Size>().unwrap().bytes(), 65_536);
        assert_eq!("5 MB".parse::<Size>().unwrap().bytes(), 5_000_000);
        assert_eq!("5 min".parse::<Span>().unwrap().0, Duration::from_secs(300));
        assert_eq!("0.5 s".parse::<Span>().unwrap().0, Duration::from_millis(500));
    }

    #[test]
    fn a_rate_prints_in_the_unit_a_person_would_choose() {
        for text in ["64 kbit/s", "20 Mbit/s", "2.5 Gbit/s", "999 bit/s", "1.25 Mbit/s"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
    }
}
