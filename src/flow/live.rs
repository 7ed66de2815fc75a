//! The flows that are open now: each can be judged again, moved to another tube, or ended, from outside.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::body::Turn;
use super::bulkhead::Berth;
use super::end::End;
use super::judge::Verdict;
use crate::account::Open;
use crate::base::{Direction, EgressId, Fault, ListenerId, Moment, Name, Reason, Side, Target, clock};
use crate::relay::Tally;
use crate::tube::Pass;

/// Who asked for what.
#[derive(Clone, Debug)]
pub struct About {
    /// By which listener.
    pub listener: ListenerId,
    /// From which address.
    pub client: IpAddr,
    /// As which user.
    pub user: Option<Arc<str>>,
    /// For where.
    pub target: Target,
}

/// One open flow. Shared by whoever carries its bytes; when the last of them lets go, its record is written.
#[derive(Debug)]
pub struct Live {
    /// Who asked for what.
    pub about: About,
    /// The record that is being kept.
    pub open: Arc<Open>,
    /// Where the client's connection is carried.
    pub berth: Berth,
    state: Mutex<State>,
    /// Cancelled when the flow is to end, for the reason beside it.
    stop: CancellationToken,
    stopped: OnceLock<Fault>,
    /// The client's connection, and whether an answer is on its way over it: from then on ending the flow means to
    /// break the connection, so that nobody takes the part for the whole, even where the client reads nothing.
    cut: CancellationToken,
    answering: AtomicBool,
    /// The connection's turn: the next request may come when nobody holds this one's any more.
    _turn: Arc<Turn>,
    began: Moment,
    /// Milliseconds after `began` at which bytes last went up.
    last_up: AtomicU64,
    /// The request has gone up whole.
    uploaded: CancellationToken,
    /// Why it did not.
    upload: OnceLock<Fault>,
    registry: Weak<Registry>,
    number: u64,
}

/// What a new plan may change.
#[derive(Debug, Default)]
pub struct State {
    /// What the first bytes said.
    pub hello: Option<Name>,
    /// The verdict in force.
    pub verdict: Option<Verdict>,
    /// The place in a tube.
    pub pass: Option<Arc<Pass>>,
    /// How the flow left, and where to; a parent's address is not the flow's.
    pub left: Option<(EgressId, Option<IpAddr>)>,
}

/// All open flows, in shards so that flows that come and go do not meet at one lock.
#[derive(Debug, Default)]
pub struct Registry {
    shards: [Mutex<HashMap<u64, Weak<Live>>>; SHARDS],
    next: AtomicU64,
}

const SHARDS: usize = 16;

impl Registry {
    /// Enters a flow; it leaves when it is dropped. Its client's connection is carried in `berth`, and `cut` breaks it.
    pub fn enter(
        self: &Arc<Self>,
        about: About,
        open: Arc<Open>,
        (berth, cut): (Berth, CancellationToken),
        turn: Arc<Turn>,
    ) -> Arc<Live> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let live = Arc::new(Live {
            about,
            open,
            berth,
            state: Mutex::default(),
            stop: CancellationToken::new(),
            stopped: OnceLock::new(),
            cut,
            answering: AtomicBool::new(false),
            _turn: turn,
            began: clock::now(),
            last_up: AtomicU64::new(0),
            uploaded: CancellationToken::new(),
            upload: OnceLock::new(),
            registry: Arc::downgrade(self),
            number,
        });
        self.shard(number).insert(number, Arc::downgrade(&live));
        live
    }

    /// Every flow that is open now.
    pub fn all(&self) -> Vec<Arc<Live>> {
        (0..SHARDS as u64)
            .flat_map(|shard| self.shard(shard).values().filter_map(Weak::upgrade).collect::<Vec<_>>())
            .collect()
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        (0..SHARDS as u64).map(|shard| self.shard(shard).len()).sum()
    }

    fn shard(&self, number: u64) -> MutexGuard<'_, HashMap<u64, Weak<Live>>> {
        let shard = usize::try_from(number % SHARDS as u64).unwrap_or(0);
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    /// What a new plan may change. Hold it for a moment only, never across an await.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the flow from outside; the first reason holds.
    pub fn stop(&self, fault: Fault) {
        let _ = self.stopped.set(fault);
        self.stop.cancel();
        if self.answering.load(Ordering::SeqCst) {
            self.cut.cancel();
        }
    }

    /// Waits until the flow is ended from outside.
    pub async fn stopped(&self) -> Fault {
        self.stop.cancelled().await;
        self.stopped.get().copied().unwrap_or(Fault::new(Side::Proxy, Reason::Internal))
    }

    /// Cancelled when the client's connection has ended.
    pub fn gone(&self) -> CancellationToken {
        self.cut.child_token()
    }

    /// From now on an answer is on its way to the client.
    ///
    /// # Errors
    /// When the flow was ended just before.
    pub fn answering(&self) -> Result<(), End> {
        self.answering.store(true, Ordering::SeqCst);
        // Whoever ended it before the line above did not cut the connection.
        match self.stopped.get() {
            Some(fault) if self.stop.is_cancelled() => Err(End::Stopped(*fault)),
            _ => Ok(()),
        }
    }

    /// Ends the record; the first reason holds, and an end from outside comes before what it led to.
    pub fn end(&self, fault: Fault) {
        self.open.ended(None, self.stopped.get().copied().unwrap_or(fault));
    }

    /// Why the upload broke off, where it did.
    pub fn upload_fault(&self) -> Option<Fault> {
        self.upload.get().copied()
    }

    /// How long ago bytes last went up.
    pub fn quiet_up(&self) -> Duration {
        let last = Duration::from_millis(self.last_up.load(Ordering::Relaxed));
        clock::now().duration_since(self.began).saturating_sub(last)
    }

    /// Waits until the request has gone up whole.
    pub async fn uploaded(&self) {
        self.uploaded.cancelled().await;
    }
}

impl Tally for Live {
    fn moved(&self, direction: Direction, bytes: u64, waited: Duration) {
        match direction {
            Direction::Down => self.open.first_byte(),
            Direction::Up => {
                let since = clock::now().duration_since(self.began).as_millis();
                self.last_up.store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        }
        self.open.moved(direction, bytes, waited);
    }

    fn ended(&self, direction: Direction, result: Result<(), Fault>) {
        match (direction, result) {
            (Direction::Up, Ok(())) => self.uploaded.cancel(),
            (Direction::Up, Err(fault)) => {
                let _ = self.upload.set(fault);
            }
            (Direction::Down, Ok(())) => self.end(FINISHED),
            (Direction::Down, Err(fault)) => self.end(fault),
        }
    }
}

/// The natural end of an exchange or a tunnel; whose side closes first says nothing then.
pub const FINISHED: Fault = Fault::new(Side::Client, Reason::Finished);

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(registry) = self.registry.upgrade() {
            registry.shard(self.number).remove(&self.number);
        }
    }
}
