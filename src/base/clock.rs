//! The only place that reads a clock. Everywhere else time is an argument, so that tests need no sleep and a replay
//! is exact.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// A moment of the monotonic clock: for durations, time-outs and rates.
pub type Moment = Instant;

/// Now, by the clock that never jumps.
#[allow(clippy::disallowed_methods)] // this is the one place
pub fn now() -> Moment {
    Instant::now()
}

/// Now, by the clock on the wall: for schedules, expiry and records.
#[allow(clippy::disallowed_methods)] // this is the one place
pub fn wall() -> Timestamp {
    Timestamp::now()
}

/// The same clock as a number, for who compares it with another process's (CLOCK_MONOTONIC).
pub fn monotonic() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or_default(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// How the gateway's place reads the wall clock: its zone, and the days that `except bank-holidays` leaves out.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    /// The zone of every time of day in the configuration.
    pub zone: TimeZone,
    /// Bank holidays.
    pub bank_holidays: BTreeSet<Date>,
}

impl Calendar {
    /// The local date and time at a moment.
    pub fn local(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.zone.clone())
    }

    /// Midnight at the start of a date, as a moment. `None` only at the ends of the supported calendar.
    pub fn midnight(&self, date: Date) -> Option<Timestamp> {
        self.zone.to_timestamp(date.at(0, 0, 0, 0)).ok()
    }
}
