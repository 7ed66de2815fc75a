//! What clients are told to do in a scene, and what they write down of it. Both pass between processes as JSON.

use serde::{Deserialize, Serialize};

use crate::tally::Tally;
use crate::tunnel::Route;

/// What clients do. Times are seconds since the scene's beginning.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Script {
    /// What chance is drawn from.
    pub seed: u64,
    /// The scene's beginning, on the lab's clock.
    pub zero: u64,
    /// How servers are reached.
    pub route: Route,
    /// Clinical work.
    pub clinical: Vec<Work>,
    /// Staff.
    pub crews: Vec<Crew>,
    /// After so long nobody waits for clinical work any more; it counts as failed, with this as its time.
    pub patience: f64,
    /// What counts begins.
    pub from: f64,
    /// What counts ends. What was asked until then is still waited for, with everybody at work.
    pub to: f64,
}

/// Clinical work that comes on a clock of its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// From when.
    pub from: f64,
    /// Until when.
    pub to: f64,
    /// Look-ups a second.
    pub lookups: f64,
    /// Referrals a second.
    pub referrals: f64,
}

/// Staff who do the same kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Crew {
    /// What they do.
    pub habit: Habit,
    /// The first one's number.
    pub first: u32,
    /// How many.
    pub people: u32,
    /// When the first of them may begin.
    pub from: f64,
    /// When the last of them has begun.
    pub to: f64,
}

/// What a member of staff does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Habit {
    /// Watches video.
    Video,
    /// Reads pages.
    Pages,
    /// Sends photos.
    Photos,
    /// Loads large files by this many connections, without end.
    Bulk(u32),
    /// Keeps this many connections, most of them idle.
    Crowd(u32),
}

/// A piece of clinical work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A small question with an answer of some tens of kilobytes.
    LookUp,
    /// Some hundred kilobytes up.
    Referral,
}

/// How a piece of clinical work went.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Exchange {
    /// What it was.
    pub kind: Kind,
    /// When it was due, in seconds since the scene's beginning.
    pub at: f64,
    /// From then to the whole answer, or to giving up, in milliseconds.
    pub took_ms: f64,
    /// The same until the connection stood and the first hello was answered: two round trips beyond the gateway.
    pub opened_ms: Option<f64>,
    /// Payload both ways.
    pub bytes: u64,
    /// Why there is no answer.
    pub failure: Option<String>,
}

/// How a page load went.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Load {
    /// Who wanted it.
    pub who: u32,
    /// When, in seconds since the scene's beginning.
    pub at: f64,
    /// How long it took, or has taken so far, in seconds.
    pub took: f64,
    /// Whether all of it came.
    pub whole: bool,
}

/// A segment of video.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Segment {
    /// Who watches.
    pub who: u32,
    /// When it had come, in seconds since the scene's beginning.
    pub at: f64,
    /// Its quality, in Mbit/s.
    pub mbit: f64,
    /// How long the picture stood still before it came, in seconds.
    pub stalled: f64,
}

/// What clients write down.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Diary {
    /// Clinical work, also what was due before what counts.
    pub clinical: Vec<Exchange>,
    /// Page loads.
    pub pages: Vec<Load>,
    /// Video.
    pub segments: Vec<Segment>,
    /// What each member of staff received.
    pub down: Tally,
    /// For each member of staff, how much of the part that counts somebody wanted more; down and up.
    pub wanting: Vec<Wanting>,
    /// Things that went wrong for staff, and how often.
    pub trouble: std::collections::BTreeMap<String, u64>,
}

/// How much of the time a member of staff waited for something.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Wanting {
    /// Who.
    pub who: u32,
    /// What they do.
    pub habit: Habit,
    /// Part of the time.
    pub part: f64,
}
