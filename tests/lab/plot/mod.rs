//! Pictures, by hand: SVG needs no library.

mod canvas;
mod course;
mod overview;
mod scale;

pub use course::course;
pub use overview::overview;
