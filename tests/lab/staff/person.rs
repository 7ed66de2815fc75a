//! A member of staff: an address, a habit, and what is written down.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::clock;
use crate::script::{Habit, Load, Script, Segment};
use crate::tally::Tally;
use crate::tunnel::{Asker, Tunnel, Want};
use crate::world::{Server, staff};

/// After this somebody gives up and tries again.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Before somebody tries again.
const AGAIN: Duration = Duration::from_secs(1);

/// What everybody writes in.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    pub pages: Vec<Load>,
    pub segments: Vec<Segment>,
    pub trouble: BTreeMap<String, u64>,
}

/// A member of staff.
pub struct Person {
    pub habit: Habit,
    asker: Asker,
    notes: Arc<Mutex<Notes>>,
    zero: u64,
    waits: Mutex<Waits>,
    /// The page that is being loaded.
    page: Mutex<Option<f64>>,
}

/// How long something has been asked for and not come, within the part that counts.
#[derive(Debug)]
struct Waits {
    from: u64,
    to: u64,
    open: u32,
    since: u64,
    sum: u64,
}

impl Waits {
    /// Of the time since it began, what counts.
    fn counted(&self, now: u64) -> u64 {
        if self.open == 0 { 0 } else { now.min(self.to).saturating_sub(self.since.max(self.from)) }
    }
}

impl Person {
    pub fn new(
        who: u32,
        habit: Habit,
        script: &Script,
        tally: &Arc<Mutex<Tally>>,
        notes: &Arc<Mutex<Notes>>,
    ) -> Person {
        let asker = Asker { who, address: staff(who), route: script.route, tally: Arc::clone(tally) };
        let [from, to] = [script.from, script.to].map(|at| script.zero + clock::nanos(at));
        let waits = Waits { from, to, open: 0, since: 0, sum: 0 };
        let (waits, page) = (Mutex::new(waits), Mutex::new(None));
        Person { habit, asker, notes: Arc::clone(notes), zero: script.zero, waits, page }
    }

    /// Their number.
    pub fn who(&self) -> u32 {
        self.asker.who
    }

    /// Seconds since the scene's beginning.
    pub fn now(&self) -> f64 {
        clock::seconds(clock::now().saturating_sub(self.zero))
    }

    /// Writes something down.
    pub fn note(&self, write: impl FnOnce(&mut Notes)) {
        write(&mut self.notes.lock().unwrap());
    }

    /// Writes down that something went wrong, and rests a little.
    pub async fn trouble(&self, what: &io::Error) {
        self.note(|notes| *notes.trouble.entry(what.to_string()).or_default() += 1);
        tokio::time::sleep(AGAIN).await;
    }

    /// Connects; tries until it works.
    pub async fn open(&self, server: Server) -> Tunnel {
        loop {
            let opening = self.waiting(tokio::time::timeout(PATIENCE, self.asker.open(server))).await;
            match opening.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(tunnel) => return tunnel,
                Err(error) => self.trouble(&error).await,
            }
        }
    }

    /// Asks on an open connection, and says whether it may be used again.
    pub async fn ask(&self, tunnel: &mut Tunnel, want: Want) -> bool {
        let asking = self.waiting(tokio::time::timeout(PATIENCE, tunnel.ask(want))).await;
        match asking.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(()) => true,
            Err(error) => {
                self.trouble(&error).await;
                false
            }
        }
    }

    /// Counts the time until something is done as time in which this person wanted more.
    async fn waiting<T>(&self, what: impl Future<Output = T>) -> T {
        {
            let mut waits = self.waits.lock().unwrap();
            if waits.open == 0 {
                waits.since = clock::now();
            }
            waits.open += 1;
        }
        let done = what.await;
        let mut waits = self.waits.lock().unwrap();
        waits.sum += if waits.open == 1 { waits.counted(clock::now()) } else { 0 };
        waits.open -= 1;
        done
    }

    /// How much of the part that counts they waited for something.
    pub fn wanting(&self) -> f64 {
        let waits = self.waits.lock().unwrap();
        (waits.sum + waits.counted(clock::now())) as f64 / (waits.to - waits.from) as f64
    }

    /// Which page load begins, or that it is over.
    pub fn turn_page(&self, page: Option<f64>) {
        *self.page.lock().unwrap() = page;
    }

    /// The page load that is not over.
    pub fn unfinished(&self) -> Option<Load> {
        let at = (*self.page.lock().unwrap())?;
        Some(Load { who: self.who(), at, took: self.now() - at, whole: false })
    }

    /// What everybody received and wrote.
    pub fn written(&self) -> (Tally, Notes) {
        (self.asker.tally.lock().unwrap().clone(), self.notes.lock().unwrap().clone())
    }
}
