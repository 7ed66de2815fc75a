//! Starts the successor: the gateway's own program, as it is on disk now.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::door::PREPARES;
use crate::daemon::run::Daemon;
use crate::flow::Compartment;
use crate::portal::UpgradeOutcome;

/// How often the successor is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// One that has ended may have said why just before.
const LAST_WORD: Duration = Duration::from_millis(500);
/// The successor takes over with this.
const TAKE_OVER: &str = "--take-over";
/// What a service manager said to this process alone (`sd_listen_fds(3)`, `sd_watchdog_enabled(3)`).
const OURS: [&str; 4] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID"];

/// What was started, remembered from the start: what /proc says of it later is of a file that was replaced.
#[derive(Debug)]
pub struct Program {
    path: std::io::Result<PathBuf>,
    arguments: Vec<OsString>,
}

impl Program {
    /// This process's.
    pub fn of_process() -> Program {
        let arguments = std::env::args_os().skip(1).filter(|argument| argument != TAKE_OVER);
        Program { path: std::env::current_exe(), arguments: arguments.collect() }
    }

    /// Starts it as it is on disk now. Its thread's priority is that of who calls.
    fn start(&self) -> Result<Child, String> {
        let path = self.path.as_ref().map_err(|error| format!("the program's file is not known: {error}"))?;
        let mut command = Command::new(path);
        command.args(&self.arguments).arg(TAKE_OVER).stdin(Stdio::null());
        for name in OURS {
            command.env_remove(name);
        }
        command.spawn().map_err(|error| format!("{} cannot be started: {error}", path.display()))
    }
}

impl Daemon {
    /// Has a successor started and take over, and says what came of it; who asked for it need not stay to hear that.
    pub(in crate::daemon) async fn upgrade(self: Arc<Self>) -> UpgradeOutcome {
        let daemon = Arc::clone(&self);
        let work = async move { daemon.replace_by_successor().await };
        // On this thread: a successor inherits its priority.
        let replaced = self.chores.spawn(work).await;
        match replaced.unwrap_or_else(|_| Err("the upgrade broke off".to_owned())) {
            Ok(pid) => UpgradeOutcome {
                upgraded: true,
                pid,
                flows: self.carrier.live.count() as u64,
                drain_seconds: self.state().config.upgrade_drain.as_secs(),
                problem: None,
            },
            Err(why) => UpgradeOutcome { problem: Some(why), ..UpgradeOutcome::default() },
        }
    }

    async fn replace_by_successor(self: &Arc<Self>) -> Result<u32, String> {
        let _one = self.upgrading.try_lock().map_err(|_| "an upgrade is under way".to_owned())?;
        if self.draining.is_cancelled() {
            return Err("the gateway is draining".to_owned());
        }
        if let Some(why) = self.before_drains() {
            return Err(why);
        }
        let mut successor = self.program.start()?;
        let pid = successor.id();
        let mut told = self.handed.ask(pid);
        tracing::info!(pid, "started a successor");
        let failed = tokio::time::timeout(PREPARES, async {
            loop {
                tokio::select! {
                    why = &mut told => return why.unwrap_or_else(|_| "the gateway stopped waiting".to_owned()),
                    () = self.carrier.handed.cancelled() => return "another process has taken over".to_owned(),
                    () = tokio::time::sleep(LOOK) => {}
                }
                if let Ok(Some(status)) = successor.try_wait() {
                    let last = tokio::time::timeout(LAST_WORD, &mut told).await;
                    return ended(status, last.ok().and_then(Result::ok));
                }
            }
        });
        let failed = failed.await.unwrap_or_else(|_| format!("it was not ready within {} s", PREPARES.as_secs()));
        // As long as this is held nothing is handed over; it may just have been.
        let no_reload = self.reloading.lock().await;
        let outcome = if self.handed.to() == Some(pid) { Ok(pid) } else { Err(failed) };
        if outcome.is_err() {
            // One that ended is reaped; one that hangs is ended, and where its disk hangs that is waited for by nobody.
            let _ = successor.kill();
        }
        drop(no_reload);
        self.chores.spawn_on(reap(successor), self.carrier.bulkheads.runtime(Compartment::Rest));
        outcome
    }
}

/// Why a successor that has ended did so.
fn ended(status: ExitStatus, said: Option<String>) -> String {
    said.unwrap_or_else(|| format!("it ended before it was ready ({status}); see the log"))
}

/// Takes note when a successor ends before this process does, so that nobody takes it for alive.
async fn reap(mut successor: Child) {
    while let Ok(None) = successor.try_wait() {
        tokio::time::sleep(LOOK).await;
    }
}
