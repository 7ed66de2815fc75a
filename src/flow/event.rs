//! Something that happens once, and who waits for it.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Not yet happened, or happened for good.
#[derive(Debug, Default)]
pub struct Event {
    happened: AtomicBool,
    waiting: Notify,
}

impl Event {
    /// It happens.
    pub fn happen(&self) {
        self.happened.store(true, Ordering::SeqCst);
        self.waiting.notify_waiters();
    }

    /// Whether it has.
    pub fn has_happened(&self) -> bool {
        self.happened.load(Ordering::SeqCst)
    }

    /// Returns when it has.
    pub async fn wait(&self) {
        // From here on it is told, so that what happens between the look and the wait is not missed.
        let told = self.waiting.notified();
        if !self.has_happened() {
            told.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_waits_before_and_who_comes_later_are_both_told() {
        for _ in 0..200 {
            let event = Arc::new(Event::default());
            let mut waits = tokio::task::JoinSet::new();
            for _ in 0..4 {
                let event = Arc::clone(&event);
                waits.spawn(async move { event.wait().await });
            }
            event.happen();
            waits.join_all().await;
            event.wait().await;
            assert!(event.has_happened());
        }
    }
}
