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
            rest = if is_thick((before, passed), now - looked) { REST } else { Duration::ZERO };
            (looked, before) = (now, passed);
        }
        let wait = due.map_or(look, |due: Moment| due.min(look)).saturating_duration_since(clock::now()).max(rest);
        if !wait.is_zero() {
            thread::park_timeout(wait);
        }
    }
}

/// Whether so much went in that time. What was let through before a connection that then was not made is given back, so the
/// sum may be less than it was.
#[allow(clippy::cast_precision_loss)] // a rate to compare with
fn is_thick((before, passed): (u64, u64), time: Duration) -> bool {
    let bytes = passed.saturating_sub(before);
    bytes > 0 && bytes as f64 >= THICK * time.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_come_thick_from_a_quarter_of_a_gigabit_on_and_never_where_some_were_given_back() {
        let look = Duration::from_millis(2);
        for (before, passed, thick) in
            [(0, 64_000, true), (1_000_000, 1_063_999, false), (0, 0, false), (7_000, 3_500, false)]
        {
            assert_eq!(is_thick((before, passed), look), thick, "{before} {passed}");
        }
        assert!(!is_thick((0, 0), Duration::ZERO));
    }
}
