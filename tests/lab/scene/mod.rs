//! Scenes: what staff and clinical work do, when, and which part of it counts.

mod act;
mod table;

pub use act::{Cpu, Play, Seen, act};
pub use table::{Cut, Name, Scene, WIRE};
