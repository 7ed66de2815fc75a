//! A crowd of open tunnels in one tube, and clinical work beside it in another.

use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::ping::pings;
use super::{Found, Road, Waits};
use crate::account::{Parties, Span};
use crate::hello::Wish;

/// The job's road is the clinical one. Found: a span in tunnels for the first thousand and one for the last; how long
/// pings and short tunnels took before the crowd, then with it; memory before, with all open, and after all were closed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Crowd {
    pub tunnels: usize,
    /// The ways that they take, by turns.
    pub roads: Vec<Road>,
    /// How much clinical work is timed.
    pub pings: usize,
    pub short: usize,
    /// Seconds that are waited after the end.
    pub wait: f64,
}

/// How many are accounted for at the beginning and at the end.
pub const EDGE: usize = 1000;
/// From one address to another there are some 28,000 ports (ip_local_port_range).
const SOURCES: usize = 4;

impl Crowd {
    pub fn run(&self, road: &Road, parties: &Parties) -> io::Result<Found> {
        let mut memory = vec![parties.memory()];
        // The first look warms up.
        self.look(road)?;
        let mut waits = self.look(road)?.to_vec();
        let mut streams = Vec::with_capacity(self.tunnels);
        let first = self.open(&mut streams, EDGE, parties)?;
        self.open(&mut streams, self.tunnels.saturating_sub(2 * EDGE), parties)?;
        let last = self.open(&mut streams, EDGE, parties)?;
        sleep(Duration::from_secs(1));
        memory.push(parties.memory());
        waits.extend(self.look(road)?);
        drop(streams);
        sleep(Duration::from_secs_f64(self.wait));
        memory.push(parties.memory());
        Ok(Found { spans: vec![first, last], waits, memory, ..Found::default() })
    }

    /// Opens more.
    fn open(&self, streams: &mut Vec<TcpStream>, more: usize, parties: &Parties) -> io::Result<Span> {
        let mark = parties.mark();
        for _ in 0..more {
            let number = streams.len();
            let source = Ipv4Addr::new(127, 0, 0, 2 + (number % SOURCES) as u8);
            let road = &self.roads[number / SOURCES % self.roads.len()];
            streams.push(road.open_from(source, Wish::Echo)?);
        }
        Ok(parties.since(&mark, more as f64))
    }

    /// How long clinical work takes now: pings, then short tunnels.
    fn look(&self, road: &Road) -> io::Result<[Waits; 2]> {
        let times = pings(&mut road.open(Wish::Echo)?, self.pings)?;
        let short = || {
            let began = Instant::now();
            road.open(Wish::Echo).map(|_| began.elapsed())
        };
        let short = (0..self.short).map(|_| short()).collect::<io::Result<Vec<Duration>>>()?;
        Ok([Waits::of(times), Waits::of(short)])
    }
}
