//! Looks after the certificates of listeners: one whose files change is taken anew, without a reload.

use std::sync::Arc;
use std::time::Duration;

use super::run::Daemon;
use super::threads::aside;

/// How often the files are looked at: two calls of stat(2) each. Whoever renews a certificate and tries it at once is not
/// left to wonder.
const LOOK: Duration = Duration::from_secs(5);

impl Daemon {
    /// Runs until it is dropped.
    pub(super) async fn watch_certificates(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK).await;
            self.look_at_certificates().await;
        }
    }

    /// Takes those anew whose files have changed. Not here: a disk that hangs must not hold up who waits for signals.
    pub(super) async fn look_at_certificates(&self) {
        let certified = self.listeners.certified();
        if certified.is_empty() {
            return;
        }
        let look = move || {
            for (listener, tls) in certified {
                tls.look(listener.as_str());
            }
        };
        let _ = aside(look).await;
    }
}
