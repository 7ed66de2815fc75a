//! The thread that sends spans, behind a bounded queue: no flow ever waits for a collector. What does not fit, and what a
//! collector refuses, is lost and counted.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::post::{Answer, post};
use super::span::{Origin, Span, request};
use crate::account::meter::Meter;
use crate::account::spec::Collector;

/// Spans that wait at most: a minute of 200 flows a second, in about 4 MB.
const QUEUE: usize = 16_384;
/// Spans in one request: some 250 kB, far below what collectors take at once (4 MiB by default).
const BATCH: usize = 512;
/// How long a span waits for others to be sent with.
const GATHER: Duration = Duration::from_secs(2);
/// Between attempts, twice as long each time, up to the last.
const RETRIES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// A way to a collector. Dropped, it sends no more; what waits is lost and counted.
pub struct Telemetry {
    shared: Arc<Shared>,
    meter: Meter,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Span>,
    closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Telemetry {
    /// Starts it.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(collector: Collector, seed: u64, meter: Meter) -> std::io::Result<Telemetry> {
        let shared = Arc::new(Shared { state: Mutex::default(), wake: Condvar::new() });
        let origin = Origin { name: collector.instance.clone(), seed };
        let sender = Sender { shared: Arc::clone(&shared), collector, origin, meter: meter.clone(), outage: false };
        // Not waited for: it may be within a request, and nobody should be held up by a collector when a gateway ends.
        std::thread::Builder::new().name("telemetry".into()).spawn(move || sender.run())?;
        Ok(Telemetry { shared, meter })
    }

    /// Queues a span; never waits.
    pub fn push(&self, span: Span) {
        let mut state = self.shared.lock();
        if state.queue.len() >= QUEUE || state.closed {
            drop(state);
            self.meter.telemetry_dropped(1);
            return;
        }
        state.queue.push_back(span);
        let wakes = state.queue.len() == 1 || state.queue.len() == BATCH;
        drop(state);
        if wakes {
            self.shared.wake.notify_one();
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_one();
    }
}

/// The thread's side.
struct Sender {
    shared: Arc<Shared>,
    collector: Collector,
    origin: Origin,
    meter: Meter,
    outage: bool,
}

impl Sender {
    fn run(mut self) {
        loop {
            let (batch, closed) = self.batch();
            if !batch.is_empty() {
                self.send(&batch);
            }
            if closed && self.shared.lock().queue.is_empty() {
                return;
            }
        }
    }

    /// The next spans, once there are enough of them or the first has waited long enough.
    fn batch(&self) -> (Vec<Span>, bool) {
        let state = self.shared.lock();
        let none = |state: &mut State| state.queue.is_empty() && !state.closed;
        let state = self.shared.wake.wait_while(state, none).unwrap_or_else(PoisonError::into_inner);
        let few = |state: &mut State| state.queue.len() < BATCH && !state.closed;
        let waited = self.shared.wake.wait_timeout_while(state, GATHER, few);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        let count = state.queue.len().min(BATCH);
        (state.queue.drain(..count).collect(), state.closed)
    }

    /// Until they are taken or refused, or nobody wants them any more.
    fn send(&mut self, batch: &[Span]) {
        let body = request(batch, &self.origin);
        let mut pause = RETRIES.0;
        loop {
            let why = match post(&self.collector, &body) {
                Ok(Answer::Taken) => {
                    if std::mem::take(&mut self.outage) {
                        tracing::info!("telemetry: the collector takes spans again");
                    }
                    return;
                }
                Ok(Answer::Refused(code)) => {
                    self.tell(&format!("it answers {code}"));
                    return self.lose(batch);
                }
                Ok(Answer::Later) => "it has no room".to_owned(),
                Err(error) => error.to_string(),
            };
            self.tell(&why);
            let state = self.shared.lock();
            let open = |state: &mut State| !state.closed;
            let waited = self.shared.wake.wait_timeout_while(state, pause, open);
            let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.closed {
                let rest = std::mem::take(&mut state.queue);
                drop(state);
                self.meter.telemetry_dropped(u64::try_from(rest.len()).unwrap_or_default());
                return self.lose(batch);
            }
            pause = (pause * 2).min(RETRIES.1);
        }
    }

    fn lose(&self, batch: &[Span]) {
        self.meter.telemetry_dropped(u64::try_from(batch.len()).unwrap_or_default());
    }

    /// Once an outage.
    fn tell(&mut self, why: &str) {
        if !std::mem::replace(&mut self.outage, true) {
            let Collector { target, .. } = &self.collector;
            tracing::warn!("telemetry: the collector {target} takes no spans: {why}; {QUEUE} are kept meanwhile");
        }
    }
}
