//! One direction's tree as live flows use it: who gets a grant is woken, and a timer comes back when the next is due.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::Thread;
use std::time::Duration;

use super::tree::{FlowId, Tree};
use crate::base::{Moment, clock};

/// Grants under one hold of the lock: at some 300 ns each nobody waits for it longer than some 20 microseconds.
const BATCH: usize = 64;

/// A thread does not wake up finer than this (prctl(2), PR_SET_TIMERSLACK), so an earlier time is not asked for.
const TIMER: Duration = Duration::from_micros(100);

/// What a flow may send now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grant {
    /// So much: what it wanted, or less.
    pub bytes: usize,
    /// How long it waited for it.
    pub waited: Duration,
}

/// One direction.
#[derive(Debug)]
pub struct Pacer {
    lane: Mutex<Lane>,
    /// Bytes of clear flows that the link has not been charged yet.
    clear: AtomicUsize,
    was_clear: AtomicBool,
}

/// What the lock guards.
#[derive(Debug)]
pub struct Lane {
    /// Who may send.
    pub tree: Tree,
    /// By flow number.
    seats: Vec<Seat>,
    /// When the driver will come back; `None`: it sleeps until told.
    planned: Option<Moment>,
    driver: Option<Thread>,
}

/// What waits for a flow, or what a flow waits with.
#[derive(Debug, Default)]
struct Seat {
    granted: usize,
    since: Option<Moment>,
    until: Option<Moment>,
    waker: Option<Waker>,
}

impl Pacer {
    /// A direction with nobody in it.
    pub fn new(now: Moment) -> Pacer {
        let lane = Lane { tree: Tree::new(now), seats: Vec::new(), planned: None, driver: None };
        Pacer { lane: Mutex::new(lane), clear: AtomicUsize::new(0), was_clear: AtomicBool::new(false) }
    }

    /// Looks at or changes the tree, then gives what that made possible.
    pub fn change<T>(&self, change: impl FnOnce(&mut Lane, Moment) -> T) -> T {
        let (mut lane, now) = self.enter();
        let answer = change(&mut lane, now);
        drop(self.give(lane, now, None));
        answer
    }

    /// Looks at the tree.
    pub fn look<T>(&self, look: impl FnOnce(&Tree) -> T) -> T {
        look(&self.lock().tree)
    }

    /// Whether clear flows sent anything since it was asked last.
    pub fn was_clear(&self) -> bool {
        self.was_clear.swap(false, Ordering::Relaxed)
    }

    /// Counts bytes of a clear flow; none, if it has to wait for its turn. Takes no lock: what goes at once does not wait for the scheduler either.
    pub fn charge(&self, bytes: usize) {
        self.clear.fetch_add(bytes, Ordering::Relaxed);
        self.was_clear.store(true, Ordering::Relaxed);
    }

    /// A grant for a flow. It stays the flow's if the answer is never read, and is then given to the next who asks for it.
    pub fn poll(&self, cx: &mut Context<'_>, flow: FlowId, want: usize) -> Poll<Grant> {
        let (mut lane, now) = self.enter();
        if lane.seats[flow.0].granted == 0 {
            lane.tree.enqueue(flow, want, now);
            let seat = &mut lane.seats[flow.0];
            seat.since.get_or_insert(now);
            let known = seat.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
            if !known {
                seat.waker = Some(cx.waker().clone());
            }
            lane = self.give(lane, now, Some(flow));
        }
        let seat = &mut lane.seats[flow.0];
        if seat.granted == 0 {
            return Poll::Pending;
        }
        let bytes = seat.granted.min(want);
        seat.granted -= bytes;
        let waited = match (seat.since.take(), seat.until.take()) {
            (Some(since), Some(until)) => until.saturating_duration_since(since),
            _ => Duration::ZERO,
        };
        Poll::Ready(Grant { bytes, waited })
    }

    /// Who is to be woken when the next is due earlier than it was told.
    pub fn wake_by(&self, thread: &Thread) {
        self.lock().driver = Some(thread.clone());
    }

    /// The driver's own turn; when it is to come back, and what was ever given out.
    pub fn turn(&self) -> (Option<Moment>, u64) {
        let (lane, now) = self.enter();
        let mut lane = self.give_grants(lane, now, None);
        lane.planned = lane.tree.wake_at(now);
        (lane.planned, lane.tree.passed())
    }

    /// Gives what is due, and tells the timer when it would come back too late for the next.
    fn give<'a>(&'a self, lane: MutexGuard<'a, Lane>, now: Moment, me: Option<FlowId>) -> MutexGuard<'a, Lane> {
        let mut lane = self.give_grants(lane, now, me);
        if lane.planned.is_some_and(|planned| planned <= now + TIMER) {
            return lane;
        }
        if let Some(due) = lane.tree.wake_at(now)
            && lane.planned.is_none_or(|planned| due < planned)
        {
            lane.planned = Some(due);
            if let Some(driver) = &lane.driver {
                driver.unpark();
            }
        }
        lane
    }

    /// Gives every grant that is due, and wakes who got one; `me` is awake.
    fn give_grants<'a>(
        &'a self,
        mut lane: MutexGuard<'a, Lane>,
        now: Moment,
        me: Option<FlowId>,
    ) -> MutexGuard<'a, Lane> {
        let mut woken = Vec::new();
        loop {
            let mut given = 0;
            while given < BATCH
                && let Some(grant) = lane.tree.next(now)
            {
                given += 1;
                let seat = &mut lane.seats[grant.flow.0];
                seat.granted += grant.bytes;
                seat.until = Some(now);
                if me != Some(grant.flow) {
                    woken.extend(seat.waker.take());
                }
            }
            if !woken.is_empty() {
                drop(lane);
                woken.drain(..).for_each(Waker::wake);
                lane = self.lock();
            }
            if given < BATCH {
                return lane;
            }
        }
    }

    /// The lane, with what clear flows sent charged. That comes before anything else: while nobody waited it was spread
    /// over all the time since the last charge, and is paid from what that time brought.
    fn enter(&self) -> (MutexGuard<'_, Lane>, Moment) {
        let mut lane = self.lock();
        let now = clock::now();
        let clear = self.clear.swap(0, Ordering::Relaxed);
        if clear > 0 {
            lane.tree.charge(clear, now);
        }
        (lane, now)
    }

    fn lock(&self) -> MutexGuard<'_, Lane> {
        // Whoever panicked with the lock left a tree that is whole: each call leaves it so before it can.
        self.lane.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    /// A flow has come in.
    pub fn seat(&mut self, flow: FlowId) {
        if self.seats.len() <= flow.0 {
            self.seats.resize_with(flow.0 + 1, Seat::default);
        }
        self.seats[flow.0] = Seat::default();
    }

    /// A flow goes.
    pub fn leave(&mut self, flow: FlowId) {
        self.tree.leave(flow);
        self.seats[flow.0] = Seat::default();
    }
}

#[cfg(test)]
#[path = "pacer_tests.rs"]
mod tests;
