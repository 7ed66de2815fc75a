//! The access log's writer: a bounded queue to a thread of its own, so that a slow or full disk never holds up a
//! flow. While the log cannot be written the thread keeps trying and the queue fills; what does not fit is counted.

mod sink;

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::base::Calendar;

use super::meter::Meter;
use super::pseudonym::Pseudonyms;
use super::record::Record;
use super::spec::{Access, Spec};
use sink::{Identity, Sink};

/// Records that wait at most: 13 seconds of a stalled disk at 5,000 flows a second, in about 30 MB.
const QUEUE: usize = 65_536;

/// Records written at once: about half a megabyte of lines, which is what is in doubt when a disk fails.
const BATCH: usize = 1_024;

/// How long a record may wait for others to be written with: a thread that is woken for each costs more than the
/// record, and one that has many to write keeps its core from flows meanwhile.
const GATHER: Duration = Duration::from_millis(5);

/// Between attempts while the log cannot be written: soon enough that the queue seldom fills, rare enough that a
/// full disk is not hammered.
const RETRY: Duration = Duration::from_secs(1);

/// How long a journal that is dropped rather than closed may hold up its owner.
const LAST: Duration = Duration::from_secs(1);

/// The access log. Dropping it writes what is queued, for a second at most.
pub struct Journal {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    meter: Meter,
    bound: usize,
}

struct Shared {
    state: Mutex<State>,
    /// Something for the writer.
    wake: Condvar,
    /// The writer is done.
    done: Condvar,
    /// So many are written at once, without waiting for more.
    batch: usize,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Record>,
    change: Option<(Spec, Calendar)>,
    closing: bool,
    closed: bool,
    /// Records are being lost, and it has been said.
    overflowing: bool,
}

impl Journal {
    /// Starts the writer. A log that cannot be opened is an outage, not an error: it is logged, and tried again.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(spec: &Spec, calendar: &Calendar, state_dir: &Path, meter: Meter) -> io::Result<Self> {
        Self::with_bound(QUEUE, spec, calendar, state_dir, meter)
    }

    fn with_bound(bound: usize, spec: &Spec, calendar: &Calendar, state_dir: &Path, meter: Meter) -> io::Result<Self> {
        let batch = BATCH.min(bound / 2).max(1);
        let shared = Arc::new(Shared { state: Mutex::default(), wake: Condvar::new(), done: Condvar::new(), batch });
        let writer = Writer {
            shared: Arc::clone(&shared),
            faces: Pseudonyms::new(state_dir, calendar.clone()),
            spec: spec.clone(),
            sink: None,
            identity: None,
            buffer: Vec::new(),
            written: 0,
            outage: false,
            meter: meter.clone(),
        };
        let thread = std::thread::Builder::new().name("journal".into()).spawn(move || writer.run())?;
        Ok(Journal { shared, thread: Mutex::new(Some(thread)), meter, bound })
    }

    /// Queues a record; never waits for the disk.
    pub fn push(&self, record: Record) {
        let mut state = self.shared.lock();
        if state.queue.len() >= self.bound || state.closed {
            if !state.overflowing {
                state.overflowing = true;
                tracing::error!(side = "proxy", "access log: the queue of {} is full; records are lost", self.bound);
            }
            drop(state);
            self.meter.journal_dropped(1);
            return;
        }
        if state.overflowing && state.queue.len() < self.bound / 2 {
            state.overflowing = false;
        }
        state.queue.push_back(record);
        let wakes = state.queue.len() == 1 || state.queue.len() == self.shared.batch;
        drop(state);
        if wakes {
            self.shared.wake.notify_one();
        }
    }

    /// Takes another configuration, or the same again: the file is opened anew, so that a rotated one is let go.
    pub fn apply(&self, spec: &Spec, calendar: &Calendar) {
        self.shared.lock().change = Some((spec.clone(), calendar.clone()));
        self.shared.wake.notify_one();
    }

    /// Writes what is queued and ends the thread, within a bound. Records that come later are lost and counted.
    pub fn close(&self, within: Duration) {
        let mut state = self.shared.lock();
        state.closing = true;
        self.shared.wake.notify_one();
        if !state.closed {
            let waited = self.shared.done.wait_timeout_while(state, within, |state| !state.closed);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let closed = state.closed;
        let left = state.queue.len();
        drop(state);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else {
            return;
        };
        if !closed {
            tracing::error!(side = "proxy", "access log: {left} records and a batch were not written in {within:?}");
            self.meter.journal_dropped(u64::try_from(left).unwrap_or(u64::MAX));
        } else if thread.join().is_err() {
            tracing::error!(side = "proxy", "access log: the writer panicked");
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close(LAST);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's side.
struct Writer {
    shared: Arc<Shared>,
    faces: Pseudonyms,
    spec: Spec,
    sink: Option<Sink>,
    /// The file that `written` speaks of.
    identity: Option<Identity>,
    /// Whole lines; the first `written` bytes are in the log.
    buffer: Vec<u8>,
    written: usize,
    outage: bool,
    meter: Meter,
}

/// What there is to do.
struct Turn {
    change: Option<(Spec, Calendar)>,
    batch: Vec<Record>,
    closing: bool,
}

/// Says that the writer is done, also when it panics: nobody shall wait for it then.
struct Done(Arc<Shared>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.done.notify_all();
    }
}

impl Writer {
    fn run(mut self) {
        let _done = Done(Arc::clone(&self.shared));
        self.drain(); // opens the log, so that a mistake in its path shows at once
        loop {
            let turn = self.next();
            if let Some((spec, calendar)) = turn.change {
                self.spec = spec;
                self.faces.follow(calendar);
                self.sink = None;
            }
            for record in &turn.batch {
                self.render(record);
            }
            let drained = self.drain();
            if turn.closing && (!drained || self.shared.lock().queue.is_empty()) {
                self.give_up();
                return;
            }
        }
    }

    /// Waits for something to do: a change, the closing, records when the last ones are written, else the time to
    /// try again.
    fn next(&self) -> Turn {
        let stuck = self.pending() || self.sink.is_none();
        let state = self.shared.lock();
        let mut state = if stuck {
            let waited =
                self.shared.wake.wait_timeout_while(state, RETRY, |state| !state.closing && state.change.is_none());
            waited.unwrap_or_else(PoisonError::into_inner).0
        } else {
            let calm = |state: &mut State| !state.closing && state.change.is_none();
            let idle = |state: &mut State| calm(state) && state.queue.is_empty();
            let state = self.shared.wake.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
            let few = |state: &mut State| calm(state) && state.queue.len() < self.shared.batch;
            self.shared.wake.wait_timeout_while(state, GATHER, few).unwrap_or_else(PoisonError::into_inner).0
        };
        let take = if self.pending() { 0 } else { state.queue.len().min(BATCH) };
        Turn { change: state.change.take(), batch: state.queue.drain(..take).collect(), closing: state.closing }
    }

    fn pending(&self) -> bool {
        self.written < self.buffer.len()
    }

    fn render(&mut self, record: &Record) {
        let line_starts = self.buffer.len();
        let (client, user) = if self.spec.pseudonymise {
            let user = record.user.as_ref().map(|user| self.faces.user(record.ended, user).into());
            (self.faces.client(record.ended, record.client), user)
        } else {
            (Arc::from(record.client.to_string()), record.user.clone())
        };
        match serde_json::to_writer(&mut self.buffer, &record.line(&client, user.as_deref())) {
            Ok(()) => self.buffer.push(b'\n'),
            Err(error) => {
                self.buffer.truncate(line_starts);
                self.meter.journal_dropped(1);
                tracing::error!(side = "proxy", "access log: a record cannot be written as JSON: {error}");
            }
        }
    }

    /// Writes what is rendered. Whether the log is in order and all is in it.
    fn drain(&mut self) -> bool {
        match self.try_drain() {
            Ok(()) => {
                self.buffer.clear();
                self.written = 0;
                if self.outage {
                    self.outage = false;
                    self.meter.journal_failing(false);
                    tracing::info!("access log: written again");
                }
                true
            }
            Err(error) => {
                self.sink = None;
                if !self.outage {
                    self.outage = true;
                    self.meter.journal_failing(true);
                    let place = match &self.spec.access {
                        Access::Stdout => "standard output".into(),
                        Access::Journald => "to journald".into(),
                        Access::File(path) => path.display().to_string(),
                    };
                    tracing::error!(side = "proxy", "access log {place}: {error}; {QUEUE} records are kept meanwhile");
                }
                false
            }
        }
    }

    fn try_drain(&mut self) -> io::Result<()> {
        let mut sink = match self.sink.take() {
            Some(sink) => sink,
            None => self.open()?,
        };
        while let Some(rest) = self.buffer.get(self.written..).filter(|rest| !rest.is_empty()) {
            match sink.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        sink.flush()?;
        self.sink = Some(sink);
        Ok(())
    }

    /// Opens the log. Where a line is half written and the file is still the same, the rest of it will follow; in
    /// another file it begins anew, so that no reader finds half a line there.
    fn open(&mut self) -> io::Result<Sink> {
        let (sink, identity) = Sink::open(&self.spec.access)?;
        if identity != self.identity {
            let done = self.buffer.get(..self.written).unwrap_or_default();
            self.written = done.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            self.identity = identity;
        }
        Ok(sink)
    }

    /// The end has come: what cannot be written is lost, and counted.
    fn give_up(&self) {
        let unwritten =
            self.buffer.get(self.written..).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
        let lost = unwritten + std::mem::take(&mut self.shared.lock().queue).len();
        if lost > 0 {
            self.meter.journal_dropped(u64::try_from(lost).unwrap_or(u64::MAX));
            tracing::error!(side = "proxy", "access log: {lost} records are lost at the end");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    use crate::account::record::{FlowId, tests::bare};
    use jiff::tz::TimeZone;

    const BOUND: Duration = Duration::from_secs(20);

    struct World {
        home: tempfile::TempDir,
        meter: Meter,
    }

    impl World {
        fn new() -> Self {
            World { home: tempfile::tempdir().unwrap(), meter: Meter::new().unwrap() }
        }

        fn spec(&self, log: impl AsRef<Path>, pseudonymise: bool) -> Spec {
            Spec { access: Access::File(self.home.path().join(log)), pseudonymise }
        }

        fn journal(&self, bound: usize, spec: &Spec) -> Journal {
            Journal::with_bound(bound, spec, &calendar(), self.home.path(), self.meter.clone()).unwrap()
        }

        fn lines(&self, log: &str) -> Vec<String> {
            let text = fs::read_to_string(self.home.path().join(log)).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        }

        fn dropped(&self) -> u64 {
            self.told("clearway_journal_dropped_total ")
        }

        fn told(&self, name: &str) -> u64 {
            let text = self.meter.encode("2026-11-24T12:00:00Z".parse().unwrap());
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            line.rsplit(' ').next().unwrap().parse().unwrap()
        }
    }

    fn calendar() -> Calendar {
        Calendar { zone: TimeZone::UTC, bank_holidays: [].into() }
    }

    fn record(count: u32) -> Record {
        Record { flow: FlowId { second: 1, count }, user: Some(Arc::from("rhian.example")), ..bare() }
    }

    /// Waits for a condition, not for a time; the bound only ends a test that fails.
    fn until(what: &str, condition: impl Fn() -> bool) {
        let start = crate::base::clock::now();
        while !condition() {
            assert!(start.elapsed() < BOUND, "{what}");
            std::thread::yield_now();
        }
    }

    #[test]
    fn closing_writes_everything_that_was_queued_in_order() {
        let world = World::new();
        let journal = world.journal(QUEUE, &world.spec("deep/er/access.log", true));
        for count in 0..5_000 {
            journal.push(record(count));
        }
        journal.close(BOUND);
        let lines = world.lines("deep/er/access.log");
        assert_eq!(lines.len(), 5_000);
        for (count, line) in lines.iter().enumerate() {
            assert!(line.contains(&format!(r#""flow":"00000001-{count:06x}""#)), "{line}");
        }
        assert_eq!(world.dropped(), 0);
    }

    #[test]
    fn with_pseudonyms_neither_address_nor_login_is_in_the_log_and_without_both_are() {
        for pseudonymise in [true, false] {
            let world = World::new();
            let journal = world.journal(QUEUE, &world.spec("access.log", pseudonymise));
            journal.push(record(0));
            journal.close(BOUND);
            let line = world.lines("access.log").concat();
            assert_eq!(line.contains("10.1.2.3"), !pseudonymise, "{line}");
            assert_eq!(line.contains("rhian"), !pseudonymise, "{line}");
            assert_eq!(line.contains(r#""client":"c-"#) && line.contains(r#""user":"u-"#), pseudonymise, "{line}");
        }
    }

    #[test]
    fn a_full_queue_loses_records_and_counts_them() {
        let world = World::new();
        let journal = world.journal(4, &Spec { access: Access::File("/dev/full".into()), pseudonymise: true });
        for count in 0..2_000 {
            journal.push(record(count));
        }
        until("some are lost", || world.dropped() > 0);
        journal.close(BOUND);
        assert_eq!(world.dropped(), 2_000, "those in the queue and the batch are lost at the end, each counted once");
    }

    #[test]
    fn a_full_disk_is_survived_and_nothing_that_fits_the_queue_is_lost() {
        let world = World::new();
        let journal = world.journal(QUEUE, &Spec { access: Access::File("/dev/full".into()), pseudonymise: true });
        journal.push(record(0));
        until("the writer has taken it, and holds it", || journal.shared.lock().queue.is_empty());
        for count in 1..4 {
            journal.push(record(count));
        }
        journal.apply(&world.spec("access.log", true), &calendar());
        journal.close(BOUND);
        assert_eq!(world.lines("access.log").len(), 4);
        assert_eq!(world.dropped(), 0);
    }

    #[test]
    fn a_log_that_cannot_be_opened_is_tried_again() {
        let world = World::new();
        let blocker = world.home.path().join("logs");
        fs::write(&blocker, "in the way").unwrap();
        let spec = world.spec("logs/access.log", true);
        let journal = world.journal(QUEUE, &spec);
        journal.push(record(0));
        until("the writer has taken it, and tries", || journal.shared.lock().queue.is_empty());
        until("the metrics say so", || world.told("clearway_journal_failing ") == 1);
        fs::remove_file(&blocker).unwrap();
        until("it is written after all", || world.lines("logs/access.log").len() == 1);
        until("the metrics say so", || world.told("clearway_journal_failing ") == 0);
    }

    #[test]
    fn a_reload_lets_a_rotated_file_go() {
        let world = World::new();
        let spec = world.spec("access.log", true);
        let journal = world.journal(QUEUE, &spec);
        journal.push(record(0));
        until("the first is written", || world.lines("access.log").len() == 1);
        fs::rename(world.home.path().join("access.log"), world.home.path().join("access.log.1")).unwrap();
        journal.apply(&spec, &calendar());
        until("the new file is there", || world.home.path().join("access.log").exists());
        journal.push(record(1));
        journal.close(BOUND);
        assert_eq!(world.lines("access.log.1").len(), 1);
        assert_eq!(world.lines("access.log").len(), 1);
        journal.push(record(2));
        assert_eq!(world.dropped(), 1, "after closing a record is counted as lost");
    }

    #[test]
    fn half_a_line_is_completed_in_the_same_file_and_begun_anew_in_another() {
        let world = World::new();
        let mut writer = Writer {
            shared: Arc::new(Shared {
                state: Mutex::default(),
                wake: Condvar::new(),
                done: Condvar::new(),
                batch: BATCH,
            }),
            faces: Pseudonyms::new(world.home.path(), calendar()),
            spec: world.spec("one.log", true),
            sink: None,
            identity: None,
            buffer: b"first line\nsecond line\n".to_vec(),
            written: 0,
            outage: false,
            meter: world.meter.clone(),
        };
        writer.open().unwrap();
        fs::write(world.home.path().join("one.log"), "first line\nsecond").unwrap();
        writer.written = 17;
        assert!(writer.drain());
        assert_eq!(world.lines("one.log"), ["first line", "second line"]);
        writer.buffer = b"first line\nsecond line\n".to_vec();
        writer.written = 17;
        writer.spec = world.spec("two.log", true);
        writer.sink = None;
        assert!(writer.drain());
        assert_eq!(world.lines("two.log"), ["second line"]);
    }
}
