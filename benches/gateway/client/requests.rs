//! Plain HTTP on connections that are kept: a request as soon as the answer to the last one is there.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::road::is_yes;
use super::{Found, Road, Waits};
use crate::account::Parties;
use crate::origin::{BODY, HEAD_END};
use crate::poll::{EventFlags, Poll};

/// Found: one span, in requests, and how long each took; and how many connections were not kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Requests {
    pub connections: usize,
    /// Seconds before anything counts.
    pub warm: f64,
    pub seconds: f64,
}

struct Connections<'a> {
    road: &'a Road,
    request: Vec<u8>,
    poll: Poll,
    all: Vec<Connection>,
    /// Connections that a peer closed although it was not asked to.
    renewed: usize,
}

/// A connection, and what came of the answer.
struct Connection {
    stream: TcpStream,
    asked: Instant,
    answer: [u8; 4096],
    came: usize,
}

/// What a read came to.
enum Read {
    Part,
    Whole,
    /// Closed, before anything of an answer came.
    Closed,
}

impl Requests {
    pub fn run(&self, road: &Road, parties: &Parties) -> io::Result<Found> {
        let request = road.request();
        let mut connections = Connections { road, request, poll: Poll::new()?, all: Vec::new(), renewed: 0 };
        for number in 0..self.connections {
            let connection = connections.fresh(number)?;
            connections.all.push(connection);
        }
        connections.carry(self.warm)?;
        let mark = parties.mark();
        let times = connections.carry(self.seconds)?;
        let span = parties.since(&mark, times.len() as f64);
        let Connections { renewed, .. } = connections;
        Ok(Found { spans: vec![span], waits: vec![Waits::of(times)], renewed, ..Found::default() })
    }
}

impl Connections<'_> {
    /// A connection on which was asked.
    fn fresh(&self, number: usize) -> io::Result<Connection> {
        let asked = Instant::now();
        let mut stream = self.road.connect()?;
        stream.set_nonblocking(true)?;
        stream.write_all(&self.request)?;
        self.poll.add(&stream, number, EventFlags::IN)?;
        Ok(Connection { stream, asked, answer: [0; 4096], came: 0 })
    }

    /// Asks for so many seconds; how long each answer took.
    fn carry(&mut self, seconds: f64) -> io::Result<Vec<Duration>> {
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        let (mut ready, mut times) = (Vec::new(), Vec::new());
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(times);
            }
            self.poll.wait(Some(left), &mut ready)?;
            for number in ready.drain(..) {
                let connection = &mut self.all[number];
                let is_open = match connection.read()? {
                    Read::Part => true,
                    Read::Whole => {
                        times.push(connection.asked.elapsed());
                        connection.ask(&self.request)
                    }
                    Read::Closed => false,
                };
                if !is_open {
                    self.renewed += 1;
                    self.all[number] = self.fresh(number)?;
                }
            }
        }
    }
}

impl Connection {
    /// Asks once more; whether it is open still.
    fn ask(&mut self, request: &[u8]) -> bool {
        self.asked = Instant::now();
        self.stream.write_all(request).is_ok()
    }

    /// The origin's body is always as long, and holds no line end.
    fn read(&mut self) -> io::Result<Read> {
        match self.stream.read(&mut self.answer[self.came..]) {
            Ok(0) | Err(_) if self.came == 0 => return Ok(Read::Closed),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(came) => self.came += came,
            Err(error) => return Err(error),
        }
        let answer = &self.answer[..self.came];
        let Some(head) = answer.len().checked_sub(BODY).map(|end| &answer[..end]) else { return Ok(Read::Part) };
        if !head.ends_with(&HEAD_END) {
            return Ok(Read::Part);
        }
        if !is_yes(head) {
            return Err(io::Error::other(format!("answered {:?}", String::from_utf8_lossy(head))));
        }
        self.came = 0;
        Ok(Read::Whole)
    }
}
