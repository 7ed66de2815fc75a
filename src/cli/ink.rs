//! What the terminal can show: colours, and letters beyond ASCII. `demo` and `top` draw with it.

use std::io::IsTerminal;

/// How a terminal shows things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether it may be coloured (<https://no-color.org>).
    pub colour: bool,
    /// Whether it has more than ASCII.
    pub unicode: bool,
}

/// Colours, and what is like them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// What stands out.
    Bold,
    /// What stands back.
    Faint,
    /// Green.
    Good,
    /// Yellow.
    Fair,
    /// Red.
    Poor,
}

impl Style {
    /// A text in an ink.
    pub fn paint(self, ink: Ink, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match ink {
            Ink::Bold => 1,
            Ink::Faint => 2,
            Ink::Good => 32,
            Ink::Fair => 33,
            Ink::Poor => 31,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// What standard output can show.
pub(super) fn style() -> Style {
    let plain = variable("NO_COLOR").is_some() || variable("TERM").is_none_or(|term| term == "dumb");
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable).unwrap_or_default().to_lowercase();
    Style {
        colour: std::io::stdout().is_terminal() && !plain,
        unicode: locale.contains("utf-8") || locale.contains("utf8"),
    }
}

/// A variable of the environment that is set to something.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
