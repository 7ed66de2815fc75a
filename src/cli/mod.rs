//! The commands. Standard output is data, standard error everything else; exit codes are 0 yes or fine, 1 the answer is
//! no, and those of sysexits.h: 64 is not used, 70 internal, 78 configuration; clap answers 2 for usage.

pub mod args;
pub mod ask;
pub mod audit;
pub mod check;
pub mod day;
pub mod demo;
pub mod diff;
pub mod explain;
pub mod gateway;
pub mod history;
pub mod ink;
pub mod lists;
pub mod load;
pub mod logged;
pub mod manual;
pub mod rollback;
pub mod run;
pub mod test;
pub mod top;
pub mod write;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

/// The answer is no.
const NO: u8 = 1;
/// EX_SOFTWARE of sysexits.h: a fault of Clearway or its machine.
const INTERNAL: u8 = 70;
/// EX_CONFIG of sysexits.h: a mistake in the configuration.
const CONFIGURATION: u8 = 78;

/// Runs the command line.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let code = match args.command {
        Command::Run { config, take_over } => run::run(&config, take_over),
        Command::Check { config, strict, json } => check::run(&config, strict, json),
        Command::Explain(question) => explain::run(&question),
        Command::Test { config } => test::run(&config),
        Command::Diff(asked) => diff::run(&asked),
        Command::Audit(asked) => audit::run(&asked),
        Command::Lists(lists) => lists::run(&lists),
        Command::Status { config, json } => ask::status(&config, json),
        Command::Top { config } => top::run(&config),
        Command::Reload { config } => ask::reload(&config, None),
        Command::History { config, last, json } => history::run(&config, last, json),
        Command::Rollback { config, number } => rollback::run(&config, number),
        Command::Upgrade { config } => ask::upgrade(&config),
        Command::Drain { config } => ask::drain(&config),
        Command::Gateway(command) => gateway::run(&command),
        Command::Manual { out } => manual::run(&out),
        Command::Demo { seconds } => demo::run(seconds),
    };
    ExitCode::from(code)
}
