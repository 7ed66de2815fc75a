//! What a scene's records say, in numbers.

mod check;
mod edges;
mod goal;
mod median;
mod outcome;
mod played;
mod relate;
mod statistics;
mod surge;
mod table;

pub use check::CHECKS;
pub use goal::Goal;
pub use median::medians;
pub use outcome::{Context, Outcome};
pub use played::{Played, build};
pub use relate::{ratio, relate};
pub use surge::Surge;
pub use table::{each, page, table};
