//! An ordinary working day, and the three moments of it at which a policy is asked.

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use serde::Serialize;

use crate::base::Calendar;

/// One thing for each of the three moments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Day<T> {
    /// At 10:00.
    pub morning: T,
    /// At 12:30.
    pub lunch: T,
    /// At 22:00.
    pub night: T,
}

/// What the moments are called, and when they are: hour and minute of the gateway's own zone.
pub const TIMES: [(&str, i8, i8); 3] = [("morning", 10, 0), ("lunch", 12, 30), ("night", 22, 0)];

/// The moments as sentences say them.
pub const WORDS: [&str; 3] = ["in the morning", "at lunch", "at night"];

impl<T> Day<T> {
    /// Asks about each moment in turn.
    pub fn map<'a, U>(&'a self, mut of: impl FnMut(&'a T) -> U) -> Day<U> {
        Day { morning: of(&self.morning), lunch: of(&self.lunch), night: of(&self.night) }
    }

    /// Asks about each moment of two days.
    pub fn with<V, U>(&self, other: &Day<V>, of: impl Fn(&T, &V) -> U) -> Day<U> {
        Day {
            morning: of(&self.morning, &other.morning),
            lunch: of(&self.lunch, &other.lunch),
            night: of(&self.night, &other.night),
        }
    }

    /// All three, in their order.
    pub fn each(&self) -> [&T; 3] {
        [&self.morning, &self.lunch, &self.night]
    }
}

impl<T: PartialEq> Day<T> {
    /// The one value of the whole day, where it is one.
    pub fn steady(self) -> Option<T> {
        (self.morning == self.lunch && self.lunch == self.night).then_some(self.morning)
    }
}

impl Day<bool> {
    /// The moments for which it holds, in words: `in the morning and at lunch`.
    pub fn when(&self) -> String {
        let held: Vec<&str> = WORDS.into_iter().zip(self.each()).filter_map(|(name, on)| on.then_some(name)).collect();
        match held.as_slice() {
            [_, _, _] => "at all three times".to_owned(),
            held => held.join(" and "),
        }
    }
}

/// The first day after today that is neither of a weekend nor a bank holiday of this calendar, and its three moments.
pub fn working_day(calendar: &Calendar, now: Timestamp) -> (Date, Day<Timestamp>) {
    let date = next(calendar, now);
    // None has no moments but at the ends of the supported calendar.
    (date, moments(calendar, date).unwrap_or(Day { morning: now, lunch: now, night: now }))
}

fn next(calendar: &Calendar, now: Timestamp) -> Date {
    // More holidays in a row than a year has days are a mistake; then any day will do.
    const FURTHEST: usize = 366;
    let today = calendar.local(now).date();
    let weekend = |date: &Date| matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
    let works = |date: &Date| !weekend(date) && !calendar.bank_holidays.contains(date);
    let days = std::iter::successors(Some(today), |date| date.tomorrow().ok()).skip(1).take(FURTHEST);
    days.into_iter().find(works).unwrap_or(today)
}

fn moments(calendar: &Calendar, date: Date) -> Option<Day<Timestamp>> {
    let at = |(_, hour, minute): (&str, i8, i8)| calendar.zone.to_timestamp(date.at(hour, minute, 0, 0)).ok();
    let [morning, lunch, night] = TIMES.map(at);
    Some(Day { morning: morning?, lunch: lunch?, night: night? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    fn london() -> Calendar {
        Calendar {
            zone: TimeZone::get("Europe/London").unwrap(),
            bank_holidays: [date(2026, 12, 25), date(2026, 12, 28)].into(),
        }
    }

    #[test]
    fn the_day_is_the_next_that_people_work() {
        let calendar = london();
        for (now, day) in [
            ("2026-11-23 09:00", date(2026, 11, 24)),
            ("2026-11-27 09:00", date(2026, 11, 30)),
            ("2026-11-28 23:59", date(2026, 11, 30)),
            ("2026-12-24 09:00", date(2026, 12, 29)),
            // In summer it is already tomorrow in London when it is 23:30 at Greenwich.
            ("2026-07-07 00:30", date(2026, 7, 8)),
        ] {
            let now = calendar.zone.to_timestamp(now.parse().unwrap()).unwrap();
            assert_eq!(working_day(&calendar, now).0, day, "{now}");
        }
    }

    #[test]
    fn the_moments_are_read_from_the_clock_on_the_wall() {
        let winter = moments(&london(), date(2026, 11, 24)).unwrap().map(ToString::to_string);
        assert_eq!(winter.each(), ["2026-11-24T10:00:00Z", "2026-11-24T12:30:00Z", "2026-11-24T22:00:00Z"]);
        let summer = moments(&london(), date(2026, 7, 7)).unwrap().map(ToString::to_string);
        assert_eq!(summer.each(), ["2026-07-07T09:00:00Z", "2026-07-07T11:30:00Z", "2026-07-07T21:00:00Z"]);
    }

    #[test]
    fn the_times_at_which_something_holds_are_told_in_words() {
        for ([morning, lunch, night], words) in [
            ([true, true, true], "at all three times"),
            ([true, false, true], "in the morning and at night"),
            ([false, true, false], "at lunch"),
        ] {
            assert_eq!(Day { morning, lunch, night }.when(), words);
        }
    }
}
