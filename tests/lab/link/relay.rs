//! The process that carries packets between the two ends of the link.

use std::collections::VecDeque;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tun_rs::{DeviceBuilder, SyncDevice};

use super::record::{Precision, Record, Way};
use super::wire::Wire;
use super::{Class, Link};
use crate::clock::{self, SECOND};

/// Larger than any packet: the devices have an MTU of 1500.
const PACKET: usize = 2048;
/// Packets read from one device before the other one has its turn, and due ones are handed over.
const TURN: usize = 32;
/// Lateness is counted in microseconds up to this; what is later counts as this.
const LATEST_US: usize = 200_000;

struct Parcel {
    arrives: u64,
    bytes: Vec<u8>,
}

/// One way: packets come in at one device, and leave by the other when it is time.
struct Lane {
    wire: Wire,
    way: Way,
    flying: VecDeque<Parcel>,
    spare: Vec<Vec<u8>>,
    /// Where in an IPv4 header the address of the internet's side stands.
    far_side: usize,
}

impl Lane {
    fn new(wire: Wire, far_side: usize, now: u64) -> Lane {
        Lane { wire, way: Way::new(now), flying: VecDeque::new(), spare: Vec::new(), far_side }
    }

    fn class(&self, packet: &[u8]) -> Class {
        let clinical = packet.get(self.far_side..self.far_side + 4) == Some(&crate::world::CLINIC.octets());
        if clinical { Class::Clinical } else { Class::Other }
    }

    /// Takes in what waits at a device; says whether there may be more.
    fn read(&mut self, from: &SyncDevice) -> io::Result<bool> {
        for _ in 0..TURN {
            let mut bytes = self.spare.pop().unwrap_or_default();
            bytes.resize(PACKET, 0);
            let size = match from.recv(&mut bytes) {
                Ok(size) => size,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.spare.push(bytes);
                    return Ok(false);
                }
                Err(error) => return Err(error),
            };
            bytes.truncate(size);
            let now = clock::now();
            self.way.look(now, &self.wire);
            match self.wire.offer(now, size) {
                Some(passage) => {
                    self.way.passed(passage, self.class(&bytes), size);
                    self.flying.push_back(Parcel { arrives: passage.arrives, bytes });
                }
                None => {
                    self.way.lost(now);
                    self.spare.push(bytes);
                }
            }
        }
        Ok(true)
    }

    /// Hands over what is due.
    fn write(&mut self, to: &SyncDevice, late: &mut [u32]) {
        loop {
            let now = clock::now();
            let Some(parcel) = self.flying.pop_front_if(|parcel| parcel.arrives <= now) else { return };
            late[(((now - parcel.arrives) / 1000) as usize).min(late.len() - 1)] += 1;
            // A device that is down, or full, loses packets as a wire would; TCP mends it.
            let _ = to.send(&parcel.bytes);
            self.spare.push(parcel.bytes);
        }
    }
}

fn device(name: &str) -> io::Result<SyncDevice> {
    let device = DeviceBuilder::new().name(name).build_sync()?;
    device.set_nonblocking(true)?;
    Ok(device)
}

/// Makes the two devices, says so on standard output, and carries packets until standard input ends; then writes the
/// record to a file.
pub fn carry(link: Link, near: &str, far: &str, to: &Path) -> io::Result<()> {
    // Timers of a plain process may be 50 us late (prctl(2), PR_SET_TIMERSLACK).
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
    let (near, far) = (device(near)?, device(far)?);
    let began = clock::now();
    let mut down = Lane::new(Wire::new(link.down, link.delay_ms, link.fifo_ms), 12, began);
    let mut up = Lane::new(Wire::new(link.up, link.delay_ms, link.fifo_ms), 16, began);
    let mut late = vec![0u32; LATEST_US + 1];
    println!("ready");
    loop {
        let more = down.read(&far)? | up.read(&near)?;
        down.write(&near, &mut late);
        up.write(&far, &mut late);
        if !more && is_over(&wait(&down, &up), &near, &far)? {
            break;
        }
    }
    let end = clock::now();
    down.way.look(end, &down.wire);
    up.way.look(end, &up.wire);
    let record = Record { down: down.way, up: up.way, precision: precision(&late) };
    std::fs::write(to, serde_json::to_vec(&record)?)
}

/// How long there is nothing to do, unless a packet comes.
fn wait(down: &Lane, up: &Lane) -> Timespec {
    let heads = [down, up].into_iter().filter_map(|lane| lane.flying.front());
    let next = heads.map(|parcel| parcel.arrives.saturating_sub(clock::now())).min().unwrap_or(SECOND);
    Timespec { tv_sec: (next / SECOND) as i64, tv_nsec: (next % SECOND) as i64 }
}

/// Sleeps until a packet comes, one is due, or standard input ends.
fn is_over(wait: &Timespec, near: &SyncDevice, far: &SyncDevice) -> io::Result<bool> {
    let input = io::stdin();
    let mut ready = [
        PollFd::from_borrowed_fd(near.as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(far.as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(input.as_fd(), PollFlags::IN),
    ];
    match poll(&mut ready, Some(wait)) {
        Ok(_) => Ok(!ready[2].revents().is_empty()),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn precision(late: &[u32]) -> Precision {
    let all: u64 = late.iter().map(|count| u64::from(*count)).sum();
    let at = |part: f64| {
        let mut left = (all as f64 * part).ceil() as u64;
        let found = late.iter().position(|count| {
            left = left.saturating_sub(u64::from(*count));
            left == 0
        });
        found.unwrap_or(0) as f64
    };
    let max = late.iter().rposition(|count| *count > 0).unwrap_or(0) as f64;
    Precision { p50_us: at(0.5), p99_us: at(0.99), max_us: max }
}
