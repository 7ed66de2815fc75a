//! What `deploy/` holds, as whoever installs it meets it: the package in a Debian machine of its own under its own systemd,
//! the unit, the container, the manifests, the pair.

#![cfg(test)]
// Tests own their tasks by owning the runtime, and measure a program from outside by the clock on the wall.
#![allow(clippy::disallowed_methods)]
// Measures are counts of bytes over seconds.
#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]

/// What the acceptance tests stand on too; not all of it is used here.
#[path = "../acceptance/world"]
#[allow(dead_code)]
mod acceptance {
    pub mod load;
    pub mod pattern;
    pub mod poll;
    pub mod tool;

    pub use pattern::Pattern;
    pub use poll::until;
}
mod world;

mod install;
mod manifests;
mod package;
mod pair;
mod service;
mod upgrade;
