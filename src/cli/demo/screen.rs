//! The terminal while the demo draws on it: another screen without a cursor, given back however the demo ends.

use std::io::IsTerminal;

use crate::cli::ink::variable;
use crate::cli::write;

/// Another screen; no cursor; no line goes on in the next one.
const TAKE: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
/// All of that undone.
const GIVE_BACK: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/// The terminal, taken. Dropped, it is as it was.
#[derive(Debug)]
pub struct Screen(());

impl Screen {
    /// Takes the terminal, if standard output is one that can be drawn on.
    pub fn take() -> Option<Screen> {
        let dumb = variable("TERM").is_none_or(|term| term == "dumb");
        if dumb || !std::io::stdout().is_terminal() {
            return None;
        }
        write::raw(TAKE);
        Some(Screen(()))
    }

    /// Shows a picture in place of the one before it.
    pub fn show(&self, picture: &str) {
        // Each line ends with the erasure of what was there before, and the last with that of all below.
        write::raw(&format!("\x1b[H{}\x1b[J", picture.replace('\n', "\x1b[K\r\n")));
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        write::raw(GIVE_BACK);
    }
}
