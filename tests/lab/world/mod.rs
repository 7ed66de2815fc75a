//! The world: a sandbox that the kernel clears away, three network namespaces in it, and the processes that live there.

mod map;
mod process;
#[path = "../../sandbox/mod.rs"]
mod sandbox;
mod wires;

pub use map::{CLINIC, GATEWAY, NAMES, PORT, SOCIAL, Server, clinician, staff};
pub use process::{Process, cpu_seconds};
pub use sandbox::{Space, descriptors, enter, inside, leave_on_signal, missing, runs};
pub use wires::{NEAR, World};
