//! The scheduler's own thread: it gives what is due when it is due, whatever the threads that carry bytes are busy with.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::tubes::Tubes;
use crate::base::{Moment, clock};

/// At a gigabit grants are due every few microseconds, and a thread that came back for each would cost more than what they
/// carry: all that are due in this time are given together. It is a quarter of what a grant is worth.
const REST: Duration = Duration::from_micros(500);
/// From so many bytes a second on: 16 KiB in that time. On a link of 50 Mbit/s, resting cost 3% of its use.
const THICK: f64 = 32e6;

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
    let (mut looked, mut before, mut rest) = (look, 0, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        let now = clock::now();
        let looks = look <= now;
        if looks {
            look = now + tubes.look(wire());
        }
        let (due, passed) = tubes.turn();
        if looks {
            rest = if thick(passed - before, now - looked) { REST } else { Duration::ZERO };
            (looked, before) = (now, passed);
        }
        let wait = due.map_or(look, |due: Moment| due.min(look)).saturating_duration_since(clock::now()).max(rest);
        if !wait.is_zero() {
            thread::park_timeout(wait);
        }
    }
}

#[allow(clippy::cast_precision_loss)] // a rate to compare with
fn thick(bytes: u64, time: Duration) -> bool {
    bytes as f64 >= THICK * time.as_secs_f64() && bytes > 0
}
