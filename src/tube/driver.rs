//! The scheduler's own thread: it gives what is due when it is due, whatever the threads that carry bytes are busy with.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use super::tubes::Tubes;
use crate::base::{Moment, clock};

/// The thread; dropped, it has ended.
#[derive(Debug)]
pub struct Driver {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Driver {
    /// Begins. `wire` tells what the link's interface has carried so far, down and up.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub(super) fn start(tubes: Tubes, wire: impl FnMut() -> Option<[u64; 2]> + Send + 'static) -> io::Result<Driver> {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread =
            thread::Builder::new().name("clearway-clock".to_owned()).spawn(move || drive(&tubes, wire, &told))?;
        Ok(Driver { stop, thread: Some(thread) })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn drive(tubes: &Tubes, mut wire: impl FnMut() -> Option<[u64; 2]>, stop: &AtomicBool) {
    tubes.wake_by(&thread::current());
    let mut look = clock::now();
    while !stop.load(Ordering::Relaxed) {
        let now = clock::now();
        if look <= now {
            look = now + tubes.look(wire());
        }
        let due = tubes.turn().map_or(look, |due: Moment| due.min(look));
        let wait = due.saturating_duration_since(clock::now());
        if !wait.is_zero() {
            thread::park_timeout(wait);
        }
    }
}
