//! A flow's leave to use a tube: both its directions ask it before they send.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::meter::Meter;
use super::pacer::Grant;
use super::tree::{FlowId, Gate};
use super::tubes::{Full, Tubes};
use crate::base::{Direction, Moment, Rate, TubeId, clock};

/// What all flows of a tube see of it without a lock. It outlives the tube for as long as one of them holds it.
#[derive(Debug)]
pub struct Home {
    /// The tube.
    pub id: TubeId,
    /// The bytes of its own flows.
    pub meters: [Meter; 2],
    gates: [AtomicU8; 2],
    quanta: [AtomicUsize; 2],
}

impl Home {
    /// A tube whose flows have to ask.
    pub fn new(id: TubeId, origin: Moment) -> Home {
        Home { id, meters: [Meter::new(origin), Meter::new(origin)], gates: [const { AtomicU8::new(SHAPED) }; 2], quanta: [const { AtomicUsize::new(0) }; 2] }
    }

    /// From now on its flows do, or do not, have to ask, and are granted so much at once.
    pub fn set_gate(&self, direction: Direction, gate: Gate, quantum: usize) {
        self.quanta[index(direction)].store(quantum, Ordering::Relaxed);
        let gate = match gate {
            Gate::Shaped => SHAPED,
            Gate::Clear => CLEAR,
            Gate::Free => FREE,
        };
        self.gates[index(direction)].store(gate, Ordering::Relaxed);
    }

    fn gate(&self, direction: Direction) -> Gate {
        match self.gates[index(direction)].load(Ordering::Relaxed) {
            CLEAR => Gate::Clear,
            FREE => Gate::Free,
            _ => Gate::Shaped,
        }
    }
}

const SHAPED: u8 = 0;
const CLEAR: u8 = 1;
const FREE: u8 = 2;

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
    /// What was taken from the tube for bytes that come before anybody asked for them.
    deposit: Deposit,
}

/// What a flow's sender may send unasked. The window of a connection at rest is open: the next answer begins with as much
/// as it holds. So much is taken from the tube before the answer is asked for.
#[derive(Debug)]
struct Deposit {
    origin: Moment,
    /// Held now.
    held: AtomicUsize,
    /// Bytes that came since it was taken, and so what of it is to be taken again before the next answer.
    spent: AtomicUsize,
    /// Nanoseconds after the origin at which bytes last came.
    last: AtomicU64,
}

/// After this without a byte an answer is over, and what comes next is another one.
const QUIET: Duration = Duration::from_millis(100);


/// How a connection towards the link is to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// What a tube could give one more flow now, one way; `None` for a flow that is not shaped.
    pub down: Option<Rate>,
    /// The other way.
    pub up: Option<Rate>,
    /// What the link carries up: no burst need leave faster.
    pub link: Option<Rate>,
}

/// What a new connection's first flight brings before anybody has read of it: the answer to a TLS hello with its
/// certificates, or a small object. A sender may begin with ten segments (RFC 6928).
const FIRST_FLIGHT: usize = 6_000;

impl Pass {
    pub(super) fn new(tubes: Tubes, flows: [FlowId; 2], home: Arc<Home>) -> Pass {
        Pass { tubes, flows, home: Mutex::new(home), deposit: Deposit::new() }
    }

    /// Asks to send so many bytes one way; the answer may be fewer, never none unless none were asked for. A grant that
    /// was not read is kept for the next who asks, so that giving up costs nothing. One task a direction can wait.
    pub fn poll_take(&self, cx: &mut Context<'_>, direction: Direction, want: usize) -> Poll<Grant> {
        if want == 0 {
            return Poll::Ready(Grant { bytes: 0, waited: Duration::ZERO });
        }
        if direction == Direction::Up && self.poll_deposit(cx).is_pending() {
            return Poll::Pending;
        }
        let pacer = self.tubes.pacer(direction);
        let free = {
            let home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
            let gate = home.gate(direction);
            if gate == Gate::Clear {
                pacer.charge(want);
            }
            if gate != Gate::Shaped {
                home.meters[index(direction)].add(want, clock::now());
            }
            gate != Gate::Shaped
        };
        if free {
            return Poll::Ready(Grant { bytes: want, waited: Duration::ZERO });
        }
        let answer = pacer.poll(cx, self.flows[index(direction)], want);
        if let Poll::Ready(grant) = answer {
            if direction == Direction::Down {
                self.deposit.spend(grant.bytes);
            }
            let home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
            home.meters[index(direction)].add(grant.bytes, clock::now());
        }
        answer
    }

    /// Takes what the next answer begins with, where the last one is over.
    fn poll_deposit(&self, cx: &mut Context<'_>) -> Poll<()> {
        let first = super::governor::t("CW_FIRST", 6000.0) as usize;
        loop {
            let missing = self.deposit.missing(first);
            if missing == 0 || !self.is_shaped(Direction::Down) {
                return Poll::Ready(());
            }
            let grant = ready!(self.tubes.pacer(Direction::Down).poll(cx, self.flows[0], missing));
            self.deposit.take(grant.bytes);
        }
    }

    /// Waits until the tube has room for what a new connection brings unasked, and says what it could have then.
    pub async fn open(&self) -> Opening {
        std::future::poll_fn(|cx| self.poll_deposit(cx)).await;
        let could = |direction| {
            if self.is_shaped(direction) { self.tubes.share(&self.tube(), direction) } else { None }
        };
        Opening { down: could(Direction::Down), up: could(Direction::Up), link: self.tubes.link_rate(Direction::Up) }
    }

    /// Whether it has to ask.
    pub fn is_shaped(&self, direction: Direction) -> bool {
        self.home.lock().unwrap_or_else(PoisonError::into_inner).gate(direction) == Gate::Shaped
    }

    /// So much is worth reading at once: more would only wait for its grants.
    pub fn piece(&self, direction: Direction) -> usize {
        let home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        match home.gate(direction) {
            Gate::Shaped => home.quanta[index(direction)].load(Ordering::Relaxed).max(1),
            Gate::Clear | Gate::Free => usize::MAX,
        }
    }

    /// As [`Pass::poll_take`], for who can wait.
    pub async fn take(&self, direction: Direction, want: usize) -> Grant {
        std::future::poll_fn(|cx| self.poll_take(cx, direction, want)).await
    }

    /// Goes on in another tube: what waits, waits there, and what was granted stays granted. Only admission counts
    /// against a tube's limit of flows, so this fails for a tube that is not there alone.
    pub fn move_to(&self, tube: &TubeId) -> Result<(), Full> {
        self.tubes.shift(self.flows, tube, |home| {
            std::mem::replace(&mut *self.home.lock().unwrap_or_else(PoisonError::into_inner), home)
        })
    }

    /// The tube it is in now.
    pub fn tube(&self) -> TubeId {
        self.home.lock().unwrap_or_else(PoisonError::into_inner).id.clone()
    }
}

impl Deposit {
    fn new() -> Deposit {
        Deposit {
            origin: clock::now(),
            held: AtomicUsize::new(0),
            spent: AtomicUsize::new(usize::MAX / 2),
            last: AtomicU64::new(0),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(clock::now().saturating_duration_since(self.origin).as_nanos()).unwrap_or(u64::MAX)
    }

    fn missing(&self, first: usize) -> usize {
        let spent = self.spent.load(Ordering::Relaxed).min(first);
        if spent == 0 || (spent < usize::MAX / 4 && self.held.load(Ordering::Relaxed) > 0 && self.now() - self.last.load(Ordering::Relaxed) < QUIET.as_nanos() as u64) {
            return 0;
        }
        spent
    }

    fn take(&self, bytes: usize) {
        let spent = self.spent.load(Ordering::Relaxed).min(super::governor::t("CW_FIRST", 6000.0) as usize);
        self.spent.store(spent.saturating_sub(bytes), Ordering::Relaxed);
        self.held.store((self.held.load(Ordering::Relaxed) + bytes).min(super::governor::t("CW_FIRST", 6000.0) as usize), Ordering::Relaxed);
    }

    fn spend(&self, bytes: usize) {
        self.spent.fetch_add(bytes, Ordering::Relaxed);
        self.last.store(self.now(), Ordering::Relaxed);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let credit = *self.deposit.held.get_mut();
        if credit > 0 && super::governor::t("CW_REFUND", 0.0) > 0.0 {
            self.tubes.give_back(self.flows[index(Direction::Down)], Direction::Down, credit);
        }
        let home = Arc::clone(self.home.get_mut().unwrap_or_else(PoisonError::into_inner));
        self.tubes.leave(self.flows, &home.id);
    }
}
