//! What going through the gateway costs: the whole process under load, beside other proxies and beside no proxy at all.
//!
//!     make bench                                              all benches, the micro ones first
//!     cargo bench --bench gateway                             this one
//!     cargo bench --bench gateway -- --scene down-16,connect --peer squid --rounds 5 --out DIR
//!     cargo bench --bench gateway -- --list                   which scenes and peers there are here
//!
//! Each measurement has three processes of its own: the origin and the client, which are this program in another role
//! (`origin`, `client`), and a peer between them (`peer`). The peer runs on one core and the other two on another, so
//! that what each took is told apart; in `ping` all run on one. A scene (`scene`) is played with every peer before its next
//! round begins, so what changes on the machine meanwhile changes for all of them.
//!
//! What is measured is CPU for each unit of work, by the scheduler's own count of nanoseconds, of a process and all that it
//! started (`account`). What the kernel does on a packet's arrival counts for whoever ran then: on the loopback that is
//! mostly the sender. Throughput is no more than what client and origin can take; the report says where these two were
//! busy for more than 0.9 of the time.
//!
//! Clearway runs as a board would run it: it looks at every hello, knows 100,000 names, walks 50 rules, counts and writes
//! its access log. HAProxy's TCP mode reads no CONNECT and writes no log: it is what a bare relay costs. Figures of one
//! machine mean little on another. Ratios of one run are what to look at, and nothing here fails on a figure.
//!
//! How to read the report and how to add a peer: benches/README.md.

// A bench's result is what it prints; it measures programs from outside by the clock on the wall.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods)]
// Measures are counts over seconds.
#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]

mod ask;
mod place;
mod account;
mod poll;
mod hello;
mod bulk;
mod origin;
mod client;
mod estate;
mod peer;
mod scene;
mod figure;
mod run;
mod report;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser as _;

use ask::Ask;
use peer::Peer;
use run::Results;
use scene::{Scene, Stage};

/// Something, or why there is none, for a person to read.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match &arguments[..] {
        [role, cores, rest @ ..] if role.starts_with("as-") => play(role, cores, rest),
        _ => bench(&Ask::parse()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gateway: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Plays a role in a measurement.
fn play(role: &str, cores: &str, rest: &[String]) -> Outcome<()> {
    place::take(cores)?;
    match (role, rest) {
        (place::ORIGIN, []) => Ok(origin::serve()?),
        (place::CLIENT, [job]) => Ok(client::act(job)?),
        (place::PROXY, command) => Err(place::become_program(command).into()),
        _ => Err("there is no such role".into()),
    }
}

fn bench(ask: &Ask) -> Outcome<()> {
    let (here, missing) = Peer::all();
    if ask.list {
        return list(&here, &missing);
    }
    let (scenes, mut peers) = (ask.scenes()?, ask.peers(here)?);
    peers.retain(|peer| scenes.iter().any(|scene| scene.takes(peer)));
    missing.iter().for_each(|line| eprintln!("{line}"));
    let cores = place::cores()?;
    if cores.len() < 2 {
        return Err("it takes two cores: one for the proxy, one for client and origin".into());
    }
    let stage = Stage::new(cores, place::open_many()?, ask.pace());
    let results = Results::take(scenes, peers, ask.rounds, &stage);
    let text = report::text(&results, &stage, &missing);
    println!("{text}");
    if let Some(folder) = &ask.out {
        report::write(folder, &results, &text)?;
        eprintln!("written to {}", folder.display());
    }
    Ok(())
}

fn list(here: &[Peer], missing: &[String]) -> Outcome<()> {
    println!("scenes: {}", Scene::ALL.map(|scene| scene.name).join(", "));
    for peer in here {
        println!("peer {:<22} {}", peer.name, peer.about);
    }
    missing.iter().for_each(|line| println!("{line}"));
    Ok(())
}
