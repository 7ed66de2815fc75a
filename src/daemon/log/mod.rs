//! What the process says of itself: `say` is what listens to tracing, `line` how an event reads, `sink` where it goes.

mod line;
mod say;
mod sink;

pub use say::{apply, install};
