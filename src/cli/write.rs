//! Standard output, where only data goes. A reader that has gone away (`| head`) ends the command quietly.

use std::io::{self, Write};
use std::process;

/// Writes a line of data.
pub fn line(text: &str) {
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
