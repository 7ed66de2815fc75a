//! Small messages to and fro in one tunnel, alone or beside bulk.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::scope;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{Bulk, Found, Road, Waits};
use crate::account::Parties;
use crate::hello::Wish;

/// Found: one span, in round trips, and how long each took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ping {
    /// Round trips before any counts.
    pub warm: usize,
    pub count: usize,
    /// What other tunnels carry meanwhile; how long is not asked of it.
    pub beside: Option<Bulk>,
}

/// Bytes of a message.
const MESSAGE: usize = 64;

impl Ping {
    pub fn run(&self, road: &Road, parties: &Parties) -> io::Result<Found> {
        let done = AtomicBool::new(false);
        scope(|threads| {
            let others = self.beside.as_ref().map(|bulk| threads.spawn(|| bulk.until(road, &done)));
            let found = self.alone(road, parties);
            done.store(true, Ordering::Relaxed);
            let carried = others.map_or(Ok(Ok(())), |others| others.join());
            carried.map_err(|_| io::Error::other("the bulk's thread panicked"))??;
            found
        })
    }

    fn alone(&self, road: &Road, parties: &Parties) -> io::Result<Found> {
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
