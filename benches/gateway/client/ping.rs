//! Small messages to and fro in one tunnel.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{Found, Road, Waits};
use crate::account::Parties;
use crate::hello::Wish;

/// Found: one span, in round trips, and how long each took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ping {
    /// Round trips before any counts.
    pub warm: usize,
    pub count: usize,
}

/// Bytes of a message.
const MESSAGE: usize = 64;

impl Ping {
    pub fn run(&self, road: &Road, parties: &Parties) -> io::Result<Found> {
        let mut stream = road.open(Wish::Echo)?;
        pings(&mut stream, self.warm)?;
        let mark = parties.mark();
        let times = pings(&mut stream, self.count)?;
        let span = parties.since(&mark, times.len() as f64);
        Ok(Found { spans: vec![span], waits: vec![Waits::of(times)], ..Found::default() })
    }
}

/// So many round trips, one after another.
pub fn pings(stream: &mut TcpStream, count: usize) -> io::Result<Vec<Duration>> {
    let mut message = [7; MESSAGE];
    let mut once = || {
        let began = Instant::now();
        stream.write_all(&message)?;
        stream.read_exact(&mut message)?;
        Ok(began.elapsed())
    };
    (0..count).map(|_| once()).collect()
}
