//! Every scene, as data.

use crate::carrier::{Change, NARROW};
use crate::clinical::mean_bytes;
use crate::script::{Crew, Habit, Kind, Work};

/// A scene's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// Clinical work alone.
    Unloaded,
    /// Everybody is at work.
    Steady,
    /// Steady for so long that page loads come to their end.
    Pages,
    /// Quiet, then everybody begins within a second.
    Bell,
    /// Ten thousand connections, most of them idle or short.
    Crowd,
    /// In steady, clinical look-ups suddenly ask for 80% of the link.
    SurgeDown,
    /// The same without staff: what such a surge costs by itself.
    SurgeDownAlone,
    /// In steady, clinical referrals suddenly ask for 80% of the link.
    SurgeUp,
    /// The same without staff.
    SurgeUpAlone,
    /// Everybody at work, and no clinical work.
    Idle,
    /// In steady, the gateway's files are changed and read again, several times.
    Reload,
    /// In steady, a peak opens that narrows social to half of the link, and closes again, by the clock on the wall.
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
    /// What is changed in the gateway's files, and when.
    pub changes: Vec<(f64, Change)>,
    /// When a peak opens and closes.
    pub peak: Option<(f64, f64)>,
    /// What the link is of what the carrier is told.
    pub truth: f64,
}

/// Clinical work outside of surges, a second.
const LOOKUPS: f64 = 9.0;
const REFERRALS: f64 = 2.0;
/// What clinical suddenly wants of the link, and for how long.
const SURGE: f64 = 0.8;
const SURGE_LASTS: f64 = 5.0;
/// What social may use in a reload after it was narrowed, of the link.
const WIDER: f64 = 0.8;
/// A window opens and closes on a minute of the clock.
const PEAK_LASTS: f64 = 60.0;
/// What must count before a peak opens and after it has closed.
const PEAK_ROOM: f64 = 5.0;
/// A page is two thirds of a megabyte or more, and everybody's share of the link a quarter of a megabit a second.
const PAGES_LAST: f64 = 90.0;
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
    pub const ALL: [Name; 15] = [
        Name::Unloaded,
        Name::Steady,
        Name::Pages,
        Name::Bell,
        Name::Crowd,
        Name::SurgeDown,
        Name::SurgeDownAlone,
        Name::SurgeUp,
        Name::SurgeUpAlone,
        Name::Idle,
        Name::Reload,
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
            Name::Pages => "pages",
            Name::Bell => "bell",
            Name::Crowd => "crowd",
            Name::SurgeDown => "surge-down",
            Name::SurgeDownAlone => "surge-down-alone",
            Name::SurgeUp => "surge-up",
            Name::SurgeUpAlone => "surge-up-alone",
            Name::Idle => "idle",
            Name::Reload => "reload",
            Name::Edge => "edge",
            Name::Uneven => "uneven",
            Name::Slow => "slow",
            Name::Single => "single",
        }
    }

    /// The scene without staff that another one's surge is measured against.
    pub fn alone(self) -> Option<Name> {
        match self {
            Name::SurgeDown => Some(Name::SurgeDownAlone),
            Name::SurgeUp => Some(Name::SurgeUpAlone),
            _ => None,
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
            changes: Vec::new(),
            peak: None,
            truth: 1.0,
        };
        match self {
            Name::Unloaded => Scene { crews: Vec::new(), ..steady },
            Name::Steady => steady,
            Name::Pages => steady.lasting(PAGES_LAST),
            // What comes before is the quiet.
            Name::Bell => Scene { crews: staff(from, from + 1.0), ..steady },
            Name::Crowd => Scene { crews: vec![crew(Habit::Crowd(crowd()), 0, CROWD, 0.0, 1.0)], ..steady },
            Name::SurgeDown => steady.surging(down, Kind::LookUp),
            Name::SurgeDownAlone => Scene { crews: Vec::new(), ..steady }.surging(down, Kind::LookUp),
            Name::SurgeUp => steady.surging(up, Kind::Referral),
            Name::SurgeUpAlone => Scene { crews: Vec::new(), ..steady }.surging(up, Kind::Referral),
            Name::Idle => Scene { clinical: Vec::new(), ..steady },
            Name::Reload => Scene { changes: changes(from, cut.counts), ..steady },
            Name::Edge => steady.peaking(),
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

impl Scene {
    /// The same, but in its middle clinical work of this kind asks for most of the way it loads.
    fn surging(mut self, rate: u64, kind: Kind) -> Scene {
        let middle = (self.from + self.to - SURGE_LASTS) / 2.0;
        let surge = (middle, middle + SURGE_LASTS);
        let each_second = SURGE * rate as f64 / 8.0 / (mean_bytes(kind) * WIRE);
        let of = |which| if kind == which { each_second } else { 0.0 };
        let (lookups, referrals) = (of(Kind::LookUp), of(Kind::Referral));
        self.clinical.push(Work { from: surge.0, to: surge.1, lookups, referrals });
        Scene { surge: Some(surge), ..self }
    }

    /// The same, with a peak in its middle, and long enough for that.
    fn peaking(self) -> Scene {
        let long = self.lasting(PEAK_LASTS + 2.0 * PEAK_ROOM);
        let opens = (long.from + long.to - PEAK_LASTS) / 2.0;
        Scene { peak: Some((opens, opens + PEAK_LASTS)), ..long }
    }

    /// The same, with a part that counts of so many seconds at least.
    fn lasting(mut self, seconds: f64) -> Scene {
        self.to = self.to.max(self.from + seconds);
        for work in &mut self.clinical {
            work.to = self.to;
        }
        self
    }

    /// When something changes for the gateway that clinical work must not feel.
    pub fn edges(&self) -> Vec<f64> {
        let peak = self.peak.into_iter().flat_map(|(opens, closes)| [opens, closes]);
        self.changes.iter().map(|(at, _)| *at).chain(peak).collect()
    }
}

/// Changes of all kinds, evenly over the part that counts.
fn changes(from: f64, counts: f64) -> Vec<(f64, Change)> {
    let kinds = [
        Change::Ceiling(Some(NARROW)),
        Change::PhotosApart(true),
        Change::Broken,
        Change::Ceiling(Some(WIDER)),
        Change::PhotosApart(false),
        Change::Ceiling(None),
    ];
    let step = counts / (kinds.len() + 1) as f64;
    kinds.into_iter().enumerate().map(|(at, change)| (from + (at + 1) as f64 * step, change)).collect()
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
