//! What a gateway and its successor say to each other. Either may be of another version than the other: what one does not
//! know it passes over, and what it does not hear has a default; another [`PROTOCOL`] is refused.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::{Rate, TubeId};
use crate::tube::beside::{Lot, Told};
use crate::tube::part::{TubeUsage, Usage};

/// Counts up when what is said no longer means the same.
pub const PROTOCOL: u32 = 1;

/// The successor's first word.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`]
    pub protocol: u32,
    /// Of its program.
    pub version: String,
    /// Of its process.
    pub pid: u32,
}

/// The answer to it.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// What there is to take over; its sockets follow, one after another, then the admin's.
    Offer(Offer),
    /// Why nothing is handed over.
    Refused(String),
}

/// What there is to take over.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Offer {
    /// Of the program.
    pub version: String,
    /// Of the process.
    pub pid: u32,
    /// How many flows it has counted so far.
    #[serde(default)]
    pub flows: u32,
    /// What each socket listens for.
    pub listeners: Vec<Listening>,
    /// Whether the admin's follows, and where the configuration has it.
    #[serde(default)]
    pub admin_said: Option<SocketAddr>,
    /// What the link was found to carry where that is less than was said, in bits a second, down and up.
    #[serde(default)]
    pub found: [Option<u64>; 2],
}

/// A socket that listens.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listening {
    /// The listener's name.
    pub name: String,
    /// Where the configuration has it; port 0 is any.
    pub address: SocketAddr,
}

/// What the successor says when it has tried.
#[derive(Debug, Serialize, Deserialize)]
pub enum Ready {
    /// It can accept connections at once.
    Ready,
    /// It cannot take over, and ends.
    Failed(String),
}

/// The other lets go, and says what it uses of the tubes.
#[derive(Debug, Serialize, Deserialize)]
pub struct Yours {
    /// That.
    pub told: Counts,
    /// Flows that are open.
    pub flows: u64,
    /// For how long it carries them, in milliseconds.
    pub drain_ms: u64,
}

/// The successor is whole, and accepts: the other accepts no more when it hears this.
#[derive(Debug, Serialize, Deserialize)]
pub struct Settled {}

/// What the one that leads says every few milliseconds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Tick {
    /// What the other may use, down and up.
    pub lots: [Shares; 2],
    /// What it uses itself.
    pub told: Counts,
    /// The generation that is in force: when it changes, the files are to be read again.
    #[serde(default)]
    pub generation: u64,
    /// When it is to end: the time that is left for open flows, in milliseconds.
    #[serde(default)]
    pub drain_ms: Option<u64>,
}

/// The answer: it uses no more than it may.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Obeyed {
    /// What it uses.
    pub told: Counts,
    /// Flows that are open.
    #[serde(default)]
    pub flows: u64,
    /// How often somebody told it to reload: that is meant for the other.
    #[serde(default)]
    pub reloads: u64,
    /// Whether it was told to stop before it knew that it had handed over: that is meant for the other too.
    #[serde(default)]
    pub drains: bool,
}

/// [`Told`]
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    at_ns: u64,
    ways: [Uses; 2],
    #[serde(default)]
    used: Vec<(String, [u64; 2])>,
}

/// [`Usage`]
#[derive(Debug, Default, Serialize, Deserialize)]
struct Uses {
    passed: u64,
    clear: u64,
    clear_waits: bool,
    /// Name, bytes carried, sharers who wait, flows.
    tubes: Vec<(String, u64, u64, u64)>,
}

/// [`Lot`]
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Shares {
    carries: Option<u64>,
    link: Option<u64>,
    turns: Option<u64>,
    tubes: Vec<(String, Option<u64>)>,
}

fn bits(rate: Option<Rate>) -> Option<u64> {
    rate.map(Rate::bits_per_second)
}

fn rate(bits: Option<u64>) -> Option<Rate> {
    // None is no limit, and nothing is not that.
    bits.and_then(|bits| Rate::from_bits_per_second(bits.clamp(1, Rate::MAX.bits_per_second())))
}

fn id(name: &str) -> TubeId {
    TubeId::from(name)
}

impl From<&Told> for Counts {
    fn from(told: &Told) -> Counts {
        let uses = |usage: &Usage| Uses {
            passed: usage.passed,
            clear: usage.clear,
            clear_waits: usage.clear_waits,
            tubes: usage
                .tubes
                .iter()
                .map(|tube| (tube.id.to_string(), tube.carried, tube.sharers, tube.flows))
                .collect(),
        };
        Counts {
            at_ns: u64::try_from(told.at.as_nanos()).unwrap_or(u64::MAX),
            ways: told.usage.each_ref().map(uses),
            used: told.used.iter().map(|(id, used)| (id.to_string(), *used)).collect(),
        }
    }
}

impl From<&Counts> for Told {
    fn from(counts: &Counts) -> Told {
        let tube = |(name, carried, sharers, flows): &(String, u64, u64, u64)| TubeUsage {
            id: id(name),
            carried: *carried,
            sharers: *sharers,
            flows: *flows,
        };
        let usage = |uses: &Uses| Usage {
            passed: uses.passed,
            clear: uses.clear,
            clear_waits: uses.clear_waits,
            tubes: uses.tubes.iter().map(tube).collect(),
        };
        Told {
            at: Duration::from_nanos(counts.at_ns),
            usage: counts.ways.each_ref().map(usage),
            used: counts.used.iter().map(|(name, used)| (id(name), *used)).collect(),
        }
    }
}

impl From<&Lot> for Shares {
    fn from(lot: &Lot) -> Shares {
        Shares {
            carries: bits(lot.carries),
            link: bits(lot.link),
            turns: bits(lot.turns),
            tubes: lot.tubes.iter().map(|(id, part)| (id.to_string(), bits(*part))).collect(),
        }
    }
}

impl From<&Shares> for Lot {
    fn from(shares: &Shares) -> Lot {
        Lot {
            carries: rate(shares.carries),
            link: rate(shares.link),
            turns: rate(shares.turns),
            tubes: shares.tubes.iter().map(|(name, part)| (id(name), rate(*part))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard_as_it_was_meant() {
        let tube = TubeUsage { id: id("social"), carried: 5, sharers: 2, flows: 9 };
        let usage = Usage { passed: 7, clear: 3, clear_waits: true, tubes: vec![tube] };
        let told = Told {
            at: Duration::from_millis(1500),
            usage: [usage, Usage::default()],
            used: vec![(id("social"), [40, 8])],
        };
        let words = serde_json::to_string(&Counts::from(&told)).unwrap();
        assert_eq!(Told::from(&serde_json::from_str::<Counts>(&words).unwrap()), told);
        let lot = Lot {
            carries: Some(Rate::BIT.times(9.0)),
            link: None,
            turns: Some(Rate::BIT.times(4.0)),
            tubes: vec![(id("clinical"), None), (id("social"), Some(Rate::BIT.times(7.0)))],
        };
        let words = serde_json::to_string(&Shares::from(&lot)).unwrap();
        assert_eq!(Lot::from(&serde_json::from_str::<Shares>(&words).unwrap()), lot);
    }

    #[test]
    fn what_a_later_version_adds_is_passed_over() {
        let words = r#"{"lots":[{"carries":1,"link":2,"turns":null,"tubes":[],"colour":"blue"},
            {"carries":null,"link":0,"turns":null,"tubes":[]}],
            "told":{"at_ns":1,"ways":[{"passed":1,"clear":0,"clear_waits":false,"tubes":[]},
            {"passed":1,"clear":0,"clear_waits":false,"tubes":[]}]},"weather":{"rain":true}}"#;
        let tick: Tick = serde_json::from_str(words).unwrap();
        assert_eq!((tick.generation, tick.drain_ms), (0, None));
        // A part of nothing is not a part without limit.
        assert_eq!(Lot::from(&tick.lots[1]).link, Some(Rate::BIT));
    }
}
