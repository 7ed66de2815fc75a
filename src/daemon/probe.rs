//! Times `[link] probe`: a queue on the link shows in its round trip, also while no connection is made.
//!
//! On a thread of its own: among the tasks that carry bytes an answer would wait for its turn, and read as a queue.

mod echo;
mod pinger;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use pinger::Pinger;

use crate::base::{Moment, Rate, clock};
use crate::flow::Carrier;
use crate::tube::Link;

/// How often a link is asked that carries something. The scheduler takes the least of what it saw in the last 100 ms, so
/// that three are among that, and two when one is lost. An echo is 68 bytes with all headers, that is 18 kbit/s each way.
const QUICK: Duration = Duration::from_millis(30);
/// How often one that rests: what it takes without a queue stays known, and is found anew where the way has changed.
const SLOW: Duration = Duration::from_secs(1);
/// What an echo takes of the link, in bits: 24 bytes of ICMP, 20 of IPv4, 24 of Ethernet or what else is below.
const ECHO: f64 = 8.0 * 68.0;
/// Of a narrow link, echoes take no more than this.
const MOST: f64 = 0.02;
/// A target that does not answer for so long is asked slowly, and told of.
const SILENT: Duration = Duration::from_secs(10);
/// Where pings are not permitted, it is tried again after so long: a permission may be given meanwhile.
const AGAIN: Duration = Duration::from_secs(10);
/// How often is looked whether anything has changed: the plan, the use of the link, the end of the gateway.
const LOOK: Duration = Duration::from_millis(50);
/// The same while nothing is to be asked.
const IDLE_LOOK: Duration = Duration::from_millis(500);

/// The thread; dropped, it has ended.
#[derive(Debug)]
pub struct Prober {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What is to be asked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    target: IpAddr,
    every: Duration,
}

/// Begins to time what the plan in force names, and tells the scheduler.
///
/// # Errors
/// When the system has no thread for it.
pub fn start(carrier: &Arc<Carrier>) -> io::Result<Prober> {
    let (looks, tubes) = (Arc::clone(carrier), carrier.tubes.clone());
    let wanted = move || {
        let link = &looks.current().plan.tubes.link;
        Some(Wanted { target: link.timed()?, every: every(link, looks.tubes.rests(clock::now())) })
    };
    Prober::start(wanted, move |target, took| tubes.probed(target, took))
}

/// How often a link is asked.
fn every(link: &Link, rests: bool) -> Duration {
    if rests {
        return SLOW;
    }
    let narrow = [link.rate.down, link.rate.up].into_iter().flatten().map(Rate::bits_per_second).min();
    narrow.map_or(QUICK, |rate| Duration::from_secs_f64(ECHO / (MOST * rate as f64)).clamp(QUICK, SLOW))
}

impl Prober {
    fn start(
        wanted: impl FnMut() -> Option<Wanted> + Send + 'static,
        answered: impl FnMut(IpAddr, Duration) + Send + 'static,
    ) -> io::Result<Prober> {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread =
            thread::Builder::new().name("clearway-probe".to_owned()).spawn(move || drive(wanted, answered, &told))?;
        Ok(Prober { stop, thread: Some(thread) })
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn drive(mut wanted: impl FnMut() -> Option<Wanted>, mut answered: impl FnMut(IpAddr, Duration), stop: &AtomicBool) {
    let mut probe: Option<Probe> = None;
    while !stop.load(Ordering::Relaxed) {
        match wanted() {
            Some(Wanted { target, every }) => {
                let same = probe.take().filter(|probe| probe.target == target);
                let probe = probe.insert(same.unwrap_or_else(|| Probe::new(target, clock::now())));
                probe.step(every, &mut answered);
            }
            None => {
                probe = None;
                thread::park_timeout(IDLE_LOOK);
            }
        }
    }
}

/// One target.
struct Probe {
    target: IpAddr,
    /// What asks, or when to try for it again.
    pinger: Result<Pinger, Moment>,
    /// Whether it was said that none is to be had.
    refused: bool,
    asked: Option<Moment>,
    /// When it answered last, or was to be asked first.
    heard: Moment,
    /// Whether it was said that it does not answer.
    silent: bool,
}

impl Probe {
    fn new(target: IpAddr, now: Moment) -> Probe {
        Probe { target, pinger: Err(now), refused: false, asked: None, heard: now, silent: false }
    }

    /// Asks when that is due, and listens until it is again, or for as long as nothing is looked at.
    fn step(&mut self, every: Duration, answered: &mut impl FnMut(IpAddr, Duration)) {
        let now = clock::now();
        let pinger = match &mut self.pinger {
            Ok(pinger) => pinger,
            Err(when) if *when > now => return thread::park_timeout(LOOK),
            Err(_) => return self.open(now),
        };
        let every = if self.silent { SLOW } else { every };
        let due = self.asked.is_none_or(|asked| asked + every <= now);
        let failed = if due { pinger.ask(now).err() } else { None };
        if due {
            self.asked = Some(now);
        }
        let next = self.asked.map_or(now, |asked| asked + every).min(now + LOOK);
        let patience = next.saturating_duration_since(now);
        match pinger.hear(patience) {
            Ok(Some(sent)) => {
                let now = clock::now();
                answered(self.target, now.saturating_duration_since(sent));
                self.hears(now);
            }
            Ok(None) => {}
            // A broken socket must not make this thread spin.
            Err(_) => thread::park_timeout(LOOK),
        }
        self.misses(clock::now(), failed);
    }

    fn open(&mut self, now: Moment) {
        match Pinger::open(self.target) {
            Ok(pinger) => (self.pinger, self.heard, self.refused) = (Ok(pinger), now, false),
            Err(error) => {
                self.pinger = Err(now + AGAIN);
                if !std::mem::replace(&mut self.refused, true) {
                    tracing::warn!("[link] probe = \"{}\" is not timed: {}", self.target, refusal(&error));
                }
            }
        }
    }

    fn hears(&mut self, now: Moment) {
        self.heard = now;
        if std::mem::take(&mut self.silent) {
            tracing::info!("[link] probe = \"{}\" answers", self.target);
        }
    }

    fn misses(&mut self, now: Moment, failed: Option<io::Error>) {
        if !self.silent && now.saturating_duration_since(self.heard) >= SILENT {
            self.silent = true;
            let why = failed.map_or("name something that answers pings".to_owned(), |error| error.to_string());
            let (target, for_s) = (self.target, SILENT.as_secs());
            tracing::warn!("[link] probe = \"{target}\" has not answered for {for_s} s, so it tells nothing: {why}");
        }
    }
}

/// Why there is no socket for echoes, and what to do.
fn refusal(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::PermissionDenied {
        "this process may not send pings; allow it with `sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"`, or give \
         it CAP_NET_RAW (in a systemd unit `AmbientCapabilities=CAP_NET_RAW`)"
            .to_owned()
    } else {
        error.to_string()
    }
}

#[cfg(test)]
#[path = "probe/tests.rs"]
mod tests;
