//! Many tunnels that do nothing, and what memory they hold.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Found, Road};
use crate::account::Parties;
use crate::hello::Wish;
use crate::origin::FILL;

/// Found: memory before, with all open, after each carried 64 KiB down, and some time after all were closed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Idle {
    pub tunnels: usize,
    /// Seconds between what was done and a look at the memory.
    pub settle: f64,
    /// Seconds that are waited after the end.
    pub wait: f64,
}

impl Idle {
    pub fn run(&self, road: &Road, parties: &Parties) -> io::Result<Found> {
        let settle = || sleep(Duration::from_secs_f64(self.settle));
        // One tunnel, so that what a process makes once for all is no tunnel's.
        fill(&mut road.open(Wish::Fill)?)?;
        settle();
        let mut memory = vec![parties.memory()];
        let mut streams = (0..self.tunnels).map(|_| road.open(Wish::Fill)).collect::<io::Result<Vec<_>>>()?;
        settle();
        memory.push(parties.memory());
        streams.iter_mut().try_for_each(fill)?;
        settle();
        memory.push(parties.memory());
        drop(streams);
        sleep(Duration::from_secs_f64(self.wait));
        memory.push(parties.memory());
        Ok(Found { memory, ..Found::default() })
    }
}

fn fill(stream: &mut TcpStream) -> io::Result<()> {
    let mut bytes = [0; FILL as usize];
    stream.write_all(&[1])?;
    stream.read_exact(&mut bytes)
}
