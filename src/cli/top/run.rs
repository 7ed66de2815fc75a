//! Asks the gateway once a second, hears keys, and shows what it says.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use jiff::Zoned;
use jiff::tz::TimeZone;
use tokio::signal::unix::{SignalKind, signal};

use super::screen::Screen;
use super::sheet::{Seen, Sheet};
use crate::base::clock;
use crate::cli::args::ConfigFile;
use crate::cli::ask::socket;
use crate::cli::ink::style;
use crate::cli::{INTERNAL, NO, write};
use crate::portal::AskError;
use crate::portal::client;

/// Between two questions; what a tube uses is told as an average over a second.
const EVERY: Duration = Duration::from_secs(1);

/// The hour is asked for once in so many, for that is what a point of it covers.
const HOUR_EVERY: u32 = 10;

/// How long a key, a signal or an answer waits to be noticed: shorter than a person notices.
const HEED: Duration = Duration::from_millis(50);

/// How long a signal's end waits for the screen to be given back.
const PATIENCE: Duration = Duration::from_secs(1);

/// The width of what is printed where there is no terminal to ask for it.
const WIDTH: usize = 100;

type Answer = Result<Seen, AskError>;

/// Watches a running gateway until a key or a signal ends it; once, where there is no terminal.
pub fn run(config: &ConfigFile) -> u8 {
    let socket = match socket(config) {
        Ok(socket) => socket,
        Err(code) => return code,
    };
    let first = match ask(&socket, None) {
        Ok(seen) => seen,
        Err(error) => {
            write::note(&format!("error: {error}"));
            return NO;
        }
    };
    let watched = Screen::take().and_then(|screen| match screen {
        Some(screen) => watch(&screen, socket, first),
        None => {
            let sheet = Sheet { seen: first, now: now(), lost: None, paused: false, help: false };
            write::line(&sheet.lines(WIDTH, usize::MAX, style()).join("\n"));
            Ok(())
        }
    });
    match watched {
        Ok(()) => 0,
        Err(error) => {
            write::note(&format!("error: the terminal: {error}"));
            INTERNAL
        }
    }
}

fn watch(screen: &Screen, socket: PathBuf, first: Seen) -> io::Result<()> {
    let told = heed_signals()?;
    let answers = keep_asking(socket, first.clone());
    let style = style();
    let mut sheet = Sheet { seen: first, now: now(), lost: None, paused: false, help: false };
    loop {
        let (columns, rows) = screen.size();
        screen.show(&sheet.lines(columns, rows, style))?;
        // Until there is something to show.
        loop {
            if told.load(Ordering::Relaxed) {
                return Ok(());
            }
            if event::poll(HEED)? {
                match event::read()? {
                    Event::Key(key) if quits(key) => return Ok(()),
                    Event::Key(key) if key.kind == KeyEventKind::Press => match key.code {
                        KeyCode::Char('p' | ' ') => sheet.paused = !sheet.paused,
                        KeyCode::Char('?' | 'h') => sheet.help = !sheet.help,
                        _ => sheet.help = false,
                    },
                    _ => {}
                }
                break;
            }
            match answers.try_recv() {
                // While it is paused answers are heard, so that none waits, and not shown.
                Ok(_) if sheet.paused => {}
                Ok(answer) => {
                    sheet.heard(answer.map_err(|error| error.to_string()), now());
                    break;
                }
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return Err(io::Error::other("nobody asks the gateway any more")),
            }
        }
    }
}

fn quits(key: KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) || (control && key.code == KeyCode::Char('c'))
}

/// On a thread of its own, so that a gateway that does not answer makes no key wait. It ends when nobody listens.
fn keep_asking(socket: PathBuf, first: Seen) -> Receiver<Answer> {
    let (tell, answers) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut known = first;
        for turn in 1u32.. {
            std::thread::sleep(EVERY);
            let answer = ask(&socket, Some(&known).filter(|_| turn % HOUR_EVERY != 0));
            if let Ok(seen) = &answer {
                known = seen.clone();
            }
            if tell.send(answer).is_err() {
                return;
            }
        }
    });
    answers
}

/// How it all is; the hour as it is known, where it is.
fn ask(socket: &std::path::Path, known: Option<&Seen>) -> Answer {
    let (status, tubes) = client::status(socket)?;
    let history = match known {
        Some(known) => Arc::clone(&known.history),
        None => Arc::new(client::history(socket)?),
    };
    Ok(Seen { status, tubes, history })
}

/// Set when a signal says to end.
fn heed_signals() -> io::Result<Arc<AtomicBool>> {
    let told = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [mut interrupt, mut terminate, mut hangup] = {
        let _inside = runtime.enter();
        let [interrupt, terminate, hangup] = kinds.map(signal);
        [interrupt?, terminate?, hangup?]
    };
    let tell = Arc::clone(&told);
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        });
        tell.store(true, Ordering::Relaxed);
        // Whoever reads from a terminal that is gone may never come back to be told (crossterm reads its end for ever);
        // there is nothing left then to give back.
        std::thread::sleep(PATIENCE);
        std::process::exit(0);
    });
    Ok(told)
}

fn now() -> Zoned {
    clock::wall().to_zoned(TimeZone::system())
}
