//! What a scene's records say, in numbers.

mod outcome;
mod median;
mod statistics;
mod surge;
mod table;

pub use median::medians;
pub use outcome::{Context, Outcome};
pub use table::table;
