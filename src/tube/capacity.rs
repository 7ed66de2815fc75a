//! What a link really carries each way, where that is less than the configuration says or it says nothing. Pure.
//!
//! A queue that stands for longer than any burst means that one way is given more than it carries. Which one, the wire
//! downwards says: while a queue stands in front of it, it comes in evenly, and at that rate. When it does not, the way up
//! is held to less, and how the queue drains tells what that carries. What was taken is given back while no queue stands.

use std::time::Duration;

use super::drain::Drain;
use super::even::Even;
use super::way::Way;
use crate::base::{Moment, Rate};

/// A queue of this length is none of ours: in the lab's steady scene, on a link of 50/20 Mbit/s as was said, one of 8 ms and
/// more never stood for a tenth of [`PERSISTS`].
const LONG: Duration = Duration::from_millis(25);
/// For so long it has to stand.
const PERSISTS: Duration = Duration::from_millis(300);
/// After so long a way that is held to less than it carries has drained some of the queue of most routers.
const DRAINS: Duration = Duration::from_millis(500);
/// For so long round trips tell of what was before.
const LATE: Duration = Duration::from_millis(200);
/// A queue that is so much shorter after that time does drain.
const DRAINED: Duration = Duration::from_millis(5);
/// Below this it has drained: what is left may be anybody's.
const SHORT: Duration = Duration::from_millis(12);
/// A queue of this length, when more than was found is being tried, comes of that.
const TOO_MUCH: Duration = Duration::from_millis(15);
/// A queue up to this is none.
const NONE: Duration = Duration::from_millis(6);
/// How often more is tried, when there was none at some time since, and never a long one.
const STEP: Duration = Duration::from_millis(500);
/// Of what a way was seen to carry, what it is held to. Of 25 Mbit/s down the lab's runs saw 24.96 to 25.05; of 10 up, 9.0
/// to 9.9, and 10.2 when some of the queue was lost.
const SEEN: [f64; 2] = [0.99, 0.97];
/// What is left to the way up each time.
const LESS: f64 = 0.75;
/// The same when it has been held to less twice and nothing drains.
const MUCH_LESS: f64 = 0.5;
/// So often at most: a queue that a fiftieth of its rate does not drain is not the way up's.
const CUTS: u32 = 7;
/// What is known of a queue that grew, before the way up was held to less.
const GREW: Duration = Duration::from_millis(300);
/// Who was suspected in vain is left alone for so long.
const INNOCENT: Duration = Duration::from_secs(60);
/// A way that carries less than this of what it has has no queue: somebody beyond it is slow. So a link is found out that
/// is a tenth of what was said; one that is less is not.
const LITTLE: f64 = 0.1;
/// Of a way of which nothing was said or found, the most it carried of late stands for what it has; and at least so much.
const LEAST_MOST: f64 = 1e6;
/// That is forgotten by half in so long.
const FORGETS: Duration = Duration::from_secs(60);
/// Without a round trip for so long nothing is known of the queue.
const BLIND: Duration = Duration::from_millis(300);
/// A queue that was seen for so long was seen by more than one round trip.
const SEEN_TWICE: Duration = Duration::from_millis(150);
/// Over this the rates are averaged.
const AVERAGE: Duration = Duration::from_millis(50);
/// What a link is taken for until it shows what it is.
const UNKNOWN: u64 = 1_000_000_000;

/// The way up, held to less to see whether the queue drains. The way down needs no trial: it was once let go again when the
/// queue had not drained after half a second, because the way up's grew meanwhile, and clinical's p99 was 6.4 times.
#[derive(Clone, Copy, Debug)]
struct Trial {
    /// What it carried before, what was known of it, and when that ended.
    made: f64,
    before: Way,
    began: Moment,
    cuts: u32,
    /// When it was looked at last, and the queue that stood then.
    at: Moment,
    queue: Duration,
}

/// Both ways; pairs are down and up.
#[derive(Clone, Debug)]
pub struct Capacity {
    ways: [Way; 2],
    carried: [f64; 2],
    /// The most that was carried of late.
    most: [f64; 2],
    even: Even,
    drain: Drain,
    trial: Option<Trial>,
    last: Option<(Moment, [u64; 2])>,
    /// When a round trip told of the queue last, and since when these told of a long one.
    told: Option<Moment>,
    stood: Option<Moment>,
    /// Since when a long queue stands that the way down does not explain, and what had been sent by then; and since when
    /// one that is too much.
    long: Option<(Moment, u64)>,
    much: Option<Moment>,
    /// Since when there was no long one, and the least since.
    calm: Option<(Moment, Duration)>,
    /// Until when the way up is not suspected again.
    innocent: Option<Moment>,
}

const DOWN: usize = 0;
const UP: usize = 1;

impl Capacity {
    /// Of a link that is said to carry so much, down and up.
    pub fn new(said: [Option<Rate>; 2]) -> Capacity {
        Capacity {
            ways: said.map(|rate| Way::new(rate.map_or(UNKNOWN, Rate::bits_per_second) as f64)),
            carried: [0.0; 2],
            most: [0.0; 2],
            even: Even::default(),
            drain: Drain::default(),
            trial: None,
            last: None,
            told: None,
            stood: None,
            long: None,
            much: None,
            calm: None,
            innocent: None,
        }
    }

    /// Whether it was said to carry this.
    pub fn was_said(&self, said: [Option<Rate>; 2]) -> bool {
        self.ways.map(|way| way.said()) == Capacity::new(said).ways.map(|way| way.said())
    }

    /// What each way is held to now.
    pub fn held(&self) -> [Option<Rate>; 2] {
        self.ways.map(|way| Some(Rate::BIT.times(way.held())))
    }

    /// What each way was found to carry where that is less than was said, in bits a second; no trial's rate.
    pub fn found(&self) -> [Option<u64>; 2] {
        let up = self.trial.map_or(self.ways[UP], |trial| trial.before);
        [self.ways[DOWN], up].map(|way| way.is_found().then(|| Rate::BIT.times(way.held()).bits_per_second()))
    }

    /// The same, as it was found before.
    pub fn find(&mut self, found: [Option<u64>; 2]) {
        for (way, found) in self.ways.iter_mut().zip(found) {
            if let Some(rate) = found {
                way.find(rate as f64);
            }
        }
    }

    /// A round trip that began at a moment took so much longer than the least of its address.
    pub fn trip(&mut self, began: Moment, waited: Duration) {
        self.drain.trip(began, waited);
    }

    /// Looks: a `queue` stands that nothing known explains, and the interface has carried so many bytes, ever.
    pub fn look(&mut self, queue: Option<Duration>, wire: [u64; 2], now: Moment) {
        self.count(wire, now);
        let Some(queue) = queue else { return self.blind(now) };
        self.told = Some(now);
        if queue >= LONG && (self.is_loaded(DOWN) || self.is_loaded(UP)) {
            self.calm = None;
            self.stands(queue, now);
            return;
        }
        (self.long, self.stood) = (None, None);
        self.trial = self.trial.and_then(|trial| self.ends(trial, queue, now));
        self.comes_of_more(queue, now);
        let (since, least) = self.calm.get_or_insert((now, queue));
        *least = queue.min(*least);
        if now.saturating_duration_since(*since) >= STEP {
            // A queue that comes and goes does not stand. To wait for a second without any, with the bursts of 200 people on
            // 25 Mbit/s, left the way up at 6 of its 10 for as long as the scene lasted.
            if *least <= NONE {
                for (way, carried) in self.ways.iter_mut().zip(self.carried) {
                    way.more(carried);
                }
            }
            self.calm = None;
        }
    }

    /// What the way up is taken to carry, for whoever is told it once and not again: no trial's rate.
    pub fn known_up(&self) -> Option<Rate> {
        let way = self.trial.map_or(self.ways[UP], |trial| trial.before);
        Some(Rate::BIT.times(way.held()))
    }

    /// Whether a way carries enough to have a queue.
    fn is_loaded(&self, way: usize) -> bool {
        let is_known = self.ways[way].said() < UNKNOWN as f64 || self.ways[way].is_found();
        let has = if is_known { self.ways[way].held() } else { self.most[way].max(LEAST_MOST) };
        self.carried[way] > LITTLE * has
    }

    /// No round trip told anything.
    fn blind(&mut self, now: Moment) {
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < BLIND) {
            return;
        }
        (self.long, self.stood, self.much, self.calm) = (None, None, None, None);
        self.acquit();
    }

    /// The way up has what it had before it was suspected.
    fn acquit(&mut self) {
        if let Some(trial) = self.trial.take() {
            self.ways[UP] = trial.before;
        }
    }

    /// A queue that stands, though not a long one: if more than was found is being tried, that was too much.
    fn comes_of_more(&mut self, queue: Duration, now: Moment) {
        let even = self.even.rate().is_some();
        if queue < TOO_MUCH || even {
            self.much = None;
        }
        if queue >= TOO_MUCH && even {
            self.ways[DOWN].back();
        } else if queue >= TOO_MUCH {
            let since = *self.much.get_or_insert(now);
            if now.saturating_duration_since(since) >= PERSISTS {
                self.ways[UP].back();
            }
        }
    }

    /// What the interface carried since the last look.
    fn count(&mut self, wire: [u64; 2], now: Moment) {
        self.even.seen(wire[DOWN], now);
        self.drain.seen(wire[UP], now);
        let (last, before) = self.last.replace((now, wire)).unwrap_or((now, wire));
        let time = now.saturating_duration_since(last).as_secs_f64();
        if time == 0.0 {
            return;
        }
        if wire[UP] < before[UP] {
            // An interface that was made anew.
            self.long = None;
            self.acquit();
        }
        let weight = 1.0 - (-time / AVERAGE.as_secs_f64()).exp();
        for ((carried, wire), before) in self.carried.iter_mut().zip(wire).zip(before) {
            *carried += weight * (wire.saturating_sub(before) as f64 * 8.0 / time - *carried);
        }
        let fades = 0.5f64.powf(time / FORGETS.as_secs_f64());
        for (most, carried) in self.most.iter_mut().zip(self.carried) {
            *most = carried.max(*most * fades);
        }
    }

    /// A long queue stands: whose is it?
    fn stands(&mut self, queue: Duration, now: Moment) {
        let stood = *self.stood.get_or_insert(now);
        if let Some(rate) = self.even.rate().filter(|_| self.is_loaded(DOWN)) {
            if now.saturating_duration_since(stood) < SEEN_TWICE {
                return;
            }
            // The wire downwards has one of its own. While it has, nothing can be said of the other.
            self.ways[DOWN].find(SEEN[DOWN] * rate);
            self.long = None;
            self.trial = self.trial.map(|trial| Trial { at: now, queue, ..trial });
            return;
        }
        let sent_by_now = self.last.map_or(0, |(_, wire)| wire[UP]);
        let (since, sent) = *self.long.get_or_insert((now, sent_by_now));
        if let Some(trial) = self.trial {
            let held_for = now.saturating_duration_since(trial.at);
            // Round trips that end now may have begun before it was held to less.
            let then = if held_for < LATE { trial.queue.max(queue) } else { trial.queue };
            let trial = Trial { queue: then, ..trial };
            self.trial = if held_for < DRAINS { Some(trial) } else { self.next(trial, queue, now) };
        } else if now.saturating_duration_since(since) >= PERSISTS
            && self.is_loaded(UP)
            && self.innocent.is_none_or(|until| now >= until)
        {
            // Over all that time: at one moment of it people may have sent next to nothing, and what followed from that held
            // the way up to a third of what it carries.
            let made =
                sent_by_now.saturating_sub(sent) as f64 * 8.0 / now.saturating_duration_since(since).as_secs_f64();
            let before = self.ways[UP];
            self.ways[UP].hold(LESS * made);
            self.trial = Some(Trial { made, before, began: now, cuts: 1, at: now, queue });
        }
    }

    /// The way up has been held to less for long enough to tell.
    fn next(&mut self, trial: Trial, queue: Duration, now: Moment) -> Option<Trial> {
        if queue + DRAINED < trial.queue {
            // It drains: wait for the end of that.
            return Some(Trial { queue, at: now, ..trial });
        }
        if trial.cuts < CUTS {
            let less = if trial.cuts < 2 { LESS } else { MUCH_LESS };
            self.ways[UP].hold(less * self.ways[UP].held());
            return Some(Trial { queue, at: now, cuts: trial.cuts + 1, ..trial });
        }
        self.ways[UP] = trial.before;
        self.innocent = Some(now + INNOCENT);
        self.long = None;
        None
    }

    /// The queue is no longer a long one.
    fn ends(&mut self, trial: Trial, queue: Duration, now: Moment) -> Option<Trial> {
        if queue > SHORT && now.saturating_duration_since(trial.at) < DRAINS {
            return Some(trial);
        }
        let held = self.ways[UP].held();
        // Exact, unless some of the queue was lost: then it is what was put in, which is more.
        let told = self.drain.rate(trial.began.checked_sub(GREW).unwrap_or(trial.began));
        match told.filter(|rate| (held..trial.before.held()).contains(rate)) {
            Some(rate) => self.ways[UP].find(SEEN[UP] * rate),
            // It carries more than what drained the queue, and less than what made it grow.
            None => self.ways[UP].guess((held * trial.made.min(held / LESS)).sqrt()),
        }
        None
    }
}

#[cfg(test)]
#[path = "capacity_tests.rs"]
mod tests;
