//! Short tunnels, one after another in some places at once: connect, a kibibyte each way, close.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::road::{is_yes, refused};
use super::{Found, Road, Via, Waits};
use crate::account::Parties;
use crate::hello::{SIZE, Wish};
use crate::origin::Tail;
use crate::poll::{EventFlags, Poll};

/// Found: one span, in tunnels, and how long each took from the connection to the last byte of its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tunnels {
    pub at_once: usize,
    /// Seconds before anything counts.
    pub warm: f64,
    pub seconds: f64,
}

/// More failures than that are no figure any more.
const FAILURES: usize = 100;

/// One place: the tunnel that is in it.
struct Place {
    stream: TcpStream,
    began: Instant,
    part: Part,
}

enum Part {
    /// CONNECT was sent; what came of the answer.
    Asked(Vec<u8>, Tail),
    /// The hello was sent; so much of its answer is still to come.
    Greeted(usize),
}

struct Places<'a> {
    road: &'a Road,
    ask: Vec<u8>,
    hello: Vec<u8>,
    poll: Poll,
    places: Vec<Place>,
    failures: usize,
}

impl Tunnels {
    pub fn run(&self, road: &Road, parties: &Parties) -> io::Result<Found> {
        let mut places = Places {
            road,
            ask: road.ask(),
            hello: road.hello(Wish::Echo),
            poll: Poll::new()?,
            places: Vec::new(),
            failures: 0,
        };
        for number in 0..self.at_once {
            let place = places.fresh(number)?;
            places.places.push(place);
        }
        places.carry(self.warm)?;
        let mark = parties.mark();
        let times = places.carry(self.seconds)?;
        let span = parties.since(&mark, times.len() as f64);
        Ok(Found { spans: vec![span], waits: vec![Waits::of(times)], failures: places.failures, ..Found::default() })
    }
}

impl Places<'_> {
    fn fresh(&self, number: usize) -> io::Result<Place> {
        let began = Instant::now();
        let mut stream = self.road.connect()?;
        stream.set_nonblocking(true)?;
        let part = if self.road.via == Via::Proxy {
            stream.write_all(&self.ask)?;
            Part::Asked(Vec::new(), Tail::default())
        } else {
            stream.write_all(&self.hello)?;
            Part::Greeted(SIZE)
        };
        self.poll.add(&stream, number, EventFlags::IN)?;
        Ok(Place { stream, began, part })
    }

    /// Makes tunnels for so many seconds; how long each one took.
    fn carry(&mut self, seconds: f64) -> io::Result<Vec<Duration>> {
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        let (mut ready, mut times) = (Vec::new(), Vec::new());
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(times);
            }
            // Client and origin share a core. By turns of a scheduler's slice, which is milliseconds, the client would add
            // those to every latency. (Bulk in such small turns would have proxies move it in small pieces.)
            std::thread::yield_now();
            self.poll.wait(Some(left), &mut ready)?;
            for number in ready.drain(..) {
                match self.places[number].turn(&self.hello) {
                    Ok(None) => continue,
                    Ok(Some(time)) => times.push(time),
                    Err(error) if self.failures == FAILURES => return Err(error),
                    Err(_) => self.failures += 1,
                }
                // The old one is closed as the new one takes its place.
                self.places[number] = self.fresh(number)?;
            }
        }
    }
}

impl Place {
    /// Does what can be done; how long it all took, once it is over.
    fn turn(&mut self, hello: &[u8]) -> io::Result<Option<Duration>> {
        let mut buffer = [0; 2 * SIZE];
        let came = self.stream.read(&mut buffer)?;
        if came == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match &mut self.part {
            Part::Asked(head, tail) => {
                head.extend(&buffer[..came]);
                if tail.ends(head) {
                    if !is_yes(head) {
                        return Err(refused(head));
                    }
                    self.stream.write_all(hello)?;
                    self.part = Part::Greeted(SIZE);
                }
                Ok(None)
            }
            Part::Greeted(left) => {
                *left = left.saturating_sub(came);
                Ok((*left == 0).then(|| self.began.elapsed()))
            }
        }
    }
}
