//! Every scene, as data.

use crate::script::{Crew, Habit, Work};

/// A scene's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// Clinical work alone.
    Unloaded,
    /// Everybody is at work.
    Steady,
    /// Quiet, then everybody begins within a second.
    Bell,
    /// Ten thousand connections, most of them idle or short.
    Crowd,
    /// In steady, clinical look-ups suddenly ask for 80% of the link.
    SurgeDown,
    /// In steady, clinical referrals suddenly ask for 80% of the link.
    SurgeUp,
    /// Everybody at work, and no clinical work.
    Idle,
    /// In steady, social is narrowed to half of the link, and let go again.
    Edge,
    /// One person with 64 connections against 50 with one.
    Uneven,
    /// In steady, the link is really half of what the carrier was told.
    Slow,
    /// One large download and nothing else: what the link itself does.
    Single,
}

/// What counts and what does not, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    /// What comes first and does not count: the queue fills, and slow start ends.
    pub warm: f64,
    /// What counts.
    pub counts: f64,
    /// How long clinical work is waited for; the scene goes on until then. What has not come counts as failed.
    pub patience: f64,
}

impl Default for Cut {
    fn default() -> Self {
        Cut { warm: 10.0, counts: 30.0, patience: 30.0 }
    }
}

/// A scene. Times are in seconds since its beginning.
#[derive(Clone, Debug)]
pub struct Scene {
    pub name: Name,
    pub clinical: Vec<Work>,
    pub crews: Vec<Crew>,
    /// How long clinical work is waited for.
    pub patience: f64,
    /// What counts begins and ends.
    pub from: f64,
    pub to: f64,
    /// When clinical work suddenly wants most of the link, and until when.
    pub surge: Option<(f64, f64)>,
    /// When social is narrowed, and until when.
    pub narrow: Option<(f64, f64)>,
    /// What the link is of what the carrier is told.
    pub truth: f64,
}

/// Clinical work outside of surges, a second.
const LOOKUPS: f64 = 9.0;
const REFERRALS: f64 = 2.0;
/// What clinical suddenly wants of the link, and for how long.
const SURGE: f64 = 0.8;
const SURGE_LASTS: f64 = 5.0;
/// Headers on top of payload; measured on this link with segments of 1448 bytes in packets of 1500.
pub const WIRE: f64 = 1.05;
/// 200 members of staff.
const WATCHERS: u32 = 90;
const READERS: u32 = 80;
const SENDERS: u32 = 30;
/// A crowd: so many people with so many connections each.
const CROWD: u32 = 200;
const EACH: u32 = 50;
/// Descriptors that a proxy needs for other things.
const SPARE: u64 = 2_000;

impl Name {
    /// All of them.
    pub const ALL: [Name; 11] = [
        Name::Unloaded,
        Name::Steady,
        Name::Bell,
        Name::Crowd,
        Name::SurgeDown,
        Name::SurgeUp,
        Name::Idle,
        Name::Edge,
        Name::Uneven,
        Name::Slow,
        Name::Single,
    ];

    /// How it is written.
    pub fn text(self) -> &'static str {
        match self {
            Name::Unloaded => "unloaded",
            Name::Steady => "steady",
            Name::Bell => "bell",
            Name::Crowd => "crowd",
            Name::SurgeDown => "surge-down",
            Name::SurgeUp => "surge-up",
            Name::Idle => "idle",
            Name::Edge => "edge",
            Name::Uneven => "uneven",
            Name::Slow => "slow",
            Name::Single => "single",
        }
    }

    /// The scene, with what counts cut like this, on a link of these rates.
    pub fn scene(self, cut: Cut, down: u64, up: u64) -> Scene {
        let (from, to) = (cut.warm, cut.warm + cut.counts);
        let plain = Work { from: 0.0, to, lookups: LOOKUPS, referrals: REFERRALS };
        let steady = Scene {
            name: self,
            clinical: vec![plain],
            // Everybody has begun when half of what does not count is over.
            crews: staff(0.0, cut.warm / 2.0),
            patience: cut.patience,
            from,
            to,
            surge: None,
            narrow: None,
            truth: 1.0,
        };
        let middle = from + cut.counts / 2.0 - SURGE_LASTS / 2.0;
        let surge = (middle, middle + SURGE_LASTS);
        let rate = |link: u64, bytes: f64| SURGE * link as f64 / 8.0 / (bytes * WIRE);
        let extra = Work { from: surge.0, to: surge.1, lookups: 0.0, referrals: 0.0 };
        use crate::clinical::mean_bytes;
        use crate::script::Kind::{LookUp, Referral};
        match self {
            Name::Unloaded => Scene { crews: Vec::new(), ..steady },
            Name::Steady => steady,
            // What comes before is the quiet.
            Name::Bell => Scene { crews: staff(from, from + 1.0), ..steady },
            Name::Crowd => Scene { crews: vec![crew(Habit::Crowd(crowd()), 0, CROWD, 0.0, 1.0)], ..steady },
            Name::SurgeDown => {
                let extra = Work { lookups: rate(down, mean_bytes(LookUp)), ..extra };
                Scene { clinical: vec![plain, extra], surge: Some(surge), ..steady }
            }
            Name::SurgeUp => {
                let extra = Work { referrals: rate(up, mean_bytes(Referral)), ..extra };
                Scene { clinical: vec![plain, extra], surge: Some(surge), ..steady }
            }
            Name::Idle => Scene { clinical: Vec::new(), ..steady },
            Name::Edge => {
                let third = cut.counts / 3.0;
                Scene { narrow: Some((from + third, from + 2.0 * third)), ..steady }
            }
            Name::Uneven => {
                let crews =
                    vec![crew(Habit::Bulk(64), 0, 1, 0.0, 1.0), crew(Habit::Bulk(1), 1, 50, 0.0, cut.warm / 2.0)];
                Scene { crews, ..steady }
            }
            Name::Slow => Scene { truth: 0.5, ..steady },
            Name::Single => Scene { clinical: Vec::new(), crews: vec![crew(Habit::Bulk(1), 0, 1, 0.0, 0.0)], ..steady },
        }
    }
}

/// How many connections each in a crowd has: 50, or as many as a proxy can carry with two descriptors for each.
fn crowd() -> u32 {
    let fit = (crate::world::descriptors().saturating_sub(SPARE) / 2 / u64::from(CROWD)) as u32;
    if fit < EACH {
        eprintln!("crowd: {} connections; for more, raise the limit of descriptors (ulimit -Hn)", fit * CROWD);
    }
    fit.min(EACH)
}

fn crew(habit: Habit, first: u32, people: u32, from: f64, to: f64) -> Crew {
    Crew { habit, first, people, from, to }
}

/// The 200 of most scenes, who begin within this time.
fn staff(from: f64, to: f64) -> Vec<Crew> {
    vec![
        crew(Habit::Video, 0, WATCHERS, from, to),
        crew(Habit::Pages, WATCHERS, READERS, from, to),
        crew(Habit::Photos, WATCHERS + READERS, SENDERS, from, to),
    ]
}
