//! The lab: staff, clinical work and a link of its own, in network namespaces, with Clearway or another carrier between.
//! Without arguments it plays short versions of its scenes as tests; `lab help` says what else it does.

#![cfg(test)]
// Tests own their tasks by owning the runtime, and measure a program from outside by the clock on the wall.
#![allow(clippy::disallowed_methods)]
// Measures are counts of bytes over seconds.
#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]

mod clock;
mod chance;
mod ask;
mod world;
mod link;
mod tally;
mod tunnel;
mod origin;
mod script;
mod clinical;
mod staff;
mod clients;
mod carrier;
mod scene;
mod measure;
mod plot;
mod report;
mod keep;
mod full;
mod short;

use std::path::Path;
use std::process::ExitCode;

use ask::Ask;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match ask::read(&arguments) {
        Ok(Ask::Help) => print!("{}", ask::HELP),
        Ok(Ask::List) => short::list(),
        Ok(Ask::Play(part)) => return play(&part),
        Ok(Ask::Run(run)) => {
            return sandboxed(|| {
                let done = full::run(&run);
                done.as_ref().err().into_iter().for_each(|what| eprintln!("lab: {what}"));
                done.is_ok()
            });
        }
        Ok(Ask::Publish(from, to)) => {
            return keep::publish(&from, &to).map_or_else(|what| failed(&what), |()| ExitCode::SUCCESS);
        }
        // A word may mean tests of other programs only; that needs no world.
        Ok(Ask::Short(words)) if !short::any(&words) => println!("\n0 passed, 0 failed"),
        Ok(Ask::Short(words)) => return sandboxed(|| short::run(&words)),
        Err(what) => return failed(&what),
    }
    ExitCode::SUCCESS
}

fn failed(what: &str) -> ExitCode {
    eprintln!("lab: {what}");
    ExitCode::FAILURE
}

/// Does something inside a sandbox; comes back here, inside, after becoming that.
fn sandboxed(what: impl FnOnce() -> bool) -> ExitCode {
    if !world::inside() {
        return match world::missing() {
            Some(missing) => failed(&format!("needs {missing}")),
            None => failed(&format!("could not enter a sandbox: {}", world::enter())),
        };
    }
    world::leave_on_signal();
    if what() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays a part in a world.
fn play(part: &[String]) -> ExitCode {
    let part: Vec<&str> = part.iter().map(String::as_str).collect();
    let done = match part[..] {
        ["link", link, near, far, to] => match serde_json::from_str(link) {
            Ok(link) => link::carry(link, near, far, Path::new(to)),
            Err(error) => Err(error.into()),
        },
        ["servers", to] => origin::serve(Path::new(to)),
        ["clients", script, to] => clients::act(Path::new(script), Path::new(to)),
        _ => return failed("there is no such part"),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error.to_string()),
    }
}
