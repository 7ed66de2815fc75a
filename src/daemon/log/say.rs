//! What listens to tracing, and writes what is said to where the configuration wants it.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use super::line::Told;
use super::sink::Sink;
use crate::base::clock;
use crate::config::{LogPlace, ProcessLog};

/// What is said where nobody asked for more or less.
const LEVEL: &str = "info";

/// There is one for the process, as tracing has it.
static LOG: OnceLock<Log> = OnceLock::new();

struct Log {
    sink: Arc<RwLock<Sink>>,
    filter: reload::Handle<EnvFilter, Registry>,
    /// Whether RUST_LOG says what is said.
    asked: bool,
}

struct Say(Arc<RwLock<Sink>>);

impl<S: Subscriber> Layer<S> for Say {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let (told, level, at) = (Told::of(event), *event.metadata().level(), clock::wall());
        let written = self.0.read().unwrap_or_else(PoisonError::into_inner).write(&told, level, at);
        // Of no use to say that where it failed: what cannot go where it should goes to standard error, or nowhere.
        if written.is_err() {
            let _ = Sink::stderr().write(&told, level, at);
        }
    }
}

/// Has the process say what it does, to standard error until a configuration says otherwise. Once.
pub fn install() {
    let asked = EnvFilter::try_from_default_env();
    let (filter, asked) = match asked {
        Ok(filter) => (filter, std::env::var_os("RUST_LOG").is_some()),
        Err(_) => (EnvFilter::new(LEVEL), false),
    };
    let (filter, handle) = reload::Layer::new(filter);
    let sink = Arc::new(RwLock::new(Sink::stderr()));
    if tracing_subscriber::registry().with(filter).with(Say(Arc::clone(&sink))).try_init().is_ok() {
        let _ = LOG.set(Log { sink, filter: handle, asked });
    }
}

/// Says it where the configuration wants it from now on; a file is opened anew, so that one that was rotated is let go.
pub fn apply(spec: &ProcessLog) {
    let Some(log) = LOG.get() else { return };
    if !log.asked {
        let _ = log.filter.reload(EnvFilter::new(spec.level.unwrap_or(LEVEL)));
    }
    let opened = Sink::open(&spec.place);
    let why = opened.as_ref().err().map(ToString::to_string);
    *log.sink.write().unwrap_or_else(PoisonError::into_inner) = opened.unwrap_or_else(|_| Sink::stderr());
    if let Some(why) = why {
        let place = match &spec.place {
            LogPlace::File(path) => path.display().to_string(),
            LogPlace::Journald | LogPlace::Stderr => "journald".to_owned(),
        };
        tracing::error!("[log] process: {place}: {why}; what the process says goes to standard error");
    }
}
