//! `clearway gateway`: what the machine around the gateway must be told, written from the same configuration. Nothing here
//! changes the machine: each prints what somebody with the right to may run.

pub mod class;
pub mod lane;
pub mod script;
pub mod tc;

use super::args::Gateway;

/// Runs one of them.
pub fn run(asked: &Gateway) -> u8 {
    match asked {
        Gateway::Tc(asked) => tc::run(asked),
    }
}
