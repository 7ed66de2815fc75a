//! What the link saw: for every ten milliseconds and each way, bytes by class, packets, losses and the queue.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::Class;
use super::wire::{Passage, Wire};
use crate::clock::{self, MILLI};

/// How finely it records.
pub const BIN: u64 = 10 * MILLI;

/// Ten milliseconds of one way.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Bin {
    /// Bytes that left the queue, of clinical traffic.
    pub clinical: u64,
    /// Bytes that left the queue, of all other.
    pub other: u64,
    /// Packets that left the queue.
    pub packets: u64,
    /// Packets that found it full.
    pub lost: u64,
    /// The queue when these ten milliseconds began, in nanoseconds.
    pub queue: u64,
    /// The same in bytes.
    pub queued: u64,
}

/// One way.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Way {
    /// When the first bin began.
    pub begun: u64,
    /// All of them.
    pub bins: Vec<Bin>,
    /// Up to which bin the queue is known.
    seen: usize,
}

impl Way {
    /// One that begins now.
    pub fn new(now: u64) -> Way {
        Way { begun: now, ..Way::default() }
    }

    fn at(&self, moment: u64) -> usize {
        (moment.saturating_sub(self.begun) / BIN) as usize
    }

    fn bin(&mut self, at: usize) -> &mut Bin {
        if self.bins.len() <= at {
            self.bins.resize(at + 1, Bin::default());
        }
        &mut self.bins[at]
    }

    /// Writes down the queue as it was at the beginning of each bin until now. Between two packets a queue only drains,
    /// so it is exact when this is called before each packet.
    pub fn look(&mut self, now: u64, wire: &Wire) {
        while self.seen <= self.at(now) {
            let (at, began) = (self.seen, self.begun + self.seen as u64 * BIN);
            let bin = self.bin(at);
            (bin.queue, bin.queued) = (wire.queue(began), wire.queued_bytes(began));
            self.seen += 1;
        }
    }

    /// Counts a packet where it leaves the queue.
    pub fn passed(&mut self, passage: Passage, class: Class, bytes: usize) {
        let at = self.at(passage.leaves);
        let bin = self.bin(at);
        bin.packets += 1;
        match class {
            Class::Clinical => bin.clinical += bytes as u64,
            Class::Other => bin.other += bytes as u64,
        }
    }

    /// Counts a packet that was lost.
    pub fn lost(&mut self, now: u64) {
        let at = self.at(now);
        self.bin(at).lost += 1;
    }

    /// The bins between two moments.
    pub fn between(&self, from: u64, to: u64) -> &[Bin] {
        let to = self.at(to).min(self.bins.len());
        &self.bins[self.at(from).min(to)..to]
    }
}

/// How late packets were handed over, against the arithmetic.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Precision {
    /// Half of them less, in microseconds.
    pub p50_us: f64,
    /// Of a hundred one more, in microseconds.
    pub p99_us: f64,
    /// The latest, in microseconds.
    pub max_us: f64,
}

/// Both ways, and how well the process did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Towards the gateway.
    pub down: Way,
    /// From the gateway.
    pub up: Way,
    /// How late packets were handed over.
    pub precision: Precision,
}

impl Record {
    /// As CSV, times in seconds since a moment.
    pub fn csv(&self, zero: u64) -> String {
        let mut text = String::from("seconds");
        for way in ["down", "up"] {
            let names = ["clinical_bytes", "other_bytes", "packets", "lost", "queue_bytes", "queue_ms"];
            text.extend(names.map(|name| format!(",{way}_{name}")));
        }
        text.push('\n');
        for (at, (down, up)) in self.down.bins.iter().zip(&self.up.bins).enumerate() {
            let moment = self.down.begun + at as u64 * BIN;
            if moment < zero {
                continue;
            }
            let _ = write!(text, "{:.2}", clock::seconds(moment - zero));
            for bin in [down, up] {
                let Bin { clinical, other, packets, lost, queue, queued } = bin;
                let _ = write!(text, ",{clinical},{other},{packets},{lost},{queued},{:.2}", clock::millis(*queue));
            }
            text.push('\n');
        }
        text
    }
}
