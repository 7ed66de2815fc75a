//! What a link really carries each way, where that is less than the configuration says or it says nothing. Pure.
//!
//! A queue that stands for longer than any burst means that one way is given more than it carries. Which one, round trips
//! do not say; so the way down is held to what it was seen to carry, and where the queue stands all the same, the way up
//! is held to less. What was taken is given back while no queue stands.

use std::time::Duration;

use crate::base::{Moment, Rate};

/// A queue of this length is none of ours: in the lab's steady scene, on a link that is what was said, one of 8 ms and more
/// never stood for a tenth of [`PERSISTS`].
const LONG: Duration = Duration::from_millis(25);
/// For so long it has to stand.
const PERSISTS: Duration = Duration::from_millis(300);
/// After so long a way that is held to what it carries has drained the queue of most routers.
const DRAINS: Duration = Duration::from_millis(500);
/// A queue that is so much shorter after that time does drain.
const DRAINED: Duration = Duration::from_millis(5);
/// A queue up to this is none.
const NONE: Duration = Duration::from_millis(6);
/// Without a queue for so long, more is tried.
const CALM: Duration = Duration::from_secs(1);
/// How often more is tried.
const STEP: Duration = Duration::from_millis(500);
/// How much more at once, below what was too much last time, and near it.
const MORE: f64 = 1.03;
const LITTLE_MORE: f64 = 1.003;
const NEAR: f64 = 0.9;
/// Of what it was seen to carry, what the way down is held to.
const SEEN: f64 = 0.98;
/// What is left to the way up each time.
const LESS: f64 = 0.75;
/// A way that uses less of what it has than this would not use more.
const USED: f64 = 0.75;
/// Nor has a way that uses less than this a queue, unless it is far less than was said.
const LITTLE: f64 = 0.2;
/// Over this the rates are averaged that were seen.
const AVERAGE: Duration = Duration::from_millis(50);
/// What a link is taken for until it shows what it is.
const UNKNOWN: u64 = 1_000_000_000;

/// One way.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// What was said; bits a second.
    said: f64,
    /// What it is held to.
    held: f64,
    /// What was too much.
    too_much: f64,
    carried: f64,
    /// The most it carried since the queue began to stand.
    peak: f64,
}

/// Who is suspected, since when, and the queue that stood then.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Trial {
    None,
    /// The way down is held to what it was seen to carry; it is to have so much again if that changes nothing.
    Down {
        at: Moment,
        queue: Duration,
        before: Option<f64>,
    },
    /// The way up is held to less.
    Up {
        at: Moment,
        queue: Duration,
    },
}

/// Both ways.
#[derive(Clone, Debug)]
pub struct Capacity {
    down: Way,
    up: Way,
    trial: Trial,
    last: Option<Moment>,
    /// Since when a long queue stands.
    long: Option<Moment>,
    /// Since when none does.
    calm: Option<Moment>,
}

impl Way {
    fn of(said: f64) -> Way {
        Way { said, held: said, too_much: f64::INFINITY, carried: 0.0, peak: 0.0 }
    }

    fn hold(&mut self, rate: f64) {
        self.too_much = self.held;
        self.held = rate.clamp(self.said / 100.0, self.said);
    }

    fn is_used(&self, part: f64) -> bool {
        self.carried > part * self.held
    }

    /// Tries more, if it would be used.
    fn more(&mut self) {
        if self.held < self.said && self.is_used(USED) {
            let factor = if self.held < NEAR * self.too_much { MORE } else { LITTLE_MORE };
            self.held = (self.held * factor).min(self.said);
        }
    }
}

impl Capacity {
    /// Of a link that is said to carry so much, down and up.
    pub fn new(said: [Option<Rate>; 2]) -> Capacity {
        let [down, up] = said.map(|rate| Way::of(rate.map_or(UNKNOWN, Rate::bits_per_second) as f64));
        Capacity { down, up, trial: Trial::None, last: None, long: None, calm: None }
    }

    /// Whether it was said to carry this.
    pub fn was_said(&self, said: [Option<Rate>; 2]) -> bool {
        let other = Capacity::new(said);
        (self.down.said, self.up.said) == (other.down.said, other.up.said)
    }

    /// What each way is held to now.
    pub fn held(&self) -> [Option<Rate>; 2] {
        [self.down, self.up].map(|way| Some(Rate::BIT.times(way.held)))
    }

    /// Looks: a `queue` stands that nothing known explains, and each way carries so many bits a second.
    pub fn look(&mut self, queue: Option<Duration>, carried: [f64; 2], now: Moment) {
        let time = self.last.map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        self.last = Some(now);
        let weight = 1.0 - (-time.as_secs_f64() / AVERAGE.as_secs_f64()).exp();
        for (way, carried) in [&mut self.down, &mut self.up].into_iter().zip(carried) {
            way.carried += weight * (carried - way.carried);
            way.peak = way.peak.max(way.carried);
        }
        match queue {
            // A link that carries little has no queue of its own: somebody beyond it is slow.
            Some(queue) if queue >= LONG && (self.down.is_used(LITTLE) || self.up.is_used(LITTLE)) => {
                self.calm = None;
                if self.long.is_none() {
                    self.long = Some(now);
                    (self.down.peak, self.up.peak) = (self.down.carried, self.up.carried);
                }
                self.suspect(queue, now);
            }
            Some(queue) => {
                self.long = None;
                self.trial = Trial::None;
                if queue > NONE {
                    self.calm = None;
                } else if now.saturating_duration_since(*self.calm.get_or_insert(now)) > CALM {
                    self.calm = Some(now + STEP - CALM);
                    self.down.more();
                    self.up.more();
                }
            }
            None => {}
        }
    }

    /// A queue stands: who is given too much?
    fn suspect(&mut self, queue: Duration, now: Moment) {
        let due = |at: Moment| now.saturating_duration_since(at) >= DRAINS;
        match self.trial {
            Trial::None if self.long.is_some_and(|long| now.saturating_duration_since(long) >= PERSISTS) => {
                self.trial = Trial::Down { at: now, queue, before: Some(self.down.held) };
                self.down.hold(SEEN * self.down.peak);
            }
            // It drains: wait for the end of that.
            Trial::Down { at, queue: then, .. } if due(at) && queue + DRAINED < then => {
                self.trial = Trial::Down { at: now, queue, before: None };
            }
            Trial::Down { at, before, .. } if due(at) => {
                self.down.held = before.unwrap_or(self.down.held);
                self.trial = Trial::Up { at: now, queue };
                self.up.hold(LESS * self.up.held.min(self.up.peak));
            }
            Trial::Up { at, queue: then } if due(at) && queue + DRAINED < then => {
                self.trial = Trial::Up { at: now, queue };
            }
            Trial::Up { at, .. } if due(at) => {
                self.trial = Trial::None;
                self.long = Some(now);
                (self.down.peak, self.up.peak) = (self.down.carried, self.up.carried);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock;

    const LOOK: Duration = Duration::from_millis(2);

    /// A link that carries `real` bits a second each way, with staff who take all that is held to be there, and round trips
    /// that show both queues. The queue of a router is 150 ms.
    struct Lab {
        capacity: Capacity,
        real: [f64; 2],
        queues: [f64; 2],
        now: Moment,
        worst: f64,
    }

    impl Lab {
        fn new(said: [Option<u64>; 2], real: [f64; 2]) -> Lab {
            let said = said.map(|bits| bits.and_then(Rate::from_bits_per_second));
            Lab { capacity: Capacity::new(said), real, queues: [0.0; 2], now: clock::now(), worst: 0.0 }
        }

        fn held(&self) -> [f64; 2] {
            self.capacity.held().map(|rate| rate.unwrap().bits_per_second() as f64)
        }

        fn run(&mut self, seconds: u64) {
            self.worst = 0.0;
            for _ in 0..seconds * 500 {
                self.now += LOOK;
                let time = LOOK.as_secs_f64();
                let held = self.held();
                let mut carried = [0.0; 2];
                for way in 0..2 {
                    let offered = 0.93 * held[way];
                    let queue = self.queues[way] + (offered / self.real[way] - 1.0) * time;
                    self.queues[way] = queue.clamp(0.0, 0.15);
                    // Upwards the interface counts what is sent into the queue, also what is then lost.
                    let busy = self.queues[way] > 0.0;
                    carried[way] = if way == 0 && busy { self.real[way] } else { offered };
                }
                let queue = Duration::from_secs_f64(self.queues.iter().sum());
                self.worst = f64::max(self.worst, queue.as_secs_f64());
                self.capacity.look(Some(queue), carried, self.now);
            }
        }
    }

    #[test]
    fn a_link_that_is_what_was_said_is_left_alone() {
        let mut lab = Lab::new([Some(50_000_000), Some(20_000_000)], [50e6, 20e6]);
        lab.run(60);
        assert_eq!(lab.held(), [50e6, 20e6]);
    }

    #[test]
    fn whichever_way_is_slower_than_was_said_is_found_and_the_queue_goes() {
        for real in [[25e6, 20e6], [50e6, 10e6], [25e6, 10e6], [10e6, 2e6]] {
            let mut lab = Lab::new([Some(50_000_000), Some(20_000_000)], real);
            lab.run(20);
            lab.run(30);
            let held = lab.held();
            for way in 0..2 {
                assert!(held[way] > 0.6 * real[way] && held[way] < 1.15 * real[way], "{real:?}: {held:?}");
            }
            assert!(lab.worst < 0.1, "{real:?}: {}", lab.worst);
        }
    }

    #[test]
    fn a_link_of_which_nothing_was_said_is_found_out() {
        let mut lab = Lab::new([None, None], [50e6, 20e6]);
        lab.run(30);
        let held = lab.held();
        assert!((35e6..60e6).contains(&held[0]) && (12e6..24e6).contains(&held[1]), "{held:?}");
    }

    #[test]
    fn what_was_taken_is_given_back_when_the_link_is_well_again() {
        let mut lab = Lab::new([Some(50_000_000), Some(20_000_000)], [25e6, 10e6]);
        lab.run(20);
        lab.real = [50e6, 20e6];
        lab.run(120);
        assert!(lab.held()[0] > 45e6 && lab.held()[1] > 18e6, "{:?}", lab.held());
    }

    #[test]
    fn a_slow_server_beyond_an_idle_link_is_not_the_links_doing() {
        let mut capacity = Capacity::new([Rate::from_bits_per_second(50_000_000); 2]);
        let mut now = clock::now();
        for _ in 0..5_000 {
            now += LOOK;
            capacity.look(Some(Duration::from_millis(200)), [1e6, 1e6], now);
        }
        assert_eq!(capacity.held(), [Rate::from_bits_per_second(50_000_000); 2]);
    }
}
