//! Carries one connection over the link: from a socket into the queue, and out of it into the other socket.

use std::io;
use std::net::Shutdown;
use std::sync::Mutex;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until};

use super::flight::{Flight, Took};
use super::{HEADERS, PACKET, Wires, lock};
use crate::base::{Direction, Moment, clock, option};

/// No event tells that a receiver has room again, so it is asked; how much later the sender knows is little against a
/// round trip.
const LISTEN: Duration = Duration::from_millis(2);

/// Waits for a connection to be made: a packet there and one back, each of headers only.
pub async fn connect(wires: &Mutex<Wires>) {
    for direction in [Direction::Up, Direction::Down] {
        loop {
            let now = clock::now();
            let (arrives, round_trip) = {
                let mut wires = lock(wires);
                (wires.way_mut(direction).offer(now, HEADERS), wires.round_trip(now))
            };
            until(arrives.unwrap_or(now + round_trip)).await;
            if arrives.is_some() {
                lock(wires).way_mut(direction).arrive(HEADERS);
                break;
            }
        }
    }
}

/// Carries what both sides send until both have ended.
///
/// # Errors
/// When a socket breaks; the other side then sees its connection close.
pub async fn carry(wires: &Mutex<Wires>, near: &TcpStream, far: &TcpStream) -> io::Result<()> {
    tokio::try_join!(way(wires, Direction::Up, near, far), way(wires, Direction::Down, far, near))?;
    Ok(())
}

async fn way(wires: &Mutex<Wires>, direction: Direction, from: &TcpStream, to: &TcpStream) -> io::Result<()> {
    let first = option::heard(to)?;
    let mut flight = Flight::new(direction, first.window.into());
    let mut room = [0; PACKET];
    loop {
        let now = clock::now();
        flight.advance(now, &mut lock(wires));
        flight.hand_over(|bytes| give(to, bytes))?;
        if flight.is_over() {
            return Ok(());
        }
        let heard = option::heard(to)?;
        if heard.closed {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let bound = heard.acknowledged - first.acknowledged + u64::from(heard.window);
        flight.offer_room(now, bound, &lock(wires));
        while let most @ 1.. = flight.wants() {
            match from.try_read(&mut room[..most]) {
                Ok(bytes) => flight.send(now, room[..bytes].to_vec(), &mut lock(wires)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let due = flight.due();
        tokio::select! {
            () = until(due.unwrap_or(now)), if due.is_some() => {}
            () = sleep(LISTEN), if flight.is_held() => {}
            ready = from.readable(), if flight.wants() > 0 => ready?,
            ready = to.writable(), if flight.is_stuck() => ready?,
        }
    }
}

fn give(to: &TcpStream, bytes: &[u8]) -> io::Result<Took> {
    if bytes.is_empty() {
        SockRef::from(to).shutdown(Shutdown::Write)?;
        return Ok(Took::Some(0));
    }
    match to.try_write(bytes) {
        Ok(taken) => Ok(Took::Some(taken)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Took::None),
        Err(error) => Err(error),
    }
}

async fn until(moment: Moment) {
    sleep_until(Instant::from_std(moment)).await;
}
