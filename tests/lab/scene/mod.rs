//! Scenes: what staff and clinical work do, when, and which part of it counts.

mod act;
mod peak;
mod table;

pub use act::{Cpu, Play, Seen, act};
pub use peak::ZONE;
pub use table::{Cut, Name, Scene, WIRE};
