//! A real window of time. The gateway's windows open and close on minutes of the clock on the wall, so it is the scene that
//! begins at such a moment that they do so where it says.

use jiff::Timestamp;

use crate::clock::{self, SECOND};

/// The gateway's time zone in the lab.
pub const ZONE: &str = "Europe/London";
/// What a carrier has to start, in seconds.
const START: f64 = 8.0;
/// In seconds.
const MINUTE: i64 = 60;

/// When a scene with a peak begins.
pub struct Appointment {
    /// The window, as the gateway's files write it.
    pub window: String,
    /// The scene's beginning, on the lab's clock.
    pub zero: u64,
}

/// The next beginning with which a peak that opens and closes at these seconds of the scene does so on minutes.
pub fn appointment((opens, closes): (f64, f64)) -> Appointment {
    let (wall, now) = (Timestamp::now(), clock::now());
    let earliest = wall.as_second() + (START + opens).ceil() as i64;
    let opening = (earliest / MINUTE + 1) * MINUTE;
    let closing = opening + ((closes - opens) as i64 / MINUTE).max(1) * MINUTE;
    let hour = |second: i64| {
        let local = Timestamp::from_second(second).unwrap().in_tz(ZONE).unwrap();
        local.strftime("%H:%M").to_string()
    };
    // The two clocks go side by side for the two minutes that this is for.
    let left = opening as u64 * SECOND - wall.as_nanosecond() as u64;
    Appointment { window: format!("{}-{}", hour(opening), hour(closing)), zero: now + left - clock::nanos(opens) }
}
