//! One direction of a connection: what is under way, what was lost and goes again, what has come and is to be handed
//! over. Pure: time is an argument, and so are the wires and the receiver.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::window::Window;
use super::{HEADERS, PACKET, Wires, back};
use crate::base::{Direction, Moment};

/// How many packets may have been sent since the one that the receiver waits for: about 3 MB, half of what Linux lets a
/// receive buffer grow to (tcp(7), tcp_rmem).
const KEPT: u64 = 2048;

/// A packet's payload; an empty one is the sender's end.
type Parcel = Vec<u8>;

/// One direction of a connection.
#[derive(Debug)]
pub struct Flight {
    direction: Direction,
    window: Window,
    /// The number that the next new packet gets, and the one that the receiver waits for.
    next: u64,
    wanted: u64,
    ended: bool,
    /// In the order of arrival, which is the order in which the queue took them.
    under_way: VecDeque<(Moment, u64, Parcel)>,
    /// Lost; each goes again when its time has come.
    again: VecDeque<(Moment, u64, Parcel)>,
    /// Arrived before one that was sent earlier.
    early: BTreeMap<u64, Parcel>,
    /// When the sender will know of a packet, and how many bytes, that it arrived.
    news: VecDeque<(Moment, u64, usize)>,
    /// Sent, and not known to have arrived or been lost.
    in_flight: usize,
    /// The most of it in this round trip, which ends with news of this packet.
    most: usize,
    round: u64,
    /// To be handed over, in order. Of the first so many bytes are gone already.
    ready: VecDeque<Parcel>,
    gone: usize,
    /// Bytes that were sent, ever, and how many the sender knows that it may.
    sent: u64,
    bound: u64,
    /// What the receiver has said, and when the sender will know.
    said: u64,
    words: VecDeque<(Moment, u64)>,
}

/// How handing over went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Took {
    /// So many bytes were taken.
    Some(usize),
    /// None now.
    None,
}

impl Flight {
    /// A direction in which nothing was sent yet, to a receiver that has room for so many bytes.
    pub fn new(direction: Direction, bound: u64) -> Flight {
        Flight {
            direction,
            window: Window::default(),
            next: 0,
            wanted: 0,
            ended: false,
            under_way: VecDeque::new(),
            again: VecDeque::new(),
            early: BTreeMap::new(),
            news: VecDeque::new(),
            in_flight: 0,
            most: 0,
            round: 0,
            ready: VecDeque::new(),
            gone: 0,
            sent: 0,
            bound,
            said: bound,
            words: VecDeque::new(),
        }
    }

    /// How many bytes the sender may send as the next packet; none after its end.
    pub fn wants(&self) -> usize {
        let kept = self.next - self.wanted < KEPT;
        if self.ended || !kept || (self.in_flight as f64) >= self.window.size() {
            return 0;
        }
        match usize::try_from(self.bound.saturating_sub(self.sent)).unwrap_or(PACKET) {
            // Not a piece of a packet while there is hope for a whole one (RFC 9293 section 3.8.6.2.1).
            ..PACKET if self.in_flight > 0 => 0,
            room => room.min(PACKET),
        }
    }

    /// The receiver says, with an acknowledgement, that it has room for so many bytes since the first. What it has
    /// offered once it never takes back.
    pub fn offer_room(&mut self, now: Moment, bound: u64, wires: &Wires) {
        if bound > self.said {
            self.said = bound;
            self.words.push_back((now + wires.way(back(self.direction)).passage(now), bound));
        }
    }

    /// Whether the sender waits for nothing but that the receiver says something new.
    pub fn is_held(&self) -> bool {
        !self.ended && self.words.is_empty() && self.bound.saturating_sub(self.sent) < PACKET as u64
    }

    /// The sender sends a packet, or with an empty one its end.
    pub fn send(&mut self, now: Moment, parcel: Parcel, wires: &mut Wires) {
        self.ended |= parcel.is_empty();
        self.sent += parcel.len() as u64;
        let number = self.next;
        self.next += 1;
        self.offer(now, number, parcel, wires);
    }

    /// Everything that is due by now: what was lost goes again, what was under way arrives, news of that come back.
    pub fn advance(&mut self, now: Moment, wires: &mut Wires) {
        while let Some((arrived, number, parcel)) = self.under_way.pop_front_if(|(at, ..)| *at <= now) {
            self.news.push_back((arrived + wires.way(back(self.direction)).passage(arrived), number, parcel.len()));
            wires.way_mut(self.direction).arrive(parcel.len() + HEADERS);
            self.early.insert(number, parcel);
        }
        while let Some(parcel) = self.early.remove(&self.wanted) {
            self.wanted += 1;
            self.ready.push_back(parcel);
        }
        while let Some((_, number, bytes)) = self.news.pop_front_if(|(at, ..)| *at <= now) {
            self.window.acknowledged(bytes, self.most);
            self.in_flight -= bytes;
            if number >= self.round {
                (self.most, self.round) = (self.in_flight, self.next);
            }
        }
        while let Some((_, bound)) = self.words.pop_front_if(|(at, _)| *at <= now) {
            self.bound = bound;
        }
        while self.may_repeat()
            && let Some((_, number, parcel)) = self.again.pop_front_if(|(at, ..)| *at <= now)
        {
            self.offer(now, number, parcel, wires);
        }
    }

    /// When something is due next, unless the sender sends or the receiver takes something before.
    pub fn due(&self) -> Option<Moment> {
        let again = self.again.front().filter(|_| self.may_repeat()).map(|(at, ..)| *at);
        let arrival = self.under_way.front().map(|(at, ..)| *at);
        let news = self.news.front().map(|(at, ..)| *at);
        let words = self.words.front().map(|(at, _)| *at);
        [again, arrival, news, words].into_iter().flatten().min()
    }

    /// Hands over what has come to the receiver. `give` says how much of a piece was taken; an empty piece is the end.
    ///
    /// # Errors
    /// Those of `give`.
    pub fn hand_over<E>(&mut self, mut give: impl FnMut(&[u8]) -> Result<Took, E>) -> Result<(), E> {
        while let Some(parcel) = self.ready.front() {
            let left = &parcel[self.gone..];
            match give(left)? {
                Took::Some(bytes) if bytes < left.len() => self.gone += bytes,
                Took::Some(_) => {
                    self.gone = 0;
                    self.ready.pop_front();
                }
                Took::None => break,
            }
        }
        Ok(())
    }

    /// Whether the receiver has to take something before more can be handed over.
    pub fn is_stuck(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether the sender's end has been handed over.
    pub fn is_over(&self) -> bool {
        self.ended && self.ready.is_empty() && self.wanted == self.next
    }

    /// What was lost goes again before anything new, but not past the window; one packet always may.
    fn may_repeat(&self) -> bool {
        self.in_flight == 0 || (self.in_flight as f64) < self.window.size()
    }

    fn offer(&mut self, now: Moment, number: u64, parcel: Parcel, wires: &mut Wires) {
        let round_trip: Duration = wires.round_trip(now);
        match wires.way_mut(self.direction).offer(now, parcel.len() + HEADERS) {
            Some(arrives) => {
                self.in_flight += parcel.len();
                self.most = self.most.max(self.in_flight);
                self.under_way.push_back((arrives, number, parcel));
            }
            None => {
                self.window.lost(now, round_trip);
                self.again.push_back((now + round_trip, number, parcel));
            }
        }
    }
}
