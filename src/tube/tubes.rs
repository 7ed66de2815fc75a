//! All tubes of the process: who is admitted to which, and what each uses.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use foldhash::HashMap;
use jiff::Timestamp;

use super::beside::Beside;
use super::driver::Driver;
use super::link::{Link, LinkReading, Look};
use super::pacer::Pacer;
use super::pass::{Home, Pass, index};
use super::share::Sharer;
use super::spec::{Spec, Tube};
use super::tree::{FlowId, Layout, Stretch, Tree};
use crate::base::{Calendar, Direction, Fault, Moment, Rate, Reason, Side, TubeId, clock};

/// How often a link is looked at: what a queue may grow by before anybody notices.
const LOOK: Duration = Duration::from_millis(2);
/// How often where nothing is known of it: a plan may say more.
const GLANCE: Duration = Duration::from_millis(100);

/// Why a flow is not let into a tube.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// It, or a tube around it, carries as many flows as it may.
    #[error("tube {tube} carries {flows} flows, as many as it may")]
    Flows {
        /// The tube that is full.
        tube: TubeId,
        /// Its limit.
        flows: u32,
    },
    /// No specification in force or just replaced knows it.
    #[error("there is no tube {0}")]
    Unknown(TubeId),
}

impl Full {
    /// How it ends the flow.
    pub fn fault(&self) -> Fault {
        match self {
            Full::Flows { .. } => Fault::new(Side::Policy, Reason::TubeFull),
            Full::Unknown(_) => Fault::new(Side::Proxy, Reason::Internal),
        }
    }
}

/// A tube at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The tube.
    pub tube: TubeId,
    /// Its own flows, without those of the tubes within.
    pub flows: u32,
    /// Those of its own flows' directions that wait for a grant.
    pub waiting: u32,
    /// Connections of its own flows that wait to be made.
    pub opening: u32,
    /// How long such connections waited: the median of the last ten seconds, `None` when none was let through.
    pub opened_after: Option<Duration>,
    /// Towards clients.
    pub down: Way,
    /// From clients.
    pub up: Way,
}

/// A tube one way, with all within it, in bits per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// The most it may use now: the least of its ceiling, those around it and the link's rate.
    pub limit: Option<u64>,
    /// What it used over the last second.
    pub used: u64,
    /// How long what its own flows were granted had waited: the median of the last ten seconds. `None` when nothing had
    /// to ask.
    pub wait: Option<Duration>,
}

impl Reading {
    /// One way.
    pub fn way(&self, direction: Direction) -> Way {
        match direction {
            Direction::Down => self.down,
            Direction::Up => self.up,
        }
    }
}

/// The scheduler of the process. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Tubes {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    origin: Moment,
    /// Locked before a pacer, never after.
    book: Mutex<Book>,
    pacers: [Pacer; 2],
    /// Locked before a pacer, never with the book.
    link: Mutex<Link>,
    /// What is known of another process with which the budgets are shared. Locked after the book or the link, and before a
    /// pacer.
    beside: Mutex<Beside>,
}

/// The tubes by name, and their flows counted.
#[derive(Debug, Default)]
struct Book {
    entries: HashMap<TubeId, Entry>,
    /// As the specification has them.
    order: Vec<TubeId>,
}

#[derive(Debug)]
struct Entry {
    tube: Tube,
    home: Arc<Home>,
    /// Own flows.
    flows: u32,
    /// No longer specified. It stays for its flows, and for those that a plan of the generation before still sends to it,
    /// until a later specification finds it empty.
    gone: bool,
}

impl Tubes {
    /// The link and tubes of a specification, with the ceilings of a moment.
    pub fn new(spec: &Spec, calendar: &Calendar, at: Timestamp) -> Tubes {
        let origin = clock::now();
        let pacers = [Pacer::new(origin), Pacer::new(origin)];
        let link = Mutex::new(Link::new(origin));
        let tubes = Tubes {
            shared: Arc::new(Shared { origin, book: Mutex::default(), pacers, link, beside: Mutex::default() }),
        };
        tubes.apply(spec, calendar, at);
        tubes
    }

    /// The specification as it is from now on, with the ceilings of a moment; for a reload, and whenever a peak begins or
    /// ends. Flows stay where they are. A tube that is no longer named keeps its last ceilings until its flows have left.
    pub fn apply(&self, spec: &Spec, calendar: &Calendar, at: Timestamp) {
        let mut book = self.book();
        book.rewrite(spec, self.shared.origin);
        for direction in Direction::BOTH {
            let stretch = |entry: &Entry| Stretch {
                id: entry.tube.id.clone(),
                within: entry.tube.within.clone(),
                priority: entry.tube.priority,
                ceiling: entry.tube.ceiling_at(at, calendar).of(direction),
                floor: entry.tube.floor.of(direction),
                share_by: entry.tube.share_by,
            };
            let tubes = book.order.iter().filter_map(|id| book.entries.get(id)).map(stretch).collect();
            let turns = direction == Direction::Up;
            let layout = Layout { link: self.link().said(&spec.link).of(direction), turns, tubes };
            self.pacer(direction).change(|lane, now| {
                lane.tree.apply(&layout, now);
                for entry in book.entries.values() {
                    let id = &entry.tube.id;
                    if let Some(gate) = lane.tree.gate(id) {
                        entry.home.set_gate(direction, gate);
                    }
                }
            });
        }
    }

    /// Looks at the link: `wire` is what its interface has carried so far, down and up. To be called again after the time that
    /// it says.
    pub(super) fn look(&self, wire: Option<[u64; 2]>) -> Duration {
        let now = clock::now();
        let mut link = self.link();
        let mut cleared = Direction::BOTH.map(|direction| self.pacer(direction).was_clear()).contains(&true);
        let mut passed = Direction::BOTH.map(|direction| self.pacer(direction).look(Tree::passed));
        {
            // The wire carries the other process's bytes too.
            let beside = self.beside();
            cleared |= beside.is_clear();
            passed.iter_mut().zip(beside.passed(now)).for_each(|(passed, more)| *passed = passed.wrapping_add(more));
        }
        let settings = link.look(&Look { now, wire, passed, cleared });
        for (direction, setting) in Direction::BOTH.into_iter().zip(settings) {
            self.pacer(direction).change(|lane, now| lane.tree.govern(&setting, now));
        }
        if wire.is_some() || link.is_bounded() { LOOK } else { GLANCE }
    }

    /// A round trip to an address beyond the link took so long.
    pub fn round_trip(&self, peer: IpAddr, took: Duration) {
        self.link().round_trip(peer, took, clock::now());
    }

    /// An echo of what `[link] probe` names took so long.
    pub fn probed(&self, target: IpAddr, took: Duration) {
        self.link().probed(target, took, clock::now());
    }

    /// How long the last echo took, if there was one of late.
    pub fn probe(&self, now: Moment) -> Option<Duration> {
        self.link().probe(now)
    }

    /// Whether the link carries next to nothing.
    pub fn rests(&self, now: Moment) -> bool {
        self.link().rests(now)
    }

    /// How fast one connection may send into the link, clear or not: a little less than it carries, so that no burst of
    /// one makes a queue for acknowledgements and everybody else. A transfer that has the link alone takes that much
    /// longer.
    pub(super) fn pace(&self) -> Option<Rate> {
        self.link().pace()
    }

    pub(super) fn on_link<T>(&self, work: impl FnOnce(&mut Link) -> T) -> T {
        work(&mut self.link())
    }

    pub(super) fn beside(&self) -> MutexGuard<'_, Beside> {
        self.shared.beside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bits over the last second of each tube's own flows.
    pub(super) fn used_here(&self, now: Moment) -> Vec<(TubeId, [u64; 2])> {
        let used = |entry: &Entry| entry.home.meters.each_ref().map(|meter| meter.last_second(now));
        self.book().entries.iter().map(|(id, entry)| (id.clone(), used(entry))).collect()
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        self.shared.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a flow into a tube.
    pub fn admit(&self, tube: &TubeId, who: Sharer) -> Result<Pass, Full> {
        let mut book = self.book();
        book.room(tube, &self.beside())?;
        let enter = |direction, who| {
            let entered = self.pacer(direction).change(|lane, _| {
                let flow = lane.tree.admit(tube, who)?;
                lane.seat(flow);
                Some(flow)
            });
            entered.ok_or_else(|| Full::Unknown(tube.clone()))
        };
        let flows = [enter(Direction::Down, who.clone())?, enter(Direction::Up, who)?];
        let home = book.count_in(tube).ok_or_else(|| Full::Unknown(tube.clone()))?;
        Ok(Pass::new(self.clone(), flows, home))
    }

    /// Begins to give what is due, on a thread of its own, until what comes back is dropped. `wire` tells what the link's
    /// interface has carried so far, down and up.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub fn drive(&self, wire: impl FnMut() -> Option<[u64; 2]> + Send + 'static) -> io::Result<Driver> {
        Driver::start(self.clone(), wire)
    }

    /// Gives what is due now, and says when the next is, and how many bytes were ever let through.
    pub(super) fn turn(&self) -> (Option<Moment>, u64) {
        let turns = self.shared.pacers.each_ref().map(Pacer::turn);
        (turns.iter().filter_map(|(due, _)| *due).min(), turns.iter().map(|(_, passed)| passed).sum())
    }

    pub(super) fn wake_by(&self, thread: &Thread) {
        self.shared.pacers.iter().for_each(|pacer| pacer.wake_by(thread));
    }

    /// Every tube at a moment, as the specification orders them; those that are gone but still have flows come last.
    pub fn readings(&self, now: Moment) -> Vec<Reading> {
        let (book, beside) = (self.book(), self.beside());
        let mut readings: Vec<Reading> = Vec::new();
        for id in &book.order {
            let Some(entry) = book.entries.get(id).filter(|entry| !entry.gone || entry.flows > 0) else { continue };
            let mut reading = Reading {
                tube: id.clone(),
                flows: entry.flows,
                waiting: 0,
                opening: entry.home.opening(),
                opened_after: entry.home.opened_after.median(now),
                down: Way::default(),
                up: Way::default(),
            };
            for direction in Direction::BOTH {
                let (limit, waiting) = self.pacer(direction).look(|tree| (tree.whole_limit(id), tree.waiting(id)));
                let way = Way {
                    limit: limit.map(Rate::bits_per_second),
                    used: book.used(id, direction, now, &beside),
                    wait: entry.home.waits[index(direction)].median(now),
                };
                reading.waiting += u32::try_from(waiting).unwrap_or(u32::MAX);
                match direction {
                    Direction::Down => reading.down = way,
                    Direction::Up => reading.up = way,
                }
            }
            readings.push(reading);
        }
        readings
    }

    /// The link at a moment, down and up.
    pub fn link_readings(&self, now: Moment) -> [LinkReading; 2] {
        self.link().readings(now)
    }

    pub(super) fn pacer(&self, direction: Direction) -> &Pacer {
        &self.shared.pacers[index(direction)]
    }

    /// Moves a flow; `settle` puts the new home in its place and answers with the old one.
    pub(super) fn shift(
        &self,
        flows: [FlowId; 2],
        tube: &TubeId,
        settle: impl FnOnce(Arc<Home>) -> Arc<Home>,
    ) -> Result<(), Full> {
        let mut book = self.book();
        let home = book.count_in(tube).ok_or_else(|| Full::Unknown(tube.clone()))?;
        for direction in Direction::BOTH {
            self.pacer(direction).change(|lane, now| lane.tree.shift(flows[index(direction)], tube, now));
        }
        let left = settle(home);
        book.count_out(&left.id);
        Ok(())
    }

    pub(super) fn leave(&self, flows: [FlowId; 2], tube: &TubeId) {
        let mut book = self.book();
        for direction in Direction::BOTH {
            self.pacer(direction).change(|lane, _| lane.leave(flows[index(direction)]));
        }
        book.count_out(tube);
    }

    /// A connection begins: how many did so of late, this one not counted.
    pub(super) fn newcomer(&self) -> u64 {
        self.link().newcomer(clock::now())
    }

    /// What one more flow of a tube could have of it now, beside so many that have begun and do not wait yet.
    pub(super) fn share(&self, tube: &TubeId, direction: Direction, newcomers: u64) -> Option<Rate> {
        self.pacer(direction).look(|tree| {
            let limit = tree.limit(tube)?.bits_per_second();
            Rate::from_bits_per_second(limit / (1 + tree.waiting(tube) as u64 + newcomers))
        })
    }

    /// For how long there have been tubes.
    pub(super) fn age(&self) -> Duration {
        clock::now().saturating_duration_since(self.shared.origin)
    }

    /// A flow does not use what it was granted.
    pub(super) fn give_back(&self, flow: FlowId, direction: Direction, bytes: usize) {
        self.pacer(direction).change(|lane, _| lane.tree.give_back(flow, bytes));
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.shared.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Takes over a specification.
    fn rewrite(&mut self, spec: &Spec, origin: Moment) {
        let before = std::mem::take(&mut self.order);
        let around: Vec<TubeId> =
            self.entries.values().filter(|entry| entry.flows > 0).flat_map(|entry| self.path(&entry.tube.id)).collect();
        self.entries.retain(|id, entry| {
            let forget = entry.gone && entry.flows == 0 && !around.contains(id);
            entry.gone = true;
            !forget || spec.tube(id).is_some()
        });
        for tube in &spec.tubes {
            self.order.push(tube.id.clone());
            let entry = self.entries.entry(tube.id.clone()).or_insert_with(|| Entry {
                tube: tube.clone(),
                home: Arc::new(Home::new(tube.id.clone(), origin)),
                flows: 0,
                gone: false,
            });
            entry.gone = false;
            entry.tube = tube.clone();
        }
        self.order.extend(before.into_iter().filter(|id| self.entries.get(id).is_some_and(|entry| entry.gone)));
    }

    /// Whether a tube and those around it may carry one more flow.
    fn room(&self, tube: &TubeId, beside: &Beside) -> Result<(), Full> {
        if !self.entries.contains_key(tube) {
            return Err(Full::Unknown(tube.clone()));
        }
        for id in self.path(tube) {
            if let Some(most) = self.entries.get(&id).and_then(|entry| entry.tube.flows)
                && self.sum(&id, |entry| u64::from(entry.flows) + beside.flows(&entry.tube.id)) >= u64::from(most)
            {
                return Err(Full::Flows { tube: id, flows: most });
            }
        }
        Ok(())
    }

    fn count_in(&mut self, tube: &TubeId) -> Option<Arc<Home>> {
        let entry = self.entries.get_mut(tube)?;
        entry.flows += 1;
        Some(Arc::clone(&entry.home))
    }

    fn count_out(&mut self, tube: &TubeId) {
        if let Some(entry) = self.entries.get_mut(tube) {
            entry.flows -= 1;
        }
    }

    /// Bits over the last second of a tube and those within it.
    fn used(&self, tube: &TubeId, direction: Direction, now: Moment, beside: &Beside) -> u64 {
        let way = index(direction);
        self.sum(tube, |entry| entry.home.meters[way].last_second(now) + beside.used(&entry.tube.id, way))
    }

    /// Over a tube and those within it.
    fn sum(&self, tube: &TubeId, of: impl Fn(&Entry) -> u64) -> u64 {
        self.entries.values().filter(|entry| self.path(&entry.tube.id).contains(tube)).map(of).sum()
    }

    /// A tube and those around it, outwards.
    fn path(&self, tube: &TubeId) -> Vec<TubeId> {
        let mut path = vec![tube.clone()];
        let mut at = tube;
        while let Some(within) = self.entries.get(at).and_then(|entry| entry.tube.within.as_ref())
            && !path.contains(within)
        {
            path.push(within.clone());
            at = within;
        }
        path
    }
}

#[cfg(test)]
#[path = "tubes_tests.rs"]
mod tests;
