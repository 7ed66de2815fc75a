//! What a service manager is told of the process, by datagrams to the socket that it named (sd_notify(3)): when it serves, that
//! it reads its configuration again, that it is alive, how it does, and which process is the gateway after an upgrade.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::run::Daemon;
use crate::base::clock;
use crate::flow::Compartment;

/// How often it is told how the gateway does, where it does not ask for more.
const STATUS: Duration = Duration::from_secs(10);
/// What a stop takes beside the wait for open flows.
const LAST: Duration = Duration::from_secs(10);

/// The socket that was named, if any was.
#[derive(Debug, Default)]
pub struct Notify {
    to: Option<(UnixDatagram, SocketAddr)>,
    /// It wants to hear as often that the process is alive.
    watchdog: Option<Duration>,
}

impl Notify {
    /// As the environment of this process has it.
    pub fn of_process() -> Notify {
        let name = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty());
        let to = name.and_then(|name| {
            let address = match name.as_bytes().strip_prefix(b"@") {
                Some(name) => SocketAddr::from_abstract_name(name),
                None => SocketAddr::from_pathname(&name),
            };
            Some((UnixDatagram::unbound().ok()?, address.ok()?))
        });
        let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let mine = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|usec| mine && *usec > 0).map(Duration::from_micros);
        Notify { to, watchdog }
    }

    /// Says something. Who does not listen misses it.
    fn say(&self, words: &str) {
        if let Some((socket, to)) = &self.to
            && let Err(error) = socket.send_to_addr(words.as_bytes(), to)
        {
            tracing::debug!(%error, "the service manager does not listen");
        }
    }

    /// This process is the gateway, and serves.
    pub fn serves(&self, status: &str) {
        self.say(&format!("MAINPID={}\nREADY=1\nSTATUS={status}", std::process::id()));
    }

    /// That process is the gateway from now on. Said by the one before, too: what a process said is heard before its end is
    /// seen, so that the end of this one is not the end of the service, however soon it comes.
    pub fn hands_over(&self, pid: u32) {
        self.say(&format!("MAINPID={pid}"));
    }

    /// It reads its configuration again, until what comes back is dropped.
    pub fn reloads(&self) -> Reloads<'_> {
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={}", clock::monotonic().as_micros()));
        Reloads(self)
    }

    /// It stops, and waits so long for open flows.
    pub fn stops(&self, patience: Duration) {
        let time = (patience + LAST).as_micros();
        self.say(&format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={time}\nSTATUS=Waits for open flows to end"));
    }
}

/// The configuration is being read again.
#[derive(Debug)]
pub struct Reloads<'a>(&'a Notify);

impl Drop for Reloads<'_> {
    fn drop(&mut self) {
        self.0.say("READY=1");
    }
}

impl Daemon {
    /// How the gateway does, in a line.
    pub(super) fn words(&self) -> String {
        let (flows, generation) = (self.carrier.live.count(), self.generation.load(Ordering::Relaxed));
        let before = self.handed.before().map_or(0, |before| before.flows());
        let more = if before > 0 { format!(", and {before} of the process before") } else { String::new() };
        format!("{flows} open flows{more}; generation {generation}")
    }

    /// Says from time to time how the gateway does, and that it is alive: only while both runtimes carry what they are given.
    pub(super) async fn keep_notified(self: &Arc<Self>) {
        let Some(every) = self.notify.to.as_ref().map(|_| self.notify.watchdog.map_or(STATUS, |time| time / 2)) else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(every).await;
            if self.carrier.handed.is_cancelled() {
                // The other process speaks now.
                std::future::pending::<()>().await;
            }
            let alive = [Compartment::Clear, Compartment::Rest].map(|compartment| {
                // A task that does nothing: it is done once a worker has the time for it.
                self.chores.spawn_on(async {}, self.carrier.bulkheads.runtime(compartment))
            });
            for answer in alive {
                // What is not alive does not say so; who listens for it knows what to do then.
                let _ = answer.await;
            }
            let watchdog = if self.notify.watchdog.is_some() { "WATCHDOG=1\n" } else { "" };
            self.notify.say(&format!("{watchdog}STATUS={}", self.words()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_named_a_socket_hears_of_it_by_path_or_by_abstract_name() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        let to = Some((UnixDatagram::unbound().unwrap(), SocketAddr::from_pathname(&path).unwrap()));
        let notify = Notify { to, watchdog: None };
        let heard = || {
            let mut room = [0; 512];
            let length = listener.recv(&mut room).unwrap();
            String::from_utf8(room[..length].to_vec()).unwrap()
        };
        notify.serves("3 open flows");
        assert_eq!(heard(), format!("MAINPID={}\nREADY=1\nSTATUS=3 open flows", std::process::id()));
        notify.hands_over(4242);
        assert_eq!(heard(), "MAINPID=4242");
        drop(notify.reloads());
        assert!(heard().starts_with("RELOADING=1\nMONOTONIC_USEC="));
        assert_eq!(heard(), "READY=1");
        notify.stops(Duration::from_secs(30));
        assert!(heard().contains("STOPPING=1\nEXTEND_TIMEOUT_USEC=40000000\n"));
        // Nobody listens any more, or nobody ever did.
        drop(listener);
        notify.serves("");
        Notify::default().serves("");
    }
}
