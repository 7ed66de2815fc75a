//! The flows that are open now: each can be judged again, moved to another tube, or ended, from outside.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use foldhash::HashMap;
use tokio_util::sync::CancellationToken;

use super::body::Turn;
use super::bulkhead::Berth;
use super::end::End;
use super::event::Event;
use super::judge::Verdict;
use crate::account::Open;
use crate::base::{Direction, EgressId, Fault, Host, ListenerId, Moment, Reason, Side, Target, clock};
use crate::listen::transparent;
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
    /// For where, in the words that the flow is judged by.
    pub target: Target,
    /// Where a client went that knows of no proxy: there, whatever name it goes by.
    pub chosen: Option<SocketAddr>,
    /// The path of a plain request, where some list looks at paths. It goes no further than the judgement.
    pub path: Option<Box<str>>,
}

impl About {
    /// What is dialled.
    pub fn destination(&self) -> Cow<'_, Target> {
        match self.chosen {
            None => Cow::Borrowed(&self.target),
            Some(chosen) => Cow::Owned(transparent::bare(chosen)),
        }
    }
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
    /// The flow is to end, for the reason beside it.
    stop: Event,
    stopped: OnceLock<Fault>,
    /// The client's connection, and whether an answer is on its way over it: from then on ending the flow means to
    /// break the connection, so that nobody takes the part for the whole, even where the client reads nothing.
    cut: CancellationToken,
    answering: AtomicBool,
    /// The connection's turn: the next request may come when nobody holds this one's any more.
    turn: Arc<Turn>,
    began: Moment,
    /// Milliseconds after `began` at which bytes last went, down and up.
    last: [AtomicU64; 2],
    /// The request has gone up whole.
    uploaded: Event,
    /// Why it did not.
    upload: OnceLock<Fault>,
    registry: Weak<Registry>,
    number: u64,
}

/// What a new plan may change.
#[derive(Debug, Default)]
pub struct State {
    /// What the flow says beside its target; see [`super::Question`].
    pub said: Option<Host>,
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

/// How long a flow may carry nothing at all. RFC 5382 section 5 asks for at least two hours and four minutes of
/// address translators; browsers and their servers close what they do not use within minutes, and long polls that are
/// alive send something within an hour.
pub const SILENCE: Duration = Duration::from_secs(3600);

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
            stop: Event::default(),
            stopped: OnceLock::new(),
            cut,
            answering: AtomicBool::new(false),
            turn,
            began: clock::now(),
            last: [const { AtomicU64::new(0) }; 2],
            uploaded: Event::default(),
            upload: OnceLock::new(),
            registry: Arc::downgrade(self),
            number,
        });
        self.shard(number).insert(number, Arc::downgrade(&live));
        live
    }

    /// Every flow that is open now.
    pub fn all(&self) -> Vec<Arc<Live>> {
        (0..SHARDS as u64).flat_map(|shard| self.of(shard)).collect()
    }

    /// Those of one shard. They are let go without its lock, for whoever goes takes it.
    fn of(&self, shard: u64) -> Vec<Arc<Live>> {
        self.shard(shard).values().filter_map(Weak::upgrade).collect()
    }

    /// Ends those that have carried nothing for too long. Looked at once in a while, so that none needs a timer of its own.
    pub fn end_silent(&self, now: Moment) {
        for shard in 0..SHARDS as u64 {
            for live in self.of(shard).into_iter().filter(|live| live.is_silent(now)) {
                live.stop(Fault::new(Side::Policy, Reason::Idle));
            }
        }
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
        self.stop.happen();
        if self.answering.load(Ordering::SeqCst) {
            self.cut.cancel();
        }
    }

    /// Waits until the flow is ended from outside.
    pub async fn stopped(&self) -> Fault {
        self.stop.wait().await;
        self.stopped.get().copied().unwrap_or(Fault::new(Side::Proxy, Reason::Internal))
    }

    /// Lets the client's connection make room for others while something goes on that may take for ever.
    ///
    /// # Errors
    /// When it had to.
    pub async fn while_resting<T>(&self, goes_on: impl Future<Output = T>) -> Result<T, Fault> {
        let rest = self.turn.rest();
        let came = tokio::select! {
            came = goes_on => Some(came),
            () = self.cut.cancelled() => None,
        };
        drop(rest);
        came.filter(|_| !self.turn.is_too_late()).ok_or(End::ProcessFull.fault())
    }

    /// Cancelled when the client's connection has ended.
    pub fn gone(&self) -> &CancellationToken {
        &self.cut
    }

    /// From now on an answer is on its way to the client.
    ///
    /// # Errors
    /// When the flow was ended just before.
    pub fn answering(&self) -> Result<(), End> {
        self.answering.store(true, Ordering::SeqCst);
        // Whoever ended it before the line above did not cut the connection.
        match self.stopped.get() {
            Some(fault) if self.stop.has_happened() => Err(End::Stopped(*fault)),
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

    /// How long ago bytes last went one way.
    pub fn quiet(&self, direction: Direction, now: Moment) -> Duration {
        let last = Duration::from_millis(self.last(direction).load(Ordering::Relaxed));
        now.saturating_duration_since(self.began).saturating_sub(last)
    }

    /// Whether it has carried nothing for too long.
    fn is_silent(&self, now: Moment) -> bool {
        Direction::BOTH.into_iter().all(|direction| self.quiet(direction, now) >= SILENCE)
    }

    fn last(&self, direction: Direction) -> &AtomicU64 {
        &self.last[usize::from(direction == Direction::Up)]
    }

    /// Waits until the request has gone up whole.
    pub async fn uploaded(&self) {
        self.uploaded.wait().await;
    }
}

impl Tally for Live {
    fn moved(&self, direction: Direction, bytes: u64, waited: Duration) {
        let since = clock::now().saturating_duration_since(self.began).as_millis();
        self.last(direction).store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.open.moved(direction, bytes, waited);
    }

    fn ended(&self, direction: Direction, result: Result<(), Fault>) {
        match (direction, result) {
            (Direction::Up, Ok(())) => self.uploaded.happen(),
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

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::account::{Access, Account, Arrival, Spec};
    use crate::base::Calendar;
    use crate::flow::room::Room;
    use crate::listen::door::Phase;

    fn flow(registry: &Arc<Registry>, account: &Account) -> Arc<Live> {
        let (listener, client) = (ListenerId::from("staff"), IpAddr::from([10, 1, 2, 3]));
        let open = Arc::new(account.open(Arrival { listener: listener.clone(), client }));
        let (place, _) = Room::new(2).take(CancellationToken::new());
        let about =
            About { listener, client, user: None, target: "nhs.uk:443".parse().unwrap(), chosen: None, path: None };
        let turn = Turn::new(Arc::new(Phase::default()), place);
        registry.enter(about, open, (Berth::default(), CancellationToken::new()), turn)
    }

    #[test]
    fn who_carries_nothing_for_too_long_is_ended_and_who_does_is_not() {
        let home = tempfile::tempdir().unwrap();
        let spec = Spec { access: Access::File(home.path().join("access.log")), pseudonymise: true };
        let calendar = Calendar { zone: TimeZone::UTC, bank_holidays: [].into() };
        let account = Account::start(&spec, &calendar, home.path()).unwrap();
        let registry = Arc::<Registry>::default();
        let (silent, heard) = (flow(&registry, &account), flow(&registry, &account));
        let began = silent.began;
        // A flow that is as old, but carried a byte a while after it began.
        heard.last(Direction::Up).store(5_000, Ordering::Relaxed);
        registry.end_silent(began + SILENCE.saturating_sub(Duration::from_millis(1)));
        assert!(silent.stopped.get().is_none());
        registry.end_silent(began + SILENCE + Duration::from_secs(4));
        assert_eq!(silent.stopped.get(), Some(&Fault::new(Side::Policy, Reason::Idle)));
        assert!(silent.stop.has_happened() && heard.stopped.get().is_none());
        registry.end_silent(began + SILENCE + Duration::from_secs(6));
        assert!(heard.stop.has_happened());
    }
}
