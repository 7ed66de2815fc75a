//! The result of one scene with one carrier.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::edges::Edges;
use super::played::Played;
use super::statistics::{Spread, jain, median_of_open};
use super::surge::Surge;
use crate::clinical::CLINICAL;
use crate::clock;
use crate::link::{Link, Precision, Way};
use crate::scene::{Cpu, Scene, Seen};
use crate::script::{Habit, Wanting};
use crate::tally::Tally;

/// Something for each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Each<T> {
    pub down: T,
    pub up: T,
}

/// What was played.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Context {
    pub scene: String,
    pub carrier: String,
    pub seed: u64,
    /// By what TCP sends.
    pub control: String,
    pub link: Link,
    /// What does not count, and what does, in seconds.
    pub warm: f64,
    pub counts: f64,
    /// What was asked to count; some scenes need more.
    pub asked: f64,
    /// How long clinical work is waited for, in seconds.
    pub patience: f64,
    /// When and where.
    pub played: Played,
}

/// Numbers of one scene with one carrier.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    pub context: Context,
    /// Of how many seeds it is the median.
    pub seeds: usize,
    /// Milliseconds from when it was due to the whole answer.
    pub clinical: Spread,
    pub failures: usize,
    /// Why, and how often.
    pub reasons: BTreeMap<String, u64>,
    /// Bytes through the bottleneck over its capacity.
    pub used: Each<f64>,
    /// Mbit/s of payload that reached staff, and servers from staff. What is on the wire beyond that waits unread in
    /// the carrier's sockets, was sent twice, is headers, or is clinical.
    pub got: Each<f64>,
    /// Milliseconds of queue in front of the link.
    pub queue: Each<Spread>,
    /// Packets that found it full.
    pub lost: Each<u64>,
    /// Fairness among staff who always wanted more; without two of them there is none.
    pub jain: Each<Option<f64>>,
    /// How many those were.
    pub wanting: Each<usize>,
    /// What somebody with many connections got over the mean of the others.
    pub greedy: Option<f64>,
    /// Seconds; all that were begun, also before what counts. One that was not whole at the end counts as long as it had
    /// taken.
    pub pages: Spread,
    /// The median page load with what was not whole taken as longer than it had taken; nothing where it lies beyond that.
    pub page_load: Option<f64>,
    /// How many of them were whole.
    pub whole_pages: usize,
    /// Mbit/s that each who watches video received.
    pub video: f64,
    /// Mbit/s that each who reads pages received.
    pub reading: f64,
    /// Mbit/s that the segments which came play at.
    pub quality: f64,
    /// Things that went wrong for staff, and how often.
    pub trouble: BTreeMap<String, u64>,
    /// Seconds on a processor, in the part that counts.
    pub cpu: Cpu,
    /// How late the link handed over packets.
    pub precision: Precision,
    /// Packets that the link's process was too slow to take in. There must be none, or the scene says nothing.
    pub spilled: u64,
    /// When clinical suddenly wanted most of the link.
    pub surge: Option<Surge>,
    /// Where something changed for the gateway.
    pub edges: Option<Edges>,
    /// Clinical latency over that of the unloaded scene of the same run.
    pub ratio: Option<Ratio>,
    /// Clinical latency over that of the same surge without staff.
    pub over_alone: Option<Ratio>,
    /// The median page load over that of Squid with delay pools in the same scene.
    pub pages_over_pools: Option<f64>,
}

/// Over the unloaded scene with the same carrier and seed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Ratio {
    pub p50: f64,
    pub p99: f64,
}

/// Who waited for something this much of the time always wanted more.
const ALWAYS: f64 = 0.95;
impl Outcome {
    /// Counts what was seen.
    pub fn count(context: Context, scene: &Scene, seen: &Seen) -> Outcome {
        let [from, to] = [scene.from, scene.to].map(|at| seen.zero + clock::nanos(at));
        let (diary, record) = (&seen.diary, &seen.record);
        let counted = |at: f64| (scene.from..scene.to).contains(&at);
        let clinical: Vec<_> = diary.clinical.iter().filter(|exchange| counted(exchange.at)).collect();
        let failed: Vec<&String> = clinical.iter().filter_map(|exchange| exchange.failure.as_ref()).collect();
        let pages = &diary.pages;
        let watching: Vec<_> = diary.segments.iter().filter(|segment| counted(segment.at)).collect();
        let each_of = |habit: Habit| {
            let people: Vec<_> = diary.wanting.iter().filter(|person| person.habit == habit).collect();
            let bytes: u64 = people.iter().map(|person| diary.down.sum(person.who, from, to)).sum();
            bytes as f64 * 8.0 / 1e6 / (scene.to - scene.from) / people.len().max(1) as f64
        };
        let link = &context.link;
        let [down, up] = [fair(&diary.down, &diary.wanting, false), fair(&seen.up, &diary.wanting, true)]
            .map(|people| people(from, to));
        Outcome {
            clinical: Spread::of(clinical.iter().map(|exchange| exchange.took_ms).collect()),
            failures: failed.len(),
            reasons: tallied(failed),
            used: Each {
                down: used(&record.down, from, to, link.down as f64 * scene.truth),
                up: used(&record.up, from, to, link.up as f64 * scene.truth),
            },
            got: Each { down: got(&diary.down, from, to), up: got(&seen.up, from, to) },
            queue: Each { down: queue(&record.down, from, to), up: queue(&record.up, from, to) },
            lost: Each { down: lost(&record.down, from, to), up: lost(&record.up, from, to) },
            jain: Each { down: jain(&down), up: jain(&up) },
            wanting: Each { down: down.len(), up: up.len() },
            greedy: greedy(&diary.down, &diary.wanting, from, to),
            whole_pages: pages.iter().filter(|load| load.whole).count(),
            pages: Spread::of(pages.iter().map(|load| load.took).collect()),
            page_load: median_of_open(pages.iter().map(|load| (load.took, load.whole)).collect()),
            video: each_of(Habit::Video),
            reading: each_of(Habit::Pages),
            quality: Spread::of(watching.iter().map(|segment| segment.mbit).collect()).mean,
            trouble: diary.trouble.clone(),
            cpu: seen.cpu,
            precision: record.precision,
            spilled: seen.spilled,
            surge: scene.surge.map(|surge| Surge::count(scene, seen, surge)),
            edges: Edges::count(scene, seen, Each { down: link.down, up: link.up }),
            ratio: None,
            over_alone: None,
            pages_over_pools: None,
            seeds: 1,
            context,
        }
    }
}

fn tallied(reasons: Vec<&String>) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for reason in reasons {
        *found.entry(reason.clone()).or_default() += 1;
    }
    found
}

fn used(way: &Way, from: u64, to: u64, rate: f64) -> f64 {
    let bytes: u64 = way.between(from, to).iter().map(|bin| bin.clinical + bin.other).sum();
    bytes as f64 * 8.0 / (rate * clock::seconds(to - from))
}

fn got(tally: &Tally, from: u64, to: u64) -> f64 {
    let bytes = tally.people().filter(|who| *who != CLINICAL).map(|who| tally.sum(who, from, to)).sum::<u64>();
    bytes as f64 * 8.0 / 1e6 / clock::seconds(to - from)
}

fn queue(way: &Way, from: u64, to: u64) -> Spread {
    Spread::of(way.between(from, to).iter().map(|bin| clock::millis(bin.queue)).collect())
}

fn lost(way: &Way, from: u64, to: u64) -> u64 {
    way.between(from, to).iter().map(|bin| bin.lost).sum()
}

/// What each member of staff got who always wanted more, in this direction.
fn fair<'a>(tally: &'a Tally, wanting: &'a [Wanting], up: bool) -> impl Fn(u64, u64) -> Vec<f64> + 'a {
    move |from, to| {
        let sends = |person: &&Wanting| (person.habit == Habit::Photos) == up;
        let wants = |person: &&Wanting| person.part >= ALWAYS;
        let got = |person: &Wanting| tally.sum(person.who, from, to) as f64;
        wanting.iter().filter(sends).filter(wants).map(got).collect()
    }
}

/// What the one with more connections than others got, over the mean of these.
fn greedy(tally: &Tally, wanting: &[Wanting], from: u64, to: u64) -> Option<f64> {
    let got = |person: &Wanting| tally.sum(person.who, from, to) as f64;
    let many = wanting.iter().find(|person| matches!(person.habit, Habit::Bulk(2..)))?;
    let others: Vec<f64> = wanting.iter().filter(|person| person.habit == Habit::Bulk(1)).map(got).collect();
    Some(got(many) / (others.iter().sum::<f64>() / others.len() as f64))
}
