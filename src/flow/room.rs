//! How many connections the process has room for, and who makes room when it is full.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

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
    cuts: BTreeMap<u64, CancellationToken>,
    next: u64,
}

/// One connection's, for as long as it or a flow that came over it lives.
#[derive(Debug)]
pub struct Place {
    room: Arc<Room>,
    /// Breaks the connection.
    cut: CancellationToken,
    /// Where it stands among those who wait.
    number: Mutex<Option<u64>>,
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
        if taken > self.capacity
            && let Some((_, longest)) = self.waiting().cuts.pop_first()
        {
            longest.cancel();
            taken = self.capacity;
        }
        let place = Arc::new(Place { room: Arc::clone(self), cut, number: Mutex::new(None) });
        if taken <= self.capacity {
            place.wait();
        }
        (place, taken.saturating_mul(100).div_ceil(self.capacity))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// From now on a request is being answered.
    pub fn busy(&self) {
        if let Some(number) = self.number().take() {
            self.room.waiting().cuts.remove(&number);
        }
    }

    /// It waits for the next request.
    pub fn wait(&self) {
        let mut waiting = self.room.waiting();
        let number = waiting.next;
        waiting.next += 1;
        waiting.cuts.insert(number, self.cut.clone());
        drop(waiting);
        *self.number() = Some(number);
    }

    fn number(&self) -> MutexGuard<'_, Option<u64>> {
        self.number.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.busy();
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
        let (first, filled) = take(0);
        assert_eq!(filled, 34);
        let (second, _) = take(1);
        let (third, filled) = take(2);
        assert_eq!(filled, 100);
        first.busy();
        let (fourth, filled) = take(3);
        let is_cut = || cuts.iter().map(CancellationToken::is_cancelled).collect::<Vec<_>>();
        assert_eq!((filled, is_cut()), (100, vec![false, true, false, false, false, false]));
        // The connection that was cut is gone a moment later.
        drop(second);
        third.busy();
        fourth.busy();
        let (none, filled) = take(4);
        assert!(filled > 100, "{filled}");
        drop(none);
        first.wait();
        let (_fifth, filled) = take(5);
        assert_eq!((filled, is_cut()), (100, vec![true, true, false, false, false, false]));
    }

    #[test]
    fn places_come_back() {
        let room = Room::new(2);
        for _ in 0..10 {
            let (place, filled) = room.take(CancellationToken::new());
            assert_eq!(filled, 50);
            place.busy();
            place.wait();
        }
        assert!(room.waiting().cuts.is_empty());
    }
}
