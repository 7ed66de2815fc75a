//! The last hour, point by point: what each tube carried and might have, how long it waited, what was refused. Kept in
//! memory so that a page that was just opened shows the hour at once; a restart begins it anew. Pure: moments and views in.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::view::{LinkNow, LinkWayView, Refused, TubeView, WayView};
use crate::base::Moment;

/// What a point covers: one more than a page needs to draw an hour across a screen, and a tenth of a shortest peak.
pub const STEP: Duration = Duration::from_secs(10);

/// An hour of points.
const POINTS: usize = 360;

/// The tubes that are remembered, as the file has them: a tube takes 42 kB, so all of them less than 3 MB.
const TUBES: usize = 64;

/// The reasons, rules and full tubes that a point remembers; what is beyond is left out of that point.
const REASONS: usize = 256;

/// The ring, and the point that is not over yet.
#[derive(Debug, Default)]
pub struct History {
    points: VecDeque<Point>,
    begun: Option<Moment>,
    samples: Vec<Sample>,
    /// Counts of the last point.
    counted: HashMap<Reason, u64>,
}

/// What was refused, and by what.
type Reason = (Arc<str>, Option<Arc<str>>, Option<Arc<str>>);

#[derive(Debug)]
struct Sample {
    link: LinkNow,
    tubes: Vec<TubeView>,
}

#[derive(Debug)]
struct Point {
    at: i64,
    link: [LinkWay; 2],
    tubes: Vec<TubePoint>,
    refused: Vec<(Reason, u64)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct LinkWay {
    used: u64,
    limit: Option<u64>,
    queue_ms: Option<f64>,
}

#[derive(Debug)]
struct TubePoint {
    tube: Arc<str>,
    ways: [WayView; 2],
    flows: u64,
    connecting: u64,
}

/// `/api/v1/history`: lists of as many figures as there are points, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryView {
    /// What a point covers.
    pub step_seconds: u64,
    /// As many points as there are at most.
    pub most_points: usize,
    /// When each point ended, in seconds since 1970.
    pub at: Vec<i64>,
    /// The link towards clients; its waits are its queue.
    pub down: WayPast,
    /// The link from clients.
    pub up: WayPast,
    /// The tubes that there are now.
    pub tubes: Vec<TubePast>,
    /// What was refused, most first.
    pub refused: Vec<RefusedPast>,
}

/// A tube in the last hour.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TubePast {
    /// Its name.
    pub tube: String,
    /// Towards clients.
    pub down: WayPast,
    /// From clients.
    pub up: WayPast,
    /// Flows in it at the end of each point; null where it was not there.
    pub flows: Vec<Option<u64>>,
    /// The most connections that waited to be made.
    pub connecting: Vec<Option<u64>>,
}

/// One direction in the last hour; bits per second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WayPast {
    /// What it carried, on average; null where it was not there.
    pub used: Vec<Option<u64>>,
    /// What it might carry at the end of the point; null is no limit.
    pub limit: Vec<Option<u64>>,
    /// How long half of it waited at most; null: nothing had to ask.
    pub wait_ms: Vec<Option<f64>>,
}

/// What was refused for one reason in the last hour.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RefusedPast {
    /// The word of the reason.
    pub reason: String,
    /// Of what was blocked: the rule, or `default`.
    pub rule: Option<String>,
    /// Of what was refused as a tube was full: which.
    pub tube: Option<String>,
    /// All of that in words.
    pub words: String,
    /// In the hour.
    pub total: u64,
    /// In each point.
    pub counts: Vec<u64>,
}

impl History {
    /// Takes a look at the gateway, once a second or so. What was refused is asked for when a point is over.
    pub fn look(
        &mut self,
        (now, wall): (Moment, Timestamp),
        link: LinkNow,
        mut tubes: Vec<TubeView>,
        refused: impl FnOnce() -> Vec<Refused>,
    ) {
        tubes.truncate(TUBES);
        let begun = *self.begun.get_or_insert(now);
        self.samples.push(Sample { link, tubes });
        if now.saturating_duration_since(begun) < STEP {
            return;
        }
        self.begun = Some(now);
        let samples = std::mem::take(&mut self.samples);
        let refused = self.since(refused());
        self.points.extend(point(wall.as_second(), &samples, refused));
        let over = self.points.len().saturating_sub(POINTS);
        self.points.drain(..over);
    }

    /// What was refused since the last point. A counter that was set back is counted from nought.
    fn since(&mut self, refused: Vec<Refused>) -> Vec<(Reason, u64)> {
        let mut counted = HashMap::new();
        let mut fresh = Vec::new();
        for Refused { reason, rule, tube, count } in refused.into_iter().filter(|refused| refused.count > 0) {
            let reason = (Arc::from(reason), rule.map(Arc::from), tube.map(Arc::from));
            let before = self.counted.get(&reason).copied().filter(|before| *before <= count).unwrap_or_default();
            if count > before && fresh.len() < REASONS {
                fresh.push((reason.clone(), count - before));
            }
            counted.insert(reason, count);
        }
        self.counted = counted;
        fresh
    }

    /// All of it.
    pub fn view(&self) -> HistoryView {
        let now = self.points.back().map(|point| point.tubes.as_slice()).unwrap_or_default();
        let link = |way: usize| {
            let mut past = WayPast::default();
            for point in &self.points {
                let LinkWay { used, limit, queue_ms } = point.link[way];
                past.push(Some(WayView { used, limit, wait_ms: queue_ms }));
            }
            past
        };
        HistoryView {
            step_seconds: STEP.as_secs(),
            most_points: POINTS,
            at: self.points.iter().map(|point| point.at).collect(),
            down: link(0),
            up: link(1),
            tubes: now.iter().map(|tube| self.tube(&tube.tube)).collect(),
            refused: self.refused(),
        }
    }

    fn tube(&self, name: &Arc<str>) -> TubePast {
        let mut past = TubePast { tube: name.to_string(), ..TubePast::default() };
        for point in &self.points {
            let found = point.tubes.iter().find(|tube| tube.tube == *name);
            past.down.push(found.map(|tube| tube.ways[0]));
            past.up.push(found.map(|tube| tube.ways[1]));
            past.flows.push(found.map(|tube| tube.flows));
            past.connecting.push(found.map(|tube| tube.connecting));
        }
        past
    }

    fn refused(&self) -> Vec<RefusedPast> {
        let mut found = HashMap::<&Reason, Vec<u64>>::new();
        for (at, point) in self.points.iter().enumerate() {
            for (reason, count) in &point.refused {
                found.entry(reason).or_insert_with(|| vec![0; self.points.len()])[at] += count;
            }
        }
        let owned = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        let past = |((reason, rule, tube), counts): (&Reason, Vec<u64>)| RefusedPast {
            reason: reason.to_string(),
            rule: owned(rule),
            tube: owned(tube),
            words: words(reason, rule.as_deref(), tube.as_deref()),
            total: counts.iter().sum(),
            counts,
        };
        let mut refused: Vec<_> = found.into_iter().map(past).collect();
        let key = |past: &RefusedPast| (past.reason.clone(), past.rule.clone(), past.tube.clone());
        refused.sort_by(|a, b| b.total.cmp(&a.total).then_with(|| key(a).cmp(&key(b))));
        refused
    }
}

/// Why something was refused, as a person says it.
fn words(reason: &str, rule: Option<&str>, tube: Option<&str>) -> String {
    match (reason, rule, tube) {
        ("blocked", Some("default") | None, _) => "blocked by the policy's default".to_owned(),
        ("blocked", Some(rule), _) => format!("blocked by rule {rule}"),
        ("tube-full", _, Some(tube)) => format!("{tube} was full"),
        ("process-full", ..) => "the gateway was full".to_owned(),
        ("client-not-allowed", ..) => "not a client of the listener".to_owned(),
        ("port-refused", ..) => "a port that may not be asked for".to_owned(),
        ("address-denied", ..) => "an address that is never dialled".to_owned(),
        (other, ..) => other.replace('-', " "),
    }
}

impl WayPast {
    fn push(&mut self, way: Option<WayView>) {
        self.used.push(way.map(|way| way.used));
        self.limit.push(way.and_then(|way| way.limit));
        self.wait_ms.push(way.and_then(|way| way.wait_ms));
    }
}

/// What all samples of a step come to; the last one says which tubes there are.
fn point(at: i64, samples: &[Sample], refused: Vec<(Reason, u64)>) -> Option<Point> {
    let last = samples.last()?;
    let outer = |tubes: &[TubeView], way: fn(&TubeView) -> &WayView| {
        tubes.iter().filter(|tube| tube.within.is_none()).map(|tube| way(tube).used).sum()
    };
    let link = |now: fn(&LinkNow) -> &LinkWayView, way: fn(&TubeView) -> &WayView| LinkWay {
        used: mean(samples.iter().map(|sample| outer(&sample.tubes, way))),
        limit: now(&last.link).limit,
        queue_ms: median(samples.iter().filter_map(|sample| now(&sample.link).queue_ms)),
    };
    let tubes = last.tubes.iter().map(|tube| {
        let past = || samples.iter().filter_map(|sample| sample.tubes.iter().find(|then| then.tube == tube.tube));
        let way = |of: fn(&TubeView) -> &WayView| WayView { used: mean(past().map(|then| of(then).used)), ..*of(tube) };
        TubePoint {
            tube: Arc::from(tube.tube.as_str()),
            ways: [way(|tube| &tube.down), way(|tube| &tube.up)],
            flows: tube.flows,
            connecting: past().map(|then| then.admission.waiting).max().unwrap_or_default(),
        }
    });
    let link = [link(|link| &link.down, |tube| &tube.down), link(|link| &link.up, |tube| &tube.up)];
    Some(Point { at, link, tubes: tubes.collect(), refused })
}

fn mean(figures: impl Iterator<Item = u64>) -> u64 {
    let (sum, count) = figures.fold((0u128, 0u128), |(sum, count), figure| (sum + u128::from(figure), count + 1));
    u64::try_from(sum / count.max(1)).unwrap_or(u64::MAX)
}

fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut all: Vec<f64> = figures.collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock;
    use crate::portal::view::{AdmissionView, RefusedView};

    fn tube(name: &str, within: Option<&str>, used: u64, waiting: u64) -> TubeView {
        TubeView {
            tube: name.to_owned(),
            within: within.map(str::to_owned),
            priority: 1,
            down: WayView { limit: Some(1_000), used, wait_ms: Some(5.0) },
            up: WayView::default(),
            flows: 3,
            waiting: 0,
            admission: AdmissionView { waiting, wait_ms: None },
            refused: RefusedView::default(),
            peak: None,
        }
    }

    fn refused(reason: &str, rule: Option<&str>, count: u64) -> Refused {
        Refused { reason: reason.to_owned(), rule: rule.map(str::to_owned), tube: None, count }
    }

    /// Looks once a second for so long; what is used grows by one a second.
    fn watched(history: &mut History, from: u64, seconds: u64, counts: impl Fn(u64) -> Vec<Refused>) {
        let began = clock::now();
        for second in from..from + seconds {
            let now = began + Duration::from_secs(second);
            let wall = Timestamp::from_second(1_000 + i64::try_from(second).unwrap()).unwrap();
            let tubes = vec![tube("internet", None, second, second % 7), tube("social", Some("internet"), 1, 0)];
            history.look((now, wall), LinkNow::default(), tubes, || counts(second));
        }
    }

    #[test]
    fn a_point_is_the_mean_of_its_seconds_and_what_was_refused_in_them() {
        let mut history = History::default();
        watched(&mut history, 0, 21, |second| {
            vec![refused("blocked", Some("never"), second), refused("tube-full", None, 0)]
        });
        let view = history.view();
        assert_eq!(view.at, [1_010, 1_020]);
        let [internet, social] = view.tubes.as_slice() else { panic!("{view:#?}") };
        assert_eq!(internet.down.used, [Some(5), Some(15)], "0 to 10, then 11 to 20");
        assert_eq!(social.down.used, [Some(1), Some(1)]);
        assert_eq!((internet.down.limit[1], internet.down.wait_ms[1]), (Some(1_000), Some(5.0)));
        assert_eq!(internet.connecting, [Some(6), Some(6)], "the most that waited");
        assert_eq!(view.down.used, internet.down.used, "what lies within is counted once");
        assert_eq!(view.refused.len(), 1);
        assert_eq!((view.refused[0].counts.as_slice(), view.refused[0].total), ([10, 10].as_slice(), 20));
    }

    #[test]
    fn an_hour_is_kept_and_no_more() {
        let mut history = History::default();
        watched(&mut history, 0, 2 * 3_600 + 1, |_| Vec::new());
        let view = history.view();
        assert_eq!((view.at.len(), view.at.last()), (POINTS, Some(&8_200)));
        assert_eq!(view.tubes[0].down.used.len(), POINTS);
        assert!(history.samples.len() <= 11, "{}", history.samples.len());
    }

    #[test]
    fn counters_that_were_set_back_and_tubes_beyond_the_bound_do_no_harm() {
        let mut history = History::default();
        watched(&mut history, 0, 21, |second| vec![refused("blocked", None, if second > 15 { 2 } else { 50 })]);
        assert_eq!(history.view().refused[0].counts, [50, 2]);
        let began = clock::now() + Duration::from_secs(100);
        let crowd: Vec<_> = (0..1_000).map(|at| tube(&at.to_string(), None, 1, 0)).collect();
        history.look((began, Timestamp::UNIX_EPOCH), LinkNow::default(), crowd, Vec::new);
        assert_eq!(history.view().tubes.len(), TUBES);
    }
}
