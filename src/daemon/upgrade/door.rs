//! `upgrade.sock` in the state directory: where a successor comes to, and is handed the listening sockets.

use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::follow;
use super::line::{Line, LineError};
use super::word::{Answer, Hello, Offer, PROTOCOL, Ready, Settled, Yours};
use crate::daemon::run::Daemon;
use crate::portal::socket::{SocketFile, Unsettled};

/// The socket's name in `state_dir`.
pub const FILE: &str = "upgrade.sock";
/// A word from memory comes at once; a busy machine may take some seconds.
pub const PROMPT: Duration = Duration::from_secs(10);
/// How long a successor may take to read lists of millions of names.
pub const PREPARES: Duration = Duration::from_secs(120);
/// Of all budgets, until the successor has split them for the first time.
pub const AT_FIRST: f64 = 0.5;

/// Between two tries to accept.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// The open door; dropped, it is closed.
#[derive(Debug)]
pub struct Door {
    wake: Option<UnixStream>,
    talk: Talk,
    thread: Option<JoinHandle<()>>,
}

/// The conversation under way, to break it off.
type Talk = Arc<Mutex<Option<UnixStream>>>;

impl Door {
    /// Opens it: `socket` listens, and stands at its place in the state directory.
    ///
    /// # Errors
    /// When the system has no thread or no descriptor for it.
    pub fn open(daemon: &Arc<Daemon>, (listener, socket): (UnixListener, Option<SocketFile>)) -> io::Result<Door> {
        let (wake, woken) = UnixStream::pair()?;
        let talk = Talk::default();
        let (daemon, talking) = (Arc::clone(daemon), Arc::clone(&talk));
        let work = move || {
            serve(&daemon, &listener, &woken, &talking);
            drop(socket);
        };
        let thread = thread::Builder::new().name("clearway-upgrade".into()).spawn(work)?;
        Ok(Door { wake: Some(wake), talk, thread: Some(thread) })
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(stream) = &*self.talk.lock().unwrap_or_else(PoisonError::into_inner) {
            // It is over with the process anyway.
            let _ = stream.shutdown(Shutdown::Both);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Until it is closed, or a successor has taken over and this process has ended its part.
fn serve(daemon: &Arc<Daemon>, listener: &UnixListener, woken: &UnixStream, talking: &Talk) {
    loop {
        let mut waits = [PollFd::new(listener, PollFlags::IN), PollFd::new(woken, PollFlags::IN)];
        if poll(&mut waits, None).is_err() {
            continue;
        }
        if !waits[1].revents().is_empty() {
            return;
        }
        let Ok((stream, _)) = listener.accept() else {
            // Who waits goes on waiting; without a descriptor for it, to look at once would be to spin.
            let _ = poll(&mut waits[1..], Some(&PAUSE));
            continue;
        };
        // What is accepted is not as the listener is (accept(2)), but be sure.
        let _ = stream.set_nonblocking(false);
        *talking.lock().unwrap_or_else(PoisonError::into_inner) = stream.try_clone().ok();
        let over = Line::of(stream).and_then(|line| hand_over(daemon, line));
        *talking.lock().unwrap_or_else(PoisonError::into_inner) = None;
        match over {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, "a successor did not take over; this process goes on");
                daemon.handed.tell(Err(format!("it did not take over: {error}")));
            }
        }
    }
}

/// Hands over to a successor, and follows it until it or this process ends; whether it took over.
fn hand_over(daemon: &Arc<Daemon>, mut line: Line) -> Result<bool, LineError> {
    line.patience(Some(PROMPT))?;
    let hello: Hello = line.hear()?;
    if let Some(why) = refusal(daemon, &hello) {
        tracing::warn!(pid = hello.pid, version = hello.version, "nothing is handed over: {why}");
        line.say(&Answer::Refused(why))?;
        return Ok(false);
    }
    // What the successor reads is what is in force here until it takes over.
    let no_reload = daemon.reloading.blocking_lock();
    tracing::info!(pid = hello.pid, version = hello.version, "a successor prepares");
    offer(daemon, &mut line)?;
    line.patience(Some(PREPARES))?;
    if let Ready::Failed(why) = line.hear()? {
        tracing::error!(pid = hello.pid, "the successor cannot take over: {why}");
        daemon.handed.tell(Err(why));
        return Ok(false);
    }
    if daemon.draining.is_cancelled() {
        // It was told to stop meanwhile: that holds for what was to come after it.
        return Err(io::Error::other("the gateway is draining").into());
    }
    // Until it has settled everything can be taken back.
    line.patience(Some(PROMPT))?;
    let tubes = &daemon.carrier.tubes;
    tubes.keep(AT_FIRST);
    let patience = daemon.state().config.upgrade_drain;
    let flows = daemon.carrier.live.count() as u64;
    let drain_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
    let settled =
        line.say(&Yours { told: (&tubes.told()).into(), flows, drain_ms }).and_then(|()| line.hear::<Settled>());
    if let Err(error) = settled {
        tubes.alone();
        return Err(error);
    }
    tracing::info!(pid = hello.pid, flows, patience_s = patience.as_secs(), "handed over; open flows go on here");
    daemon.listeners.close();
    daemon.ready.store(false, Ordering::Release);
    daemon.notify.hands_over(hello.pid);
    daemon.handed.over(&daemon.carrier, patience);
    drop(no_reload);
    follow::until_gone(daemon, line, hello.pid);
    Ok(true)
}

/// Why this process hands nothing over now.
fn refusal(daemon: &Daemon, hello: &Hello) -> Option<String> {
    if hello.protocol != PROTOCOL {
        let (theirs, version) = (hello.protocol, env!("CARGO_PKG_VERSION"));
        return Some(format!(
            "version {} speaks protocol {theirs} of upgrades and version {version}, which runs, {PROTOCOL}: \
             stop it and start the new one",
            hello.version
        ));
    }
    if daemon.draining.is_cancelled() {
        return Some("the gateway is draining".to_owned());
    }
    daemon.before_drains()
}

/// Says what there is, and gives it.
fn offer(daemon: &Daemon, line: &mut Line) -> Result<(), LineError> {
    let sockets = daemon.listeners.sockets();
    let admin = daemon.handed.admin();
    let offer = Offer {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        flows: daemon.carrier.account.counted(),
        listeners: sockets.iter().map(|(listening, _)| listening.clone()).collect(),
        admin_said: admin.is_some().then(|| daemon.state().config.admin),
        found: daemon.carrier.tubes.found(),
    };
    line.say(&Answer::Offer(offer))?;
    for (_, socket) in &sockets {
        line.give(socket.as_fd())?;
    }
    admin.map_or(Ok(()), |admin| line.give(admin.as_fd()))
}

impl Daemon {
    /// Binds the door's socket in place of one that another process answers at.
    pub(in crate::daemon) fn door_over(&self) -> Result<(UnixListener, Unsettled), crate::portal::PortalError> {
        let path = self.state().config.state_dir.join(FILE);
        Ok(crate::portal::socket::bind_over(&path)?)
    }
}
