//! The threads that carry traffic: a runtime for clear flows, and one for all others that stands back behind it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::limits;
use crate::flow::Bulkheads;

/// How long tasks that do not end are waited for.
const LAST: Duration = Duration::from_secs(1);

/// Both runtimes.
#[derive(Debug)]
pub struct Threads {
    clear: Runtime,
    rest: Runtime,
}

/// A timer that rings before all others wakes whoever waits for sockets, by a write to an eventfd: 1.2 of them for each
/// flow, as measured, where nothing else rings soon.
const TICK: Duration = Duration::from_secs(1);

/// Has something ring soon, so that no flow's timer is the next. It ends with its runtime.
async fn tick() {
    loop {
        tokio::time::sleep(TICK).await;
    }
}

/// Does what takes long and no flow waits for, on a thread of its own that stands back behind those that carry
/// flows, but not so far that a change waits for a gateway to be idle; `None` where there is no thread to have, or the work
/// broke off.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (tell, told) = tokio::sync::oneshot::channel();
    let work = move || {
        limits::give_way();
        let _ = tell.send(work());
    };
    std::thread::Builder::new().name("clearway-aside".into()).spawn(work).ok()?;
    told.await.ok()
}

impl Threads {
    /// Starts them: each has as many threads as there are processors, so that whoever has work has all of them.
    ///
    /// # Errors
    /// What the system said to a thread more.
    pub fn start() -> io::Result<Self> {
        let clear = Builder::new_multi_thread().enable_all().thread_name("clearway-clear").build()?;
        let mut rest = Builder::new_multi_thread();
        let rest = rest.enable_all().thread_name("clearway-rest").on_thread_start(limits::give_way).build()?;
        for runtime in [&clear, &rest] {
            runtime.spawn(tick());
        }
        Ok(Threads { clear, rest })
    }

    /// What carries flows on them.
    pub fn bulkheads(&self) -> Arc<Bulkheads> {
        Bulkheads::new(self.clear.handle().clone(), self.rest.handle().clone())
    }

    /// Runs the gateway itself, until it ends; chores of its own run where flows do that can wait.
    pub fn run<T>(self, life: impl Future<Output = T>) -> T {
        let ended = self.rest.block_on(life);
        self.clear.shutdown_timeout(LAST);
        self.rest.shutdown_timeout(LAST);
        ended
    }
}
