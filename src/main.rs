//! The `clearway` command.

use std::process::ExitCode;

/// How long it keeps what is free is said where it is built: `.cargo/config.toml`.
#[global_allocator]
static MEMORY: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    clearway::cli::main()
}
