//! The client's role: does one piece of work, takes the parties' accounts around it, and says what it found.

mod road;
mod waits;
mod bulk;
mod tunnels;
mod requests;
mod ping;
mod idle;
mod crowd;

use std::io;

use serde::{Deserialize, Serialize};

pub use bulk::{Bulk, Way};
pub use crowd::Crowd;
pub use idle::Idle;
pub use ping::Ping;
pub use requests::Requests;
pub use road::{Road, Via};
pub use tunnels::Tunnels;
pub use waits::Waits;

use crate::account::{Parties, Span};

/// What the client is to do, by which way, and whose accounts it takes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    pub work: Work,
    pub road: Road,
    pub parties: Parties,
}

/// The work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Work {
    Bulk(Bulk),
    Tunnels(Tunnels),
    Requests(Requests),
    Ping(Ping),
    Idle(Idle),
    Crowd(Crowd),
}

/// What was found; each work says what its lists hold.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Found {
    pub spans: Vec<Span>,
    pub waits: Vec<Waits>,
    /// KiB.
    pub memory: Vec<f64>,
    /// What did not go as it should, and was left out.
    pub failures: usize,
    /// Connections that should have been kept, and were not.
    pub renewed: usize,
}

/// Does a job, given and answered as JSON.
pub fn act(job: &str) -> io::Result<()> {
    let Job { work, road, parties } = serde_json::from_str(job)?;
    let found = match work {
        Work::Bulk(bulk) => bulk.run(&road, &parties),
        Work::Tunnels(tunnels) => tunnels.run(&road, &parties),
        Work::Requests(requests) => requests.run(&road, &parties),
        Work::Ping(ping) => ping.run(&road, &parties),
        Work::Idle(idle) => idle.run(&road, &parties),
        Work::Crowd(crowd) => crowd.run(&road, &parties),
    }?;
    println!("{}", serde_json::to_string(&found)?);
    Ok(())
}
