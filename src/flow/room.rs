//! How many connections the process has room for, and who makes room when it is full.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::listen::door::Phase;

/// The connections that there are, and may be.
#[derive(Debug)]
pub struct Room {
    capacity: usize,
    taken: AtomicUsize,
    waiting: Mutex<Waiting>,
}

/// Connections of which no request is being answered, in the order in which they began to wait.
#[derive(Debug, Default)]
struct Waiting {
    cuts: BTreeMap<u64, Arc<Cut>>,
    next: u64,
}

/// What breaks a connection.
#[derive(Debug)]
struct Cut {
    token: CancellationToken,
    /// It was broken to make room for another.
    made_room: AtomicBool,
}

/// One connection's, for as long as it or a flow that came over it lives.
#[derive(Debug)]
pub struct Place {
    room: Arc<Room>,
    cut: Arc<Cut>,
    state: Mutex<State>,
}

/// What goes on over a connection.
#[derive(Debug, Default)]
struct State {
    /// Requests that are being answered. The end of one may be noticed after the next began.
    turns: usize,
    /// Where it stands among those who wait.
    number: Option<u64>,
}

impl Room {
    /// Room for so many.
    pub fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Room { capacity: capacity.max(1), taken: AtomicUsize::new(0), waiting: Mutex::default() })
    }

    /// A place for a connection that `cut` breaks, and how full that makes the process in percent: over 100 when it has
    /// no room. Where somebody has asked for nothing yet, or nothing more, the one who waits longest makes room first:
    /// those who only connect keep no place from who has something to ask.
    pub fn take(self: &Arc<Self>, cut: CancellationToken) -> (Arc<Place>, usize) {
        let mut taken = self.taken.fetch_add(1, Ordering::Relaxed) + 1;
        if taken > self.capacity && self.waiting().make_room() {
            taken = self.capacity;
        }
        let cut = Arc::new(Cut { token: cut, made_room: AtomicBool::new(false) });
        let place = Arc::new(Place { room: Arc::clone(self), cut, state: Mutex::default() });
        if taken <= self.capacity {
            place.wait(&mut place.state());
        }
        (place, taken.saturating_mul(100).div_ceil(self.capacity))
    }

    /// How many connections there are.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// How many there may be.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Has the one who waits longest make room, if somebody waits. Whoever holds this lock knows whether it was a given one.
    fn make_room(&mut self) -> bool {
        let longest = self.cuts.pop_first();
        if let Some((_, cut)) = &longest {
            cut.made_room.store(true, Ordering::Relaxed);
            cut.token.cancel();
        }
        longest.is_some()
    }
}

impl Place {
    /// One more in the same room, for what `cut` breaks: a stream takes as much as a connection of its own would.
    pub fn another(&self, cut: CancellationToken) -> (Arc<Place>, usize) {
        self.room.take(cut)
    }

    /// From now on a request is being answered, which makes no room for others; unless it had to just before. The phase says
    /// the same in the same step: it must not say idle while something is under way.
    pub fn begin(&self, phase: &Phase) {
        let mut state = self.state();
        state.turns += 1;
        phase.message();
        self.leave(&mut state);
    }

    /// It has been; where it was the last, the connection waits for the next one.
    pub fn end(&self, phase: &Phase) {
        let mut state = self.state();
        state.turns = state.turns.saturating_sub(1);
        if state.turns == 0 {
            phase.idle();
            self.wait(&mut state);
        }
    }

    /// Whether it had to make room for another.
    pub fn made_room(&self) -> bool {
        self.cut.made_room.load(Ordering::Relaxed)
    }

    /// It stands behind all who wait.
    fn wait(&self, state: &mut State) {
        let mut waiting = self.room.waiting();
        if self.made_room() {
            // It is on its way out, and cannot make room twice.
            return;
        }
        let number = waiting.next;
        waiting.next += 1;
        waiting.cuts.insert(number, Arc::clone(&self.cut));
        state.number = Some(number);
    }

    fn leave(&self, state: &mut State) {
        if let Some(number) = state.number.take() {
            self.room.waiting().cuts.remove(&number);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave(&mut self.state());
        self.room.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_longest_makes_room_and_who_is_answered_does_not() {
        let room = Room::new(3);
        let cuts: Vec<CancellationToken> = (0..6).map(|_| CancellationToken::new()).collect();
        let take = |number: usize| room.take(cuts[number].clone());
        let phase = Phase::default();
        let (first, filled) = take(0);
        assert_eq!(filled, 34);
        let (second, _) = take(1);
        let (third, filled) = take(2);
        assert_eq!(filled, 100);
        first.begin(&phase);
        let (fourth, filled) = take(3);
        let is_cut = || cuts.iter().map(CancellationToken::is_cancelled).collect::<Vec<_>>();
        assert_eq!((filled, is_cut()), (100, vec![false, true, false, false, false, false]));
        // What begins there now began too late, and it makes no more room.
        assert!(second.made_room() && !first.made_room());
        second.begin(&phase);
        second.end(&phase);
        // The connection that was cut is gone a moment later.
        drop(second);
        third.begin(&phase);
        fourth.begin(&phase);
        let (none, filled) = take(4);
        assert!(filled > 100, "{filled}");
        drop(none);
        // The end of one request is noticed after the next began.
        first.begin(&phase);
        first.end(&phase);
        assert!(!phase.is_idle());
        let (none, filled) = take(4);
        assert!(filled > 100, "{filled}");
        drop(none);
        first.end(&phase);
        assert!(phase.is_idle());
        let (_fifth, filled) = take(5);
        assert_eq!((filled, is_cut()), (100, vec![true, true, false, false, false, false]));
    }

    #[test]
    fn places_come_back() {
        let room = Room::new(2);
        for _ in 0..10 {
            let (place, filled) = room.take(CancellationToken::new());
            assert_eq!(filled, 50);
            place.begin(&Phase::default());
            place.end(&Phase::default());
        }
        assert!(room.waiting().cuts.is_empty());
    }
}
