//! Staff at lunch: each does one kind of thing, by a seed, until the act ends.

mod page;
mod person;
mod photo;
mod video;

pub use person::begin;
