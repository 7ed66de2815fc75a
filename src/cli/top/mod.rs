//! `clearway top`: the live page in a terminal. `run` asks the gateway and hears keys, `screen` is the terminal, `sheet`
//! what stands on it: pure, so that a test can read it.

pub mod line;
pub mod run;
pub mod screen;
pub mod sheet;

pub use run::run;
