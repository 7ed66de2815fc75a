//! Bytes as fast as they go, one way, in some tunnels at once.

use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{Found, Road};
use crate::account::Parties;
use crate::bulk::{Sink, Source};
use crate::hello::Wish;
use crate::poll::{EventFlags, Poll};

/// Found: one span, in bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bulk {
    pub way: Way,
    pub tunnels: usize,
    /// Seconds before anything counts.
    pub warm: f64,
    pub seconds: f64,
}

/// Which way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Way {
    /// To the client.
    Down,
    /// From the client.
    Up,
}

/// The client's end of all tunnels.
struct Ends {
    streams: Vec<TcpStream>,
    poll: Poll,
    way: Way,
    source: Source,
    sink: Sink,
}

impl Bulk {
    pub fn run(&self, road: &Road, parties: &Parties) -> io::Result<Found> {
        let mut ends = self.open(road)?;
        ends.carry(self.warm)?;
        let mark = parties.mark();
        let bytes = ends.carry(self.seconds)?;
        Ok(Found { spans: vec![parties.since(&mark, bytes as f64)], ..Found::default() })
    }

    /// Carries bytes until somebody is done.
    pub fn until(&self, road: &Road, done: &AtomicBool) -> io::Result<()> {
        let mut ends = self.open(road)?;
        while !done.load(Ordering::Relaxed) {
            ends.carry(self.warm)?;
        }
        Ok(())
    }

    fn open(&self, road: &Road) -> io::Result<Ends> {
        let (wish, flags) = match self.way {
            Way::Down => (Wish::Send, EventFlags::IN),
            Way::Up => (Wish::Sink, EventFlags::OUT),
        };
        let streams = (0..self.tunnels).map(|_| road.open(wish)).collect::<io::Result<Vec<_>>>()?;
        let poll = Poll::new()?;
        for (number, stream) in streams.iter().enumerate() {
            stream.set_nonblocking(true)?;
            poll.add(stream, number, flags)?;
        }
        Ok(Ends { streams, poll, way: self.way, source: Source::new(), sink: Sink::new() })
    }
}

impl Ends {
    /// Carries bytes for so many seconds; how many it were.
    fn carry(&mut self, seconds: f64) -> io::Result<u64> {
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        let (mut ready, mut bytes) = (Vec::new(), 0);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(bytes);
            }
            self.poll.wait(Some(left), &mut ready)?;
            for number in ready.drain(..) {
                let stream = &self.streams[number];
                let moved = match self.way {
                    Way::Down => self.sink.take(stream),
                    Way::Up => self.source.send(stream, u64::MAX),
                };
                match moved {
                    Ok(0) => return Err(io::Error::other("a tunnel ended early")),
                    Ok(moved) => bytes += moved as u64,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
}
