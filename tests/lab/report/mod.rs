//! The page for people: what was played, which goals are met, carriers side by side, and pictures.

mod carriers;
mod goals;
mod page;
mod picture;
mod played;

pub use page::write;
pub use picture::{Place, folder, pictures};
