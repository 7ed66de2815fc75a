//! A gateway inside another program: the same one, on threads of its own, but told by that program and not by signals.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio_util::sync::CancellationToken;

use super::run::{Daemon, RunError};
use super::threads::Threads;
use crate::base::clock;
use crate::config;

/// A running gateway. Dropped, it ends what is open, writes the last records, and has stopped; that blocks for up to a
/// few seconds.
#[derive(Debug)]
pub struct Inside {
    address: SocketAddr,
    stop: CancellationToken,
    thread: Option<JoinHandle<Result<(), RunError>>>,
}

impl Inside {
    /// Starts a gateway with a configuration on disk. Blocks until it listens. `wire` tells what has passed the link so
    /// far, down and up, in place of the counters of an interface.
    ///
    /// # Errors
    /// When it cannot start, as [`run`](super::run()) has them.
    pub fn start(path: &Path, wire: impl FnMut() -> Option<[u64; 2]> + Send + 'static) -> Result<Inside, RunError> {
        let outcome = config::read(path, clock::wall(), config::Keep::Write);
        let config = outcome.config.ok_or(RunError::Configuration(outcome.problems))?;
        let failed = |error| RunError::Machine("cannot start threads", error);
        let threads = Threads::start().map_err(failed)?;
        let bulkheads = threads.bulkheads();
        let stop = CancellationToken::new();
        let (told, path) = (stop.clone(), path.to_owned());
        let (ready, opened) = mpsc::channel();
        let gateway = move || {
            threads.run(async {
                let daemon = Daemon::start(&path, config, bulkheads)?;
                let life = async {
                    let listening = daemon.listeners.addresses();
                    let _ = ready.send(listening.first().map(|(_, address)| *address));
                    told.cancelled().await;
                    daemon.finish().await;
                };
                daemon.serve(wire, life, &mut None).await
            })
        };
        let thread = std::thread::Builder::new().name("clearway-inside".into()).spawn(gateway).map_err(failed)?;
        match opened.recv() {
            Ok(Some(address)) => Ok(Inside { address, stop, thread: Some(thread) }),
            Ok(None) => Err(failed(std::io::Error::other("the configuration has no listener"))),
            // It ended without listening, and says why.
            Err(_) => match thread.join() {
                Ok(Err(error)) => Err(error),
                _ => Err(failed(std::io::Error::other("the gateway broke off"))),
            },
        }
    }

    /// Where its first listener is bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.stop.cancel();
        let ended = self.thread.take().map(JoinHandle::join);
        if let Some(Ok(Err(error))) = ended {
            tracing::warn!(%error, "the gateway inside ended with an error");
        }
    }
}
