//! A socket for echoes, and the requests that are not answered yet.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use socket2::{Domain, Protocol, Socket, Type};

use super::echo::{self, COOKIE, Echo};
use crate::base::Moment;

/// Requests that an answer may still come to, the oldest forgotten first: eight seconds of them at the quickest, longer
/// than any queue.
const AWAITED: usize = 256;
/// A header of IPv4 at its longest, a message, and a byte by which a longer one shows.
const ROOM: usize = 60 + echo::LENGTH + 1;
/// A request that cannot leave within this is lost.
const LEAVES: Duration = Duration::from_millis(50);

/// Asks one target for echoes.
#[derive(Debug)]
pub struct Pinger {
    target: SocketAddr,
    /// Not of UDP: it is how the standard library sends and receives datagrams of any kind.
    socket: UdpSocket,
    /// What comes has the header of IPv4 before it.
    headed: bool,
    echo: Echo,
    awaited: Awaited,
}

impl Pinger {
    /// Opens a socket. One for echoes alone needs no privilege where `net.ipv4.ping_group_range` has the process's group
    /// (icmp(7)), a raw one needs CAP_NET_RAW.
    ///
    /// # Errors
    /// When the system permits neither, or has none of this family.
    pub fn open(target: IpAddr) -> io::Result<Pinger> {
        let (domain, protocol, any) = match target {
            IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4, IpAddr::from(Ipv4Addr::UNSPECIFIED)),
            IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6, IpAddr::from(Ipv6Addr::UNSPECIFIED)),
        };
        let opened = |kind| Socket::new(domain, kind, Some(protocol));
        let (socket, raw) = match opened(Type::DGRAM) {
            Ok(socket) => (socket, false),
            Err(_) => (opened(Type::RAW)?, true),
        };
        let mut chance = [0; COOKIE + 2];
        SystemRandom::new().fill(&mut chance).map_err(|_| io::Error::other("the system has no random numbers"))?;
        let [i0, i1, cookie @ ..] = chance;
        let mut id = u16::from_be_bytes([i0, i1]);
        if !raw {
            // The kernel gives the identifier, and takes it for a port.
            socket.bind(&SocketAddr::new(any, 0).into())?;
            id = socket.local_addr()?.as_socket().map_or(id, |address| address.port());
        }
        socket.set_write_timeout(Some(LEAVES))?;
        Ok(Pinger {
            target: SocketAddr::new(target, 0),
            socket: socket.into(),
            headed: raw && target.is_ipv4(),
            echo: Echo::new(target, id, cookie),
            awaited: Awaited::default(),
        })
    }

    /// Sends a request.
    ///
    /// # Errors
    /// When it cannot leave; it is lost then.
    pub fn ask(&mut self, now: Moment) -> io::Result<()> {
        let sequence = self.awaited.push(now);
        let sent = self.socket.send_to(&self.echo.request(sequence), self.target);
        if sent.is_err() {
            self.awaited.take(sequence);
        }
        sent.map(drop)
    }

    /// Waits for a message, at most so long, and gives the moment at which the request left that it answers. `None` when
    /// none came, or another's.
    ///
    /// # Errors
    /// When the socket does not work.
    pub fn hear(&mut self, patience: Duration) -> io::Result<Option<Moment>> {
        let mut room = [0; ROOM];
        // Nothing at all would mean for ever.
        self.socket.set_read_timeout(Some(patience.max(Duration::from_micros(1))))?;
        let (length, from) = match self.socket.recv_from(&mut room) {
            Ok(heard) => heard,
            Err(error) if is_nothing(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        if from.ip() != self.target.ip() {
            return Ok(None);
        }
        let packet = &room[..length];
        let message = if self.headed { echo::after_header(packet) } else { Some(packet) };
        let sequence = message.and_then(|message| self.echo.answered(message));
        Ok(sequence.and_then(|sequence| self.awaited.take(sequence)))
    }
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

/// Requests without an answer, the oldest first.
#[derive(Debug, Default)]
struct Awaited {
    next: u16,
    sent: VecDeque<(u16, Moment)>,
}

impl Awaited {
    /// One more: its sequence number.
    fn push(&mut self, now: Moment) -> u16 {
        let sequence = self.next;
        self.next = sequence.wrapping_add(1);
        if self.sent.len() == AWAITED {
            self.sent.pop_front();
        }
        self.sent.push_back((sequence, now));
        sequence
    }

    /// An answer: when its request left. A second answer finds nothing.
    fn take(&mut self, sequence: u16) -> Option<Moment> {
        let at = self.sent.iter().position(|(sent, _)| *sent == sequence)?;
        self.sent.remove(at).map(|(_, when)| when)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock;

    #[test]
    fn each_answer_finds_its_request_once_however_late() {
        let mut awaited = Awaited { next: u16::MAX - 1, ..Awaited::default() };
        let start = clock::now();
        let at = |step: u64| start + Duration::from_millis(30 * step);
        let sequences: Vec<u16> = (0..4).map(|step| awaited.push(at(step))).collect();
        assert_eq!(sequences, [u16::MAX - 1, u16::MAX, 0, 1]);
        assert_eq!(awaited.take(0), Some(at(2)));
        assert_eq!(awaited.take(0), None);
        assert_eq!(awaited.take(u16::MAX - 1), Some(at(0)));
        assert_eq!(awaited.take(7), None);
        assert_eq!(awaited.sent.len(), 2);
    }

    #[test]
    fn requests_that_nobody_answers_do_not_pile_up() {
        let mut awaited = Awaited::default();
        let start = clock::now();
        for _ in 0..100_000 {
            awaited.push(start);
        }
        assert_eq!(awaited.sent.len(), AWAITED);
        let last = awaited.next.wrapping_sub(1);
        assert!(awaited.take(last).is_some() && awaited.take(last.wrapping_sub(300)).is_none());
    }

    #[test]
    fn this_machine_answers_and_each_answer_has_its_own_time() {
        for target in ["127.0.0.1", "::1"] {
            let target: IpAddr = target.parse().unwrap();
            let mut pingers = match (Pinger::open(target), Pinger::open(target)) {
                (Ok(one), Ok(other)) => [one, other],
                (Err(error), _) | (_, Err(error)) => {
                    // A container without CAP_NET_RAW, or a kernel without IPv6.
                    println!("no echo is tried with {target}, for the machine permits none: {error}");
                    continue;
                }
            };
            // Each hears what the other is answered, and takes nothing of it.
            for _ in 0..20 {
                let sent = pingers.each_mut().map(|pinger| {
                    let now = clock::now();
                    pinger.ask(now).unwrap();
                    now
                });
                for (pinger, sent) in pingers.iter_mut().zip(sent) {
                    let heard = (0..10).find_map(|_| pinger.hear(Duration::from_secs(1)).unwrap());
                    assert_eq!(heard, Some(sent), "{target}");
                }
            }
            assert!(pingers.iter().all(|pinger| pinger.awaited.sent.is_empty()));
        }
    }
}
