//! Standard output, where only data goes. A reader that has gone away (`| head`) ends the command quietly.

use std::io::{self, Write};
use std::process;

/// Writes a line of data. What steers a terminal, or turns the direction of a text, is replaced: names, reasons and lists
/// are written by others.
pub fn line(text: &str) {
    let steers = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t')) || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let text = text.replace(steers, "\u{fffd}");
    let mut out = io::stdout().lock();
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
        gone(&error);
    }
}

/// Writes to a terminal as it is; where that fails there is nobody left to look.
pub fn raw(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn gone(error: &io::Error) -> ! {
    if error.kind() == io::ErrorKind::BrokenPipe {
        process::exit(0);
    }
    note(&format!("clearway: cannot write to standard output: {error}"));
    process::exit(i32::from(super::INTERNAL));
}

/// Draws on the terminal of standard error, as it is.
pub fn draw(text: &str) {
    let mut out = io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes a line for people to standard error; where that fails there is nobody left to tell.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
