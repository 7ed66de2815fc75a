//! The terminal while `top` has it: another screen without a cursor, keys as they are pressed. It is given back however
//! that ends: by return, by panic, by a signal.

use std::io::{self, IsTerminal, Write};

use crossterm::{cursor, execute, queue, style, terminal};

/// The terminal, taken. Dropped, it is as it was.
#[derive(Debug)]
pub struct Screen(());

impl Screen {
    /// Takes the terminal; nothing where standard input or output is none that can be drawn on.
    ///
    /// # Errors
    /// When the terminal cannot be set up.
    pub fn take() -> io::Result<Option<Screen>> {
        let dumb = std::env::var("TERM").map_or(true, |term| term.is_empty() || term == "dumb");
        if dumb || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            return Ok(None);
        }
        // A panic's words would be lost with the other screen.
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            hook(panic);
        }));
        terminal::enable_raw_mode()?;
        let taken = Screen(());
        execute!(io::stdout(), terminal::EnterAlternateScreen, cursor::Hide, terminal::DisableLineWrap)?;
        Ok(Some(taken))
    }

    /// How many columns and rows it has.
    pub fn size(&self) -> (usize, usize) {
        let (columns, rows) = terminal::size().unwrap_or((80, 24));
        (usize::from(columns), usize::from(rows))
    }

    /// Shows lines in place of those before them, in one piece so that nothing flickers.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn show(&self, lines: &[String]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        queue!(out, terminal::BeginSynchronizedUpdate)?;
        for (row, line) in lines.iter().enumerate() {
            let row = u16::try_from(row).unwrap_or(u16::MAX);
            // Erased before and not after: the last column of a full line would go with what is right of it.
            let erased = terminal::Clear(terminal::ClearType::CurrentLine);
            queue!(out, cursor::MoveTo(0, row), erased, style::Print(line))?;
        }
        let below = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        queue!(out, cursor::MoveTo(0, below), terminal::Clear(terminal::ClearType::FromCursorDown))?;
        queue!(out, terminal::EndSynchronizedUpdate)?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Where that fails there is no terminal to give back.
fn give_back() {
    let _ = execute!(io::stdout(), terminal::EnableLineWrap, cursor::Show, terminal::LeaveAlternateScreen);
    let _ = terminal::disable_raw_mode();
}
