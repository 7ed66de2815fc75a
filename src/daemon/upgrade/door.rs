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
use crate::base::clock;
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

/// How long a successor that failed has to give back what it took.
const GIVES_BACK: Duration = Duration::from_secs(2);
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
    /// Opens it: `socket` listens, and stands at its place in the state directory. `reclaims` fetches the admin's file back to its
    /// place after a successor that did not live to do so.
    ///
    /// # Errors
    /// When the system has no thread or no descriptor for it.
    pub fn open(
        daemon: &Arc<Daemon>,
        (listener, socket): (UnixListener, Option<SocketFile>),
        reclaims: impl Fn() + Send + 'static,
    ) -> io::Result<Door> {
        let (wake, woken) = UnixStream::pair()?;
        let talk = Talk::default();
        let (daemon, talking) = (Arc::clone(daemon), Arc::clone(&talk));
        let work = move || {
            let reclaims = || {
                reclaims();
                socket.as_ref().inspect(|socket| socket.reclaim());
            };
            serve(&daemon, (&listener, &reclaims), &woken, &talking);
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
fn serve(daemon: &Arc<Daemon>, (listener, reclaims): (&UnixListener, &impl Fn()), woken: &UnixStream, talking: &Talk) {
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
        // Without a descriptor to break the talk off by, there is none.
        let Ok(breaks) = stream.try_clone() else { continue };
        *talking.lock().unwrap_or_else(PoisonError::into_inner) = Some(breaks);
        let over = Line::of(stream).and_then(|line| hand_over(daemon, line, reclaims));
        *talking.lock().unwrap_or_else(PoisonError::into_inner) = None;
        match over {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "a successor did not take over; this process goes on"),
        }
    }
}

/// Hands over to a successor, and follows it until it or this process ends; whether it took over.
fn hand_over(daemon: &Arc<Daemon>, mut line: Line, reclaims: &impl Fn()) -> Result<bool, LineError> {
    line.patience(Some(PROMPT))?;
    let hello: Hello = line.hear()?;
    if let Some(why) = refusal(daemon, &hello) {
        tracing::warn!(pid = hello.pid, version = hello.version, "nothing is handed over: {why}");
        daemon.handed.tell(hello.pid, why.clone());
        line.say(&Answer::Refused(why))?;
        return Ok(false);
    }
    // What the successor reads is what is in force here until it takes over.
    let no_reload = daemon.reloading.blocking_lock();
    let patience = match prepared(daemon, &mut line, &hello).and_then(|()| let_go(daemon, &mut line)) {
        Ok(patience) => patience,
        Err(error) => {
            daemon.carrier.tubes.alone();
            // It finds that nobody listens any more, and gives back what it took; one that is gone cannot.
            let until = clock::now() + GIVES_BACK;
            line.hang_up().gone(|| clock::now() > until);
            reclaims();
            let why = match &error {
                LineError::Said(why) => why.clone(),
                error => format!("it did not take over: {error}"),
            };
            daemon.handed.tell(hello.pid, why);
            return Err(error);
        }
    };
    let flows = daemon.carrier.live.count();
    tracing::info!(pid = hello.pid, flows, patience_s = patience.as_secs(), "handed over; open flows go on here");
    daemon.listeners.close();
    daemon.ready.store(false, Ordering::Release);
    daemon.notify.hands_over(hello.pid);
    daemon.handed.over(&daemon.carrier, (hello.pid, patience));
    drop(no_reload);
    follow::until_gone(daemon, line, hello.pid);
    Ok(true)
}

/// Offers what there is, and waits until the successor can take it over.
fn prepared(daemon: &Daemon, line: &mut Line, hello: &Hello) -> Result<(), LineError> {
    tracing::info!(pid = hello.pid, version = hello.version, "a successor prepares");
    offer(daemon, line)?;
    line.patience(Some(PREPARES))?;
    match line.hear()? {
        Ready::Ready if daemon.draining.is_cancelled() => {
            // It was told to stop meanwhile: that holds for what was to come after it.
            Err(LineError::Said("the gateway is draining".to_owned()))
        }
        Ready::Ready => Ok(()),
        Ready::Failed(why) => Err(LineError::Said(why)),
    }
}

/// Lets go; for how long open flows go on here. Until the successor has settled everything can be taken back.
fn let_go(daemon: &Daemon, line: &mut Line) -> Result<Duration, LineError> {
    line.patience(Some(PROMPT))?;
    let tubes = &daemon.carrier.tubes;
    tubes.keep(AT_FIRST);
    let patience = daemon.state().config.upgrade_drain;
    let flows = daemon.carrier.live.count() as u64;
    let drain_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
    line.say(&Yours { told: (&tubes.told()).into(), flows, drain_ms })?;
    // What it said in the moment in which this process gave up counts.
    line.hear::<Settled>().or_else(|error| line.last_word::<Settled>().map_err(|_| error))?;
    Ok(patience)
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
