//! What a successor takes over from the gateway that runs, and how it says that it has.

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::signal::unix::Signal;

use super::door::{AT_FIRST, FILE, PREPARES, PROMPT};
use super::lead::Before;
use super::line::{Line, LineError};
use super::word::{Answer, Hello, Listening, Offer, PROTOCOL, Ready, Settled, Yours};
use crate::base::clock;
use crate::daemon::listeners::Offered;
use crate::daemon::run::{Daemon, RunError};
use crate::daemon::threads::aside;
use crate::portal::socket::{self, SocketFile, Unsettled};
use crate::portal::{Portal, PortalError};

/// Why nothing was taken over.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// Nobody is there.
    #[error("no gateway runs here: nobody answers at {}; start without --take-over", .0.display())]
    Nobody(PathBuf),
    /// It says why.
    #[error("nothing is handed over: {0}")]
    Refused(String),
    /// Somebody told this process to stop.
    #[error("told to stop before anything was taken over")]
    Stopped,
    /// It broke off.
    #[error(transparent)]
    Line(#[from] LineError),
}

/// What was offered, and the line over which that goes on.
#[derive(Debug)]
pub struct Taken {
    line: Line,
    /// Of the process before.
    pub offer: Offer,
    /// Sockets that listen.
    pub sockets: Vec<(Listening, TcpListener)>,
    /// The admin's.
    pub admin: Option<TcpListener>,
    /// Signals to stop that come before this process is the gateway.
    pub stops: Option<[Signal; 2]>,
}

impl Taken {
    /// Asks the gateway of a state directory for its sockets. It goes on serving.
    ///
    /// # Errors
    /// When none runs there, it says no, or breaks off.
    pub fn take(state_dir: &Path) -> Result<Taken, TakeError> {
        let path = state_dir.join(FILE);
        let mut line = Line::open(&path).map_err(|error| match error {
            LineError::Broken(_) => TakeError::Nobody(path),
            error => error.into(),
        })?;
        // A reload that is under way is waited for.
        line.patience(Some(PREPARES))?;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        line.say(&Hello { protocol: PROTOCOL, version, pid: std::process::id() })?;
        let offer = match line.hear()? {
            Answer::Offer(offer) => offer,
            Answer::Refused(why) => return Err(TakeError::Refused(why)),
        };
        let mut sockets = Vec::new();
        for listening in &offer.listeners {
            sockets.push((listening.clone(), TcpListener::from(line.take()?)));
        }
        let admin = offer.admin_said.map(|_| line.take()).transpose()?.map(TcpListener::from);
        tracing::info!(pid = offer.pid, version = offer.version, sockets = sockets.len(), "taking over");
        Ok(Taken { line, offer, sockets, admin, stops: None })
    }

    /// Says that it could not be done.
    pub fn failed(mut self, why: &str) {
        // Where it cannot be said, the other sees that this process has ended.
        let _ = self.line.say(&Ready::Failed(why.to_owned()));
    }

    /// Says that connections can be accepted; what the other still has then.
    fn ready(&mut self) -> Result<Yours, LineError> {
        self.line.patience(Some(PROMPT))?;
        self.line.say(&Ready::Ready)?;
        self.line.hear()
    }
}

impl Daemon {
    /// Takes what was offered, before it is bound: of the tubes next to nothing, for all of it is the other's yet.
    pub(in crate::daemon) fn adopt(&self, taken: &mut Taken) {
        let offered = |(listening, socket): (Listening, TcpListener)| Offered {
            name: Some(listening.name),
            address: Some(listening.address),
            socket,
        };
        self.listeners.offer(taken.sockets.drain(..).map(offered).collect());
        self.carrier.account.count_beside(taken.offer.flows);
        self.carrier.tubes.find(taken.offer.found);
        self.carrier.tubes.keep_least();
    }

    /// Everything is ready to accept connections: the process before lets go, the sockets of the admin and of the `door` come to
    /// their places, and the tubes' budgets are shared from now on. Where it fails the other goes on, and nothing was accepted
    /// here that could be lost; clients wait meanwhile in the queues of the sockets, which both have.
    pub(in crate::daemon) async fn take_over(
        self: &Arc<Self>,
        mut taken: Taken,
        (portal, door): (&Portal, Unsettled),
        stopped: impl Future<Output = ()>,
    ) -> Result<(Option<socket::Settled>, Option<SocketFile>), RunError> {
        let broke_off = || TakeError::from(LineError::from(io::Error::other("its thread broke off")));
        let ready = aside(move || taken.ready().map(|yours| (yours, taken)));
        let ready = tokio::select! {
            biased;
            // That holds for what this process would have become.
            () = stopped => return Err(TakeError::Stopped.into()),
            ready = ready => ready.ok_or_else(broke_off)?,
        };
        let (yours, Taken { mut line, offer, .. }) = ready.map_err(TakeError::from)?;
        let patience = clock::now() + PROMPT / 2;
        self.carrier.tubes.keep(AT_FIRST);
        let no_thread = |error| RunError::Machine("cannot start a thread", error);
        let (before, begin) = Before::lead(self, &offer, &yours).map_err(no_thread)?;
        let (admin, door) = (portal.settle()?, door.settle().map_err(PortalError::from)?);
        if clock::now() > patience {
            // The other is about to take everything back, or has.
            return Err(TakeError::from(LineError::from(io::Error::from(io::ErrorKind::TimedOut))).into());
        }
        line.say(&Settled {}).map_err(TakeError::from)?;
        // From here on the gateway is this process, whatever happens.
        let _ = begin.send(line);
        self.handed.set_before(before);
        tracing::info!(pid = offer.pid, flows = yours.flows, patience_s = yours.drain_ms / 1000, "took over");
        Ok((admin, door.keep()))
    }
}
