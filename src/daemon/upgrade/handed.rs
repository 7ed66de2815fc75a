//! The life of a gateway that hands over: who asked for it is told what came of it, and its open flows go on to their end.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::lead::Before;
use crate::base::{Moment, clock};
use crate::daemon::run::{Daemon, Signals};
use crate::flow::Carrier;

/// What a process takes to end beside the wait for its flows: their last records, and its threads.
const LAST: Duration = Duration::from_secs(5);

/// What there is to know of a hand-over.
#[derive(Debug)]
pub struct Handed {
    /// Who waits to hear why this successor fails.
    asks: Mutex<Option<(u32, oneshot::Sender<String>)>>,
    /// Who took over.
    to: OnceLock<u32>,
    /// The admin's socket, for as long as it is this process's to give.
    admin: Mutex<Option<TcpListener>>,
    /// When this process is to have ended; `None`: it has not handed over.
    end: watch::Sender<Option<Moment>>,
    /// Cancelled when the successor answers the admin's tools.
    pub portal: CancellationToken,
    /// Cancelled when this process has no flows any more.
    pub ended: CancellationToken,
    /// How often it was told to reload since: that is meant for the successor.
    reloads: AtomicU64,
    /// The one that this process took over from.
    before: Mutex<Option<Arc<Before>>>,
}

impl Default for Handed {
    fn default() -> Self {
        Handed {
            asks: Mutex::default(),
            to: OnceLock::new(),
            admin: Mutex::default(),
            end: watch::Sender::new(None),
            portal: CancellationToken::new(),
            ended: CancellationToken::new(),
            reloads: AtomicU64::new(0),
            before: Mutex::default(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Handed {
    /// Somebody waits to hear why a successor fails, if it does.
    pub fn ask(&self, pid: u32) -> oneshot::Receiver<String> {
        let (tell, told) = oneshot::channel();
        *lock(&self.asks) = Some((pid, tell));
        told
    }

    /// A successor failed, and this is why.
    pub fn tell(&self, pid: u32, why: String) {
        if let Some((_, asks)) = lock(&self.asks).take_if(|(asked, _)| *asked == pid) {
            // Who asked may have gone.
            let _ = asks.send(why);
        }
    }

    /// Who took over, if somebody did.
    pub fn to(&self) -> Option<u32> {
        self.to.get().copied()
    }

    /// Another handle of the admin's socket.
    pub fn admin(&self) -> Option<TcpListener> {
        lock(&self.admin).as_ref().and_then(|admin| admin.try_clone().ok())
    }

    /// The admin's socket is this.
    pub fn set_admin(&self, admin: Option<TcpListener>) {
        *lock(&self.admin) = admin;
    }

    /// It is done: the successor serves.
    pub fn over(&self, carrier: &Carrier, (pid, patience): (u32, Duration)) {
        self.set_admin(None);
        let _ = self.to.set(pid);
        // Before anybody is woken who asks for it.
        self.end.send_replace(Some(clock::now() + patience));
        carrier.handed.cancel();
        carrier.leaving.cancel();
        self.portal.cancel();
    }

    /// Open flows have until then, or less.
    pub fn end_by(&self, end: Moment) {
        self.end.send_if_modified(|by| {
            let sooner = by.is_none_or(|by| end < by);
            if sooner {
                *by = Some(end);
            }
            sooner
        });
    }

    /// Whether this process has ended its flows.
    pub fn is_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// It was told to reload, and has handed over.
    pub fn pass_on_reload(&self) {
        self.reloads.fetch_add(1, Ordering::Relaxed);
    }

    /// How often.
    pub fn reloads(&self) -> u64 {
        self.reloads.load(Ordering::Relaxed)
    }

    /// The one before, while it drains.
    pub fn before(&self) -> Option<Arc<Before>> {
        lock(&self.before).clone().filter(|before| !before.gone.is_cancelled())
    }

    /// This process took over from it.
    pub fn set_before(&self, before: Arc<Before>) {
        *lock(&self.before) = Some(before);
    }

    /// Waits until the flows that are open have had their time.
    async fn time_is_up(&self) {
        let mut end = self.end.subscribe();
        loop {
            let by = *end.borrow_and_update();
            let time = async {
                match by {
                    Some(by) => tokio::time::sleep_until(by.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = time => return,
                changed = end.changed() => if changed.is_err() { return },
            }
        }
    }
}

impl Daemon {
    /// Why nothing can be handed over as long as the process before this one drains.
    pub(super) fn before_drains(&self) -> Option<String> {
        let before = self.handed.before()?;
        let (pid, version, flows) = (before.pid, &before.version, before.flows());
        let flows = if flows == 1 { "1 open flow".to_owned() } else { format!("{flows} open flows") };
        Some(format!(
            "process {pid} (version {version}), from which this one took over, still carries {flows}; try again when it has \
             ended"
        ))
    }

    /// Carries open flows to their end after a successor took over, for as long as the configuration says.
    pub(in crate::daemon) async fn outlast(self: &Arc<Self>, signals: &mut Signals) {
        self.carrier.bulkheads.tasks.close();
        let patience = self.state().config.drain;
        loop {
            tokio::select! {
                () = self.carrier.bulkheads.tasks.wait() => {
                    tracing::info!("every flow of this process has ended");
                    break;
                }
                () = self.handed.time_is_up() => {
                    let flows = self.carrier.live.count();
                    tracing::warn!(flows, "the time for open flows is up; ending them");
                    break;
                }
                _ = signals.reload.recv() => self.handed.pass_on_reload(),
                _ = signals.reopen.recv() => self.reopen_log(),
                _ = signals.drain.recv() => self.handed.end_by(clock::now() + patience),
                _ = signals.stop.recv() => {
                    tracing::warn!("told to stop; ending open flows");
                    break;
                }
            }
        }
    }

    /// Has the process before end by then, and waits for that.
    pub(in crate::daemon) async fn before_ends(&self, patience: Duration) {
        if let Some(before) = self.handed.before() {
            before.end_by(clock::now() + patience);
            if tokio::time::timeout(patience + LAST, before.gone.cancelled()).await.is_err() {
                tracing::warn!(pid = before.pid, "the process before did not end in time");
            }
        }
    }
}
