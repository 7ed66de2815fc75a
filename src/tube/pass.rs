//! A flow's leave to use a tube: both its directions ask it before they send.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use super::meter::Meter;
use super::pacer::Grant;
use super::tree::{FlowId, Gate};
use super::tubes::{Full, Tubes};
use super::waits::Waits;
use crate::base::{Direction, Moment, Rate, TubeId, clock};

/// What all flows of a tube see of it without a lock. It outlives the tube for as long as one of them holds it.
#[derive(Debug)]
pub struct Home {
    /// The tube.
    pub id: TubeId,
    /// The bytes of its own flows.
    pub meters: [Meter; 2],
    /// What its own flows waited for their grants.
    pub waits: [Waits; 2],
    /// What new connections waited before they could be made.
    pub opened_after: Waits,
    /// New connections that wait to be made.
    opening: AtomicU32,
    gates: [AtomicU8; 2],
}

impl Home {
    /// A tube whose flows have to ask.
    pub fn new(id: TubeId, origin: Moment) -> Home {
        Home {
            id,
            meters: [Meter::new(origin), Meter::new(origin)],
            waits: [Waits::new(origin), Waits::new(origin)],
            opened_after: Waits::new(origin),
            opening: AtomicU32::new(0),
            gates: [const { AtomicU8::new(SHAPED) }; 2],
        }
    }

    /// From now on its flows do, or do not, have to ask.
    pub fn set_gate(&self, direction: Direction, gate: Gate) {
        let gate = match gate {
            Gate::Shaped => SHAPED,
            Gate::Clear => CLEAR,
            Gate::Turns => TURNS,
            Gate::Free => FREE,
        };
        self.gates[index(direction)].store(gate, Ordering::Relaxed);
    }

    /// New connections that wait to be made.
    pub fn opening(&self) -> u32 {
        self.opening.load(Ordering::Relaxed)
    }

    fn gate(&self, direction: Direction) -> Gate {
        match self.gates[index(direction)].load(Ordering::Relaxed) {
            CLEAR => Gate::Clear,
            TURNS => Gate::Turns,
            FREE => Gate::Free,
            _ => Gate::Shaped,
        }
    }
}

const SHAPED: u8 = 0;
const CLEAR: u8 = 1;
const FREE: u8 = 2;
const TURNS: u8 = 3;

/// Where a direction stands in a pair.
pub const fn index(direction: Direction) -> usize {
    match direction {
        Direction::Down => 0,
        Direction::Up => 1,
    }
}

/// A flow's leave to use a tube. Both directions share it; dropped, the flow has left the tube.
#[derive(Debug)]
pub struct Pass {
    tubes: Tubes,
    flows: [FlowId; 2],
    /// Held for a moment by the flow's own two directions and by a move, never with another lock inside.
    home: Mutex<Arc<Home>>,
    /// Taken from the tube for what a new connection brings before anybody has read of it, and not yet used.
    credit: AtomicUsize,
    question: Question,
    /// Its connections that wait to be made. Changed with the home held, so that they move with the flow.
    opening: AtomicU32,
}

/// What a new connection brings before anybody has read of it: an answer to a TLS hello has three segments. With twice as
/// much, use of the link was lost to what never came.
const FIRST_FLIGHT: usize = 3_500;

/// What a clear flow sends at once also where clear flows take turns: a question with its cookies, and the handshake before
/// it.
const QUESTION: usize = 8 * 1024;
/// After so long without a byte what a flow sends is another question.
const PAUSE: Duration = Duration::from_millis(100);

/// How a connection towards the link is to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// What a tube could give one more flow now, one way; `None` for a flow that is not shaped.
    pub down: Option<Rate>,
    /// The other way.
    pub up: Option<Rate>,
    /// No burst need leave faster.
    pub pace: Option<Rate>,
    /// So long it had to wait.
    pub waited: Duration,
}

/// What a flow sends first after a pause, from its client. Only that direction's task uses it.
#[derive(Debug, Default)]
struct Question {
    /// Bytes sent of it.
    sent: AtomicUsize,
    /// Milliseconds of the tubes' age, one more, at its last byte; 0 before any, and all ones while it waits for a grant.
    last: AtomicU64,
}

impl Question {
    /// Of what is to be sent now, what belongs to it.
    fn part(&self, want: usize, age: Duration) -> usize {
        let last = self.last.load(Ordering::Relaxed);
        if last == 0 || number(age).saturating_sub(last) >= number(PAUSE) {
            self.sent.store(0, Ordering::Relaxed);
        }
        let sent = self.sent.load(Ordering::Relaxed);
        let bytes = want.min(QUESTION.saturating_sub(sent));
        self.sent.store(sent + bytes, Ordering::Relaxed);
        if bytes > 0 {
            self.waits(false, age);
        }
        bytes
    }

    /// A wait is no pause.
    fn waits(&self, waits: bool, age: Duration) {
        self.last.store(if waits { u64::MAX } else { number(age) + 1 }, Ordering::Relaxed);
    }
}

fn number(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX - 1)
}

/// A connection that waits to be made. Its tube counts it for as long as it does, however the wait ends.
struct Waiting<'a>(&'a Pass);

impl<'a> Waiting<'a> {
    fn new(pass: &'a Pass) -> Waiting<'a> {
        let home = pass.home.lock().unwrap_or_else(PoisonError::into_inner);
        pass.opening.fetch_add(1, Ordering::Relaxed);
        home.opening.fetch_add(1, Ordering::Relaxed);
        Waiting(pass)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let home = self.0.home.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.opening.fetch_sub(1, Ordering::Relaxed);
        home.opening.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pass {
    pub(super) fn new(tubes: Tubes, flows: [FlowId; 2], home: Arc<Home>) -> Pass {
        Pass {
            tubes,
            flows,
            home: Mutex::new(home),
            credit: AtomicUsize::new(0),
            question: Question::default(),
            opening: AtomicU32::new(0),
        }
    }

    /// Asks to send so many bytes one way; the answer may be fewer, never none unless none were asked for. A grant that
    /// was not read is kept for the next who asks, so that giving up costs nothing. One task a direction can wait.
    pub fn poll_take(&self, cx: &mut Context<'_>, direction: Direction, want: usize) -> Poll<Grant> {
        if want == 0 {
            return Poll::Ready(Grant { bytes: 0, waited: Duration::ZERO });
        }
        if direction == Direction::Down
            && let Some(bytes) = self.spend(want)
        {
            return Poll::Ready(Grant { bytes, waited: Duration::ZERO });
        }
        let pacer = self.tubes.pacer(direction);
        let at_once = {
            let home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
            let gate = home.gate(direction);
            let at_once = match gate {
                Gate::Shaped => 0,
                Gate::Turns => self.question.part(want, self.tubes.age()),
                Gate::Clear | Gate::Free => want,
            };
            if matches!(gate, Gate::Clear | Gate::Turns) {
                pacer.charge(at_once);
            }
            home.meters[index(direction)].add(at_once, clock::now());
            at_once
        };
        if at_once > 0 {
            return Poll::Ready(Grant { bytes: at_once, waited: Duration::ZERO });
        }
        let answer = pacer.poll(cx, self.flows[index(direction)], want);
        if direction == Direction::Up {
            self.question.waits(answer.is_pending(), self.tubes.age());
        }
        if let Poll::Ready(grant) = answer {
            let (home, now) = (self.home.lock().unwrap_or_else(PoisonError::into_inner), clock::now());
            home.meters[index(direction)].add(grant.bytes, now);
            home.waits[index(direction)].add(grant.waited, now);
        }
        answer
    }

    /// Of what was taken before it came.
    fn spend(&self, want: usize) -> Option<usize> {
        let credit = self.credit.load(Ordering::Relaxed);
        let bytes = credit.min(want);
        if bytes == 0 {
            return None;
        }
        self.credit.fetch_sub(bytes, Ordering::Relaxed);
        self.count(Direction::Down, bytes);
        Some(bytes)
    }

    /// Waits until the tube has room for what a new connection brings unasked, and says what it could have then.
    pub async fn open(&self) -> Opening {
        let mut waited = Duration::ZERO;
        if self.is_shaped(Direction::Down) {
            let _waiting = Waiting::new(self);
            let mut missing = FIRST_FLIGHT;
            while missing > 0 {
                let pacer = self.tubes.pacer(Direction::Down);
                let grant = std::future::poll_fn(|cx| pacer.poll(cx, self.flows[0], missing)).await;
                self.credit.fetch_add(grant.bytes, Ordering::Relaxed);
                missing = missing.saturating_sub(grant.bytes);
                waited += grant.waited;
            }
            self.home.lock().unwrap_or_else(PoisonError::into_inner).opened_after.add(waited, clock::now());
        }
        let (tube, newcomers) = (self.tube(), self.tubes.newcomer());
        let could = |direction| {
            if self.is_shaped(direction) { self.tubes.share(&tube, direction, newcomers) } else { None }
        };
        Opening { down: could(Direction::Down), up: could(Direction::Up), pace: self.tubes.pace(), waited }
    }

    fn count(&self, direction: Direction, bytes: usize) {
        let home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        home.meters[index(direction)].add(bytes, clock::now());
    }

    /// Whether it competes with others, and so is held back before it is read.
    pub fn is_shaped(&self, direction: Direction) -> bool {
        self.home.lock().unwrap_or_else(PoisonError::into_inner).gate(direction) == Gate::Shaped
    }

    /// Whether nothing of it ever waits for others.
    pub fn is_free(&self, direction: Direction) -> bool {
        let home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(home.gate(direction), Gate::Clear | Gate::Free)
    }

    /// How fast its connection may send into the link now, clear or not.
    pub fn pace(&self) -> Option<Rate> {
        self.tubes.pace()
    }

    /// As [`Pass::poll_take`], for who can wait.
    pub async fn take(&self, direction: Direction, want: usize) -> Grant {
        std::future::poll_fn(|cx| self.poll_take(cx, direction, want)).await
    }

    /// Goes on in another tube: what waits, waits there, and what was granted stays granted. Only admission counts
    /// against a tube's limit of flows, so this fails for a tube that is not there alone.
    pub fn move_to(&self, tube: &TubeId) -> Result<(), Full> {
        self.tubes.shift(self.flows, tube, |home| {
            let mut here = self.home.lock().unwrap_or_else(PoisonError::into_inner);
            let opening = self.opening.load(Ordering::Relaxed);
            here.opening.fetch_sub(opening, Ordering::Relaxed);
            home.opening.fetch_add(opening, Ordering::Relaxed);
            std::mem::replace(&mut *here, home)
        })
    }

    /// The tube it is in now.
    pub fn tube(&self) -> TubeId {
        self.home.lock().unwrap_or_else(PoisonError::into_inner).id.clone()
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let credit = *self.credit.get_mut();
        if credit > 0 {
            self.tubes.give_back(self.flows[index(Direction::Down)], Direction::Down, credit);
        }
        let home = Arc::clone(self.home.get_mut().unwrap_or_else(PoisonError::into_inner));
        self.tubes.leave(self.flows, &home.id);
    }
}

#[cfg(test)]
#[path = "pass_tests.rs"]
mod tests;
