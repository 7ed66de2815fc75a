//! A tunnel: bytes both ways between a client and an origin until both have closed or one breaks.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::time::{Instant, Sleep, sleep_until};

use super::half::{Filled, Half};
use super::source::Source;
use super::tally::Tally;
use super::window::{Done, Window};
use crate::base::{Direction, Fault, Moment, Rate, Reason, Side, clock};
use crate::tube::Pass;

/// How often it is asked how fast a connection may send: it may live all day, and the link's rate be found out meanwhile.
const PACED: Duration = Duration::from_secs(1);

/// What a look at the first bytes came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// It can tell, and needs no more.
    Enough,
    /// It cannot tell yet.
    More,
}

/// How long the client's first bytes are waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opening {
    /// So many bytes at most; more are not looked at. A hello may span several TLS records.
    pub bytes: usize,
    /// From the first of them to the last that is needed.
    pub time: Duration,
}

impl Default for Opening {
    /// 16 KiB and some record headers, which is what implementations bear of a ClientHello; 10 s are four
    /// retransmissions of a lost segment.
    fn default() -> Opening {
        Opening { bytes: 17 * 1024, time: Duration::from_secs(10) }
    }
}

/// Two streams and everything between them. Its futures may be dropped at any point and asked for again: nothing is lost.
#[derive(Debug)]
pub struct Tunnel<C, O> {
    client: C,
    origin: O,
    up: Half,
    down: Half,
    /// When the client's first bytes came.
    first: Option<Moment>,
    /// Who closed first.
    closed: Option<Side>,
    over: Option<Fault>,
    /// What the origin may have under way.
    window: Option<Window>,
    /// How fast the origin's connection may send, and when that was asked.
    paced: (Moment, Option<Rate>),
}

impl<C, O> Tunnel<C, O>
where
    C: Source + AsyncWrite,
    O: Source + AsyncWrite,
{
    /// A tunnel in which nothing went yet.
    pub fn new(client: C, origin: O) -> Tunnel<C, O> {
        Tunnel {
            client,
            origin,
            up: Half::new(Direction::Up, &[]),
            down: Half::new(Direction::Down, &[]),
            first: None,
            closed: None,
            over: None,
            window: None,
            paced: (clock::now(), None),
        }
    }

    /// From now on the window towards the origin follows what the flow is given.
    pub fn follow_in(&mut self, window: Window) {
        self.window = Some(window);
    }

    /// The same, with bytes of the client that were read before; they go first.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &[u8]) -> Tunnel<C, O> {
        self.up = Half::new(Direction::Up, prefix);
        self.first = (!prefix.is_empty()).then(clock::now);
        self
    }

    /// The same, with bytes of the origin that were read before: what came with a parent's yes.
    #[must_use]
    pub fn with_early(mut self, early: &[u8]) -> Tunnel<C, O> {
        self.down = Half::new(Direction::Down, early);
        self
    }

    /// Collects the client's first bytes until `look` has seen enough, the client has sent its end, or the bounds of
    /// `opening` are reached. What the origin sends meanwhile is relayed: it may be the one that speaks first. Nothing has
    /// gone up when this returns. A client that never sends is not bounded here.
    ///
    /// # Errors
    /// The fault that ended the tunnel.
    pub async fn opening(
        &mut self,
        pass: &Pass,
        tally: &dyn Tally,
        opening: Opening,
        look: &mut (dyn FnMut(&[u8]) -> Look + Send),
    ) -> Result<(), Fault> {
        let mut patience: Option<Pin<Box<Sleep>>> = None;
        let mut seen = 0;
        poll_fn(|cx| {
            if let Some(over) = self.over {
                return Poll::Ready(Err(over));
            }
            loop {
                if self.up.bytes().len() > seen {
                    seen = self.up.bytes().len();
                    if look(self.up.bytes()) == Look::Enough {
                        return Poll::Ready(Ok(()));
                    }
                }
                match self.up.poll_fill(cx, &mut self.client, opening.bytes) {
                    Poll::Ready(Ok(Filled::More)) => {
                        self.first.get_or_insert_with(clock::now);
                    }
                    Poll::Ready(Ok(Filled::End | Filled::Full)) => return Poll::Ready(Ok(())),
                    Poll::Ready(Err(_)) => {
                        return Poll::Ready(Err(self.end(Fault::new(Side::Client, Reason::Reset), tally)));
                    }
                    Poll::Pending => break,
                }
            }
            if let Some(first) = self.first {
                let bell =
                    patience.get_or_insert_with(|| Box::pin(sleep_until(Instant::from_std(first + opening.time))));
                if bell.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Err(self.end(Fault::new(Side::Client, Reason::SlowHead), tally)));
                }
            }
            if let Poll::Ready(Err(fault)) = self.down.poll(cx, (&mut self.origin, &mut self.client), pass, tally) {
                return Poll::Ready(Err(self.end(fault, tally)));
            }
            self.follow(pass);
            Poll::Pending
        })
        .await
    }

    /// The client's first bytes, as far as they have been read and not sent.
    pub fn first_bytes(&self) -> &[u8] {
        self.up.bytes()
    }

    /// Goes on to another origin, if nothing has gone to this one and nothing has come from it: else two conversations
    /// would be spliced into one.
    ///
    /// # Errors
    /// The new origin, unused.
    pub fn replace_origin(&mut self, origin: O) -> Result<O, O> {
        if !self.up.is_untouched()
            || !self.down.is_untouched()
            || !self.down.bytes().is_empty()
            || self.down.has_ended()
        {
            return Err(origin);
        }
        Ok(std::mem::replace(&mut self.origin, origin))
    }

    /// Relays until both sides have closed or one breaks. The fault names who closed first,
    /// or whose stream broke. Dropped and called again, also with another pass, it goes on where it was.
    pub async fn run(&mut self, pass: &Pass, tally: &dyn Tally) -> Fault {
        poll_fn(|cx| self.poll_run(cx, pass, tally)).await
    }

    fn poll_run(&mut self, cx: &mut Context<'_>, pass: &Pass, tally: &dyn Tally) -> Poll<Fault> {
        if let Some(over) = self.over {
            return Poll::Ready(over);
        }
        let down = self.down.poll(cx, (&mut self.origin, &mut self.client), pass, tally);
        let up = self.up.poll(cx, (&mut self.client, &mut self.origin), pass, tally);
        self.follow(pass);
        if self.closed.is_none() {
            self.closed = match (self.down.has_ended(), self.up.has_ended()) {
                (true, _) => Some(Side::Origin),
                (false, true) => Some(Side::Client),
                (false, false) => None,
            };
        }
        match (down, up) {
            (Poll::Ready(Err(fault)), _) | (_, Poll::Ready(Err(fault))) => Poll::Ready(self.end(fault, tally)),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => {
                let side = self.closed.unwrap_or(Side::Client);
                Poll::Ready(self.end(Fault::new(side, Reason::Finished), tally))
            }
            _ => Poll::Pending,
        }
    }

    /// Lets the origin have under way what the flow is given, and this side send as fast as the link carries.
    fn follow(&mut self, pass: &Pass) {
        let now = clock::now();
        let (asked, paced) = self.paced;
        if now.saturating_duration_since(asked) >= PACED {
            let pace = pass.pace();
            if let Some(rate) = pace.filter(|_| pace != paced) {
                self.origin.pace(rate);
            }
            self.paced = (now, pace);
        }
        let Some(window) = &mut self.window else { return };
        let size = if pass.is_shaped(Direction::Down) {
            let done = Done { moved: self.down.moved(), waited: self.down.delayed() };
            window.follow(done, || self.origin.round_trip(), now)
        } else {
            window.open()
        };
        if let Some(size) = size {
            self.origin.bound(size);
        }
    }

    fn end(&mut self, fault: Fault, tally: &dyn Tally) -> Fault {
        for (direction, half) in [(Direction::Down, &self.down), (Direction::Up, &self.up)] {
            if !half.is_done() {
                tally.ended(direction, Err(fault));
            }
        }
        self.over = Some(fault);
        fault
    }
}

#[cfg(test)]
#[path = "tunnel_tests.rs"]
mod tests;
