//! The part of a process that has taken over: it splits the tubes' budgets with the one before it until that has ended.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::line::{Line, LineError};
use super::word::{Obeyed, Offer, Shares, Tick, Yours};
use crate::base::{Moment, clock};
use crate::daemon::run::Daemon;
use crate::tube::beside::{Lead, Told};

/// How often budgets are split anew: a tube that was full on the one side and empty on the other is so for no longer. Each
/// time costs some tens of microseconds.
const TICK: Duration = Duration::from_millis(20);

/// The process before, which drains.
#[derive(Debug)]
pub struct Before {
    /// Of its process.
    pub pid: u32,
    /// Of its program.
    pub version: String,
    /// Flows that it has.
    flows: AtomicU64,
    /// When it is to have ended.
    end: Mutex<Option<Moment>>,
    /// Cancelled when it has.
    pub gone: CancellationToken,
}

impl Before {
    /// Prepares to lead it, on a thread of its own; it begins when that gets the line.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub fn lead(daemon: &Arc<Daemon>, offer: &Offer, yours: &Yours) -> io::Result<(Arc<Before>, mpsc::Sender<Line>)> {
        let before = Arc::new(Before {
            pid: offer.pid,
            version: offer.version.clone(),
            flows: AtomicU64::new(yours.flows),
            end: Mutex::new(None),
            gone: CancellationToken::new(),
        });
        let (begin, begins) = mpsc::channel();
        let (daemon, led, told) = (Arc::clone(daemon), Arc::clone(&before), Told::from(&yours.told));
        let work = move || {
            if let Ok(line) = begins.recv() {
                led.until_gone(&daemon, line, told);
            }
        };
        thread::Builder::new().name("clearway-budget".into()).spawn(work)?;
        Ok((before, begin))
    }

    /// Flows that it has.
    pub fn flows(&self) -> u64 {
        self.flows.load(Ordering::Relaxed)
    }

    /// It is to have ended its flows by then.
    pub fn end_by(&self, end: Moment) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
    }

    fn until_gone(&self, daemon: &Arc<Daemon>, mut line: Line, told: Told) {
        let lost = self.split(daemon, &mut line, told).err();
        // It keeps its last part until it is gone for sure.
        if line.hang_up().gone(|| false) {
            daemon.carrier.tubes.alone();
            tracing::info!(pid = self.pid, "the process before has ended");
        } else {
            tracing::error!(pid = self.pid, error = ?lost, "the process before says nothing; its part of the tubes stays its own");
        }
        self.flows.store(0, Ordering::Relaxed);
        self.gone.cancel();
    }

    fn split(&self, daemon: &Arc<Daemon>, line: &mut Line, mut told: Told) -> Result<(), LineError> {
        // One that is held up uses nothing beyond its part.
        line.patience(None)?;
        let (tubes, mut lead, mut reloads) = (&daemon.carrier.tubes, Lead::default(), 0);
        loop {
            let began = clock::now();
            let lots = lead.next(tubes, &told);
            let end = *self.end.lock().unwrap_or_else(PoisonError::into_inner);
            let left = end.map(|end| end.saturating_duration_since(clock::now()).as_millis());
            line.say(&Tick {
                lots: lots.each_ref().map(Shares::from),
                told: (&tubes.told()).into(),
                generation: daemon.generation.load(Ordering::Relaxed),
                drain_ms: left.map(|left| u64::try_from(left).unwrap_or(u64::MAX)),
            })?;
            let obeyed: Obeyed = line.hear()?;
            lead.settled(tubes);
            told = Told::from(&obeyed.told);
            self.flows.store(obeyed.flows, Ordering::Relaxed);
            if obeyed.drains {
                daemon.draining.cancel();
            }
            if obeyed.reloads > reloads {
                reloads = obeyed.reloads;
                daemon.reload_aside();
            }
            thread::sleep(TICK.saturating_sub(clock::now().saturating_duration_since(began)));
        }
    }
}
