//! What a scene's records say, in numbers.

mod outcome;
mod statistics;
mod table;

pub use outcome::{Context, Outcome};
pub use table::table;
