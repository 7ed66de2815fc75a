//! What watches the gateway, seen from outside: a real Prometheus with the files of `deploy`, and a gateway in which things go
//! wrong.

#![cfg(test)]
// Tests own their tasks by owning the runtime, and measure a program from outside by the clock on the wall.
#![allow(clippy::disallowed_methods)]
// Measures are counts of bytes over seconds.
#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]

// The world of the acceptance tests, of which less is needed here.
#[allow(dead_code, unused_imports)]
#[path = "../acceptance/world/mod.rs"]
mod world;

mod prometheus;

mod alerts;
mod dashboard;
mod files;
mod lunch;
