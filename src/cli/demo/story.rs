//! The demo from its beginning to its end.

use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use tokio::signal::unix::{SignalKind, signal};

use super::act::Act;
use super::diary::Diary;
use super::outcome::Outcome;
use super::picture;
use super::scene::{self, SceneError};
use super::screen::Screen;
use super::stage::{Now, Stage};
use super::summary;
use crate::cli::{INTERNAL, ink, write};
use crate::daemon::limits;

/// Between two pictures.
const REDRAW: Duration = Duration::from_millis(200);
/// 128 and the number of SIGINT: what a shell expects of a program that was interrupted.
const INTERRUPTED: u8 = 130;
/// Connections that all of the demo may have open at once: 68 of staff, and five seconds of clinical work.
const CONNECTIONS: u64 = 120;
/// Descriptors of each: of the client and the origin one, of the gateway and the link two.
const DESCRIPTORS: u64 = 6;
/// Those beside them.
const OTHERS: u64 = 60;

/// Why the demo broke off.
#[derive(Debug, thiserror::Error)]
enum StoryError {
    #[error("cannot start threads: {0}")]
    Threads(#[source] std::io::Error),
    #[error("this process may open {0} files at once, and the demo needs {1}; raise the limit (ulimit -Hn)")]
    Descriptors(u64, u64),
    #[error(transparent)]
    Scene(#[from] SceneError),
    #[error("cannot listen for signals: {0}")]
    Signals(#[source] std::io::Error),
}

/// Plays the demo in about so many seconds.
pub fn run(seconds: u64) -> u8 {
    match play(Duration::from_secs(seconds)) {
        Ok(Some(summary)) => {
            write::line(&summary);
            0
        }
        Ok(None) => INTERRUPTED,
        Err(error) => {
            write::note(&format!("error: {error}"));
            INTERNAL
        }
    }
}

/// The summary, or nothing when it was interrupted.
fn play(demo: Duration) -> Result<Option<String>, StoryError> {
    descriptors()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // The gateway has threads of its own; two hold everything else even on a large machine.
        .worker_threads(2)
        .enable_all()
        .thread_name("clearway-demo")
        .build()
        .map_err(StoryError::Threads)?;
    let played = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(StoryError::Signals)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(StoryError::Signals)?;
        let stage = Stage::new(demo);
        // Whatever ends this, the screen is given back when it is dropped.
        let screen = Screen::take();
        tokio::select! {
            summary = acts(&stage, screen.is_none()) => summary.map(Some),
            never = show(&stage, screen.as_ref()) => match never {},
            _ = interrupt.recv() => Ok(None),
            _ = terminate.recv() => Ok(None),
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    played
}

fn descriptors() -> Result<(), StoryError> {
    let needed = CONNECTIONS * DESCRIPTORS + OTHERS;
    limits::raise();
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if most < needed { Err(StoryError::Descriptors(most, needed)) } else { Ok(()) }
}

async fn acts(stage: &Stage, tell: bool) -> Result<String, StoryError> {
    let mut outcomes: [Outcome; 3] = Default::default();
    let lengths = Act::ALL.map(|act| act.lengths(stage.demo));
    for ((act, lengths), outcome) in Act::ALL.into_iter().zip(lengths).zip(&mut outcomes) {
        if tell {
            write::note(&format!("{}: {:.0} s ...", act.title(), lengths.asks.as_secs_f64()));
        }
        let diary = Arc::new(Diary::new(lengths.warm));
        stage.enter(Now { act, lengths, diary: Arc::clone(&diary) });
        scene::play(act, lengths, &diary).await?;
        *outcome = Outcome::count(&diary);
        stage.leave(outcome.clone());
    }
    Ok(summary::words(&outcomes, lengths.map(|lengths| lengths.asks.as_secs_f64()), ink::style()))
}

async fn show(stage: &Stage, screen: Option<&Screen>) -> std::convert::Infallible {
    let style = ink::style();
    loop {
        if let Some(screen) = screen {
            screen.show(&picture::draw(stage, style));
        }
        tokio::time::sleep(REDRAW).await;
    }
}
