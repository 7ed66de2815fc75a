//! `clearway gateway`: what the machine around the gateway needs, written from the gateway's own configuration. Each command
//! prints a script for `sh` and changes nothing itself: it is to be read before it is run.

mod catch;
mod class;
#[cfg(test)]
mod class_tests;
mod lane;
mod nft;
mod routes;
mod script;
mod tc;
#[cfg(test)]
mod tests;

use super::args::Gateway;

/// Runs one of them.
pub fn run(command: &Gateway) -> u8 {
    let done = match command {
        Gateway::Nft { config, undo } => nft::run(config, *undo),
        Gateway::Tc(asked) => tc::run(asked),
    };
    done.unwrap_or_else(|code| code)
}
