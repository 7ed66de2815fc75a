//! Weekly windows of local time: `Mon-Fri 12:00-14:00 except bank-holidays`, `Sat,Sun 00:00-24:00`, `22:00-06:00`.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use jiff::civil::{Date, Weekday};
use jiff::{Timestamp, ToSpan};

use super::Calendar;

/// A window that opens on some days of the week. One that crosses midnight belongs to the day on which it opens: on
/// that day its weekday and the bank holidays are looked up.
///
/// It opens and closes at moments, not at readings of the clock: on the night when the clocks go back, a window to
/// 01:30 closes once, at the first 01:30, and stays closed through the second.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Bit 0 is Monday.
    days: u8,
    /// Minutes after midnight, 0 to 1439.
    opens: u16,
    /// Minutes after the same midnight, `opens + 1` to 2879; over 1440 it closes on the next day.
    closes: u16,
    except_bank_holidays: bool,
}

/// Why a text is not a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// No `HH:MM-HH:MM`.
    #[error("needs hours such as 12:00-14:00")]
    Hours,
    /// A time of day that is none.
    #[error("a time of day is HH:MM from 00:00 to 24:00")]
    Time,
    /// Opens and closes at the same minute.
    #[error("opens and closes at the same minute; for the whole day write 00:00-24:00")]
    Empty,
    /// A day that is none.
    #[error("a day is one of Mon, Tue, Wed, Thu, Fri, Sat, Sun")]
    Day,
    /// Something after the hours that is not `except bank-holidays`.
    #[error("after the hours only `except bank-holidays` may follow")]
    Rest,
}

const DAY: u16 = 24 * 60;
const WEEK: usize = 7 * 24 * 60;
const WORDS: usize = WEEK.div_ceil(64);
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

impl Window {
    /// Whether the window is open at a moment.
    pub fn covers(&self, at: Timestamp, calendar: &Calendar) -> bool {
        let today = calendar.local(at).date();
        [today.yesterday().ok(), Some(today)]
            .into_iter()
            .flatten()
            .filter_map(|date| self.on(date, calendar))
            .any(|(opens, closes)| opens <= at && at < closes)
    }

    /// The next moment after `after` at which the window opens or closes; `None` when it does neither within a year
    /// (every day it would open on is a bank holiday).
    pub fn next_edge(&self, after: Timestamp, calendar: &Calendar) -> Option<Timestamp> {
        let mut date = calendar.local(after).date().yesterday().ok()?;
        let mut found: Option<Timestamp> = None;
        for _ in 0..368 {
            let before = found;
            if let Some((opens, closes)) = self.on(date, calendar) {
                found = [Some(opens), Some(closes), found].into_iter().flatten().filter(|edge| *edge > after).min();
            }
            // One day more than the first that had an edge: it may open before the other closes.
            if before.is_some() {
                break;
            }
            date = date.tomorrow().ok()?;
        }
        found
    }

    /// Whether this window is open whenever the other is. Exact but for the hours that summer time moves.
    pub fn contains(&self, other: &Window) -> bool {
        if !self.except_bank_holidays {
            return other.minutes().iter().zip(self.minutes()).all(|(of, own)| of & !own == 0);
        }
        // A holiday takes away a whole opening, also its part after midnight. So each opening of the other must lie in
        // the one of this window that the same holidays take away.
        let opening = self.opens <= other.opens && other.closes <= self.closes;
        opening && other.except_bank_holidays && other.days & !self.days == 0
    }

    /// Whether it stays closed on bank holidays.
    pub fn spares_bank_holidays(&self) -> bool {
        self.except_bank_holidays
    }

    /// Whether the two are ever open together.
    pub fn meets(&self, other: &Window) -> bool {
        self.minutes().iter().zip(other.minutes().iter()).any(|(own, of)| own & of != 0)
    }

    /// From when to when it is open, if it opens on this date.
    fn on(&self, date: Date, calendar: &Calendar) -> Option<(Timestamp, Timestamp)> {
        let day = date.weekday().to_monday_zero_offset();
        if self.days & (1 << day) == 0 || (self.except_bank_holidays && calendar.bank_holidays.contains(&date)) {
            return None;
        }
        let moment = |minutes: u16| {
            let date = if minutes >= DAY { date.tomorrow().ok()? } else { date };
            let minutes = i64::from(minutes % DAY);
            let civil = date.at(0, 0, 0, 0).checked_add(minutes.minutes()).ok()?;
            calendar.zone.to_timestamp(civil).ok()
        };
        Some((moment(self.opens)?, moment(self.closes)?))
    }

    /// Each minute of a week without holidays, a bit each: a policy's windows are compared by the hundred thousand.
    fn minutes(&self) -> [u64; WORDS] {
        let mut week = [0; WORDS];
        for day in (0..7usize).filter(|day| self.days & (1 << day) != 0) {
            let midnight = day * usize::from(DAY);
            let (opens, closes) = (midnight + usize::from(self.opens), midnight + usize::from(self.closes));
            // What goes on after Sunday is the beginning of the week.
            set(&mut week, opens.min(WEEK)..closes.min(WEEK));
            set(&mut week, opens.max(WEEK) - WEEK..closes.max(WEEK) - WEEK);
        }
        week
    }
}

/// Sets a range of bits.
fn set(week: &mut [u64; WORDS], bits: Range<usize>) {
    for (at, word) in week.iter_mut().enumerate().take(bits.end.div_ceil(64)).skip(bits.start / 64) {
        let (from, to) = (bits.start.max(at * 64) - at * 64, bits.end.min(at * 64 + 64) - at * 64);
        if from < to {
            *word |= (u64::MAX >> (64 - (to - from))) << from;
        }
    }
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let mut words = text.split_whitespace().peekable();
        let first = *words.peek().ok_or(WindowError::Hours)?;
        let days = if first.starts_with(|c: char| c.is_ascii_digit()) {
            0b111_1111
        } else {
            let days = parse_days(first)?;
            words.next();
            days
        };
        let (from, to) = words.next().and_then(|hours| hours.split_once('-')).ok_or(WindowError::Hours)?;
        let (opens, closes) = (parse_time(from)?, parse_time(to)?);
        if opens == closes || opens == DAY {
            return Err(WindowError::Empty);
        }
        let closes = if closes < opens { closes + DAY } else { closes };
        let rest: Vec<&str> = words.collect();
        let except_bank_holidays = match rest.as_slice() {
            [] => false,
            ["except", "bank-holidays"] => true,
            _ => return Err(WindowError::Rest),
        };
        Ok(Window { days, opens, closes, except_bank_holidays })
    }
}

fn parse_days(text: &str) -> Result<u8, WindowError> {
    let day = |name: &str| DAYS.iter().position(|day| day.eq_ignore_ascii_case(name)).ok_or(WindowError::Day);
    let mut days = 0u8;
    for part in text.split(',') {
        match part.split_once('-') {
            None => days |= 1 << day(part)?,
            Some((from, to)) => {
                let (from, to) = (day(from)?, day(to)?);
                let span = (to + 7 - from) % 7;
                for step in 0..=span {
                    days |= 1 << ((from + step) % 7);
                }
            }
        }
    }
    Ok(days)
}

fn parse_time(text: &str) -> Result<u16, WindowError> {
    let (hours, minutes) = text.split_once(':').ok_or(WindowError::Time)?;
    if hours.is_empty() || hours.len() > 2 || minutes.len() != 2 {
        return Err(WindowError::Time);
    }
    let hours: u16 = hours.parse().map_err(|_| WindowError::Time)?;
    let minutes: u16 = minutes.parse().map_err(|_| WindowError::Time)?;
    let time = hours * 60 + minutes;
    if minutes > 59 || time > DAY { Err(WindowError::Time) } else { Ok(time) }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days != 0b111_1111 {
            let set: Vec<&str> = (0..7).filter(|day| self.days & (1 << day) != 0).map(|day| DAYS[day]).collect();
            let first = (0..7).find(|day| self.days & (1 << day) != 0).unwrap_or(0);
            let run = (first..7).take_while(|day| self.days & (1 << day) != 0).count();
            if run == set.len() && run > 2 {
                write!(f, "{}-{} ", set[0], set[run - 1])?;
            } else {
                write!(f, "{} ", set.join(","))?;
            }
        }
        let closes = if self.closes > DAY { self.closes - DAY } else { self.closes };
        write!(f, "{:02}:{:02}-{:02}:{:02}", self.opens / 60, self.opens % 60, closes / 60, closes % 60)?;
        if self.except_bank_holidays { f.write_str(" except bank-holidays") } else { Ok(()) }
    }
}

/// The weekday as windows spell it.
pub fn day_name(day: Weekday) -> &'static str {
    DAYS[usize::try_from(day.to_monday_zero_offset()).unwrap_or(0) % 7]
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    fn london() -> Calendar {
        Calendar {
            zone: TimeZone::get("Europe/London").unwrap(),
            bank_holidays: [date(2026, 12, 25), date(2026, 12, 28), date(2027, 1, 1)].into(),
        }
    }

    fn at(calendar: &Calendar, text: &str) -> Timestamp {
        calendar.zone.to_timestamp(text.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_window_prints_as_it_was_written() {
        for text in
            ["Mon-Fri 12:00-14:00 except bank-holidays", "Sat,Sun 00:00-24:00", "22:00-06:00", "Mon,Wed 09:30-10:00"]
        {
            assert_eq!(text.parse::<Window>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_not_a_window_has_its_reason() {
        for (text, error) in [
            ("", WindowError::Hours),
            ("Mon-Fri", WindowError::Hours),
            ("Mon-Fry 12:00-14:00", WindowError::Day),
            ("25:00-26:00", WindowError::Time),
            ("12:60-13:00", WindowError::Time),
            ("12:00-12:00", WindowError::Empty),
            ("24:00-06:00", WindowError::Empty),
            ("12:00-14:00 except sundays", WindowError::Rest),
        ] {
            assert_eq!(text.parse::<Window>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_window_across_midnight_belongs_to_the_day_it_opens_on() {
        let calendar = london();
        let window: Window = "Fri 22:00-06:00".parse().unwrap();
        for (when, open) in [
            ("2026-11-27 21:59:59", false),
            ("2026-11-27 22:00", true),
            ("2026-11-28 05:59", true),
            ("2026-11-28 06:00", false),
            ("2026-11-27 03:00", false),
        ] {
            assert_eq!(window.covers(at(&calendar, when), &calendar), open, "{when}");
        }
    }

    #[test]
    fn bank_holidays_are_left_out_only_where_the_window_says_so() {
        let calendar = london();
        let christmas = at(&calendar, "2026-12-25 12:30");
        assert!(!"Mon-Fri 12:00-14:00 except bank-holidays".parse::<Window>().unwrap().covers(christmas, &calendar));
        assert!("Mon-Fri 12:00-14:00".parse::<Window>().unwrap().covers(christmas, &calendar));
        // It opened on the 27th, a Sunday and no bank holiday, and stays open into the 28th.
        let night: Window = "22:00-06:00 except bank-holidays".parse().unwrap();
        assert!(night.covers(at(&calendar, "2026-12-28 03:00"), &calendar));
        assert!(!night.covers(at(&calendar, "2026-12-29 03:00"), &calendar));
    }

    #[test]
    fn containing_and_meeting_are_by_the_minute_of_the_week() {
        let window = |text: &str| text.parse::<Window>().unwrap();
        assert!(window("Mon-Fri 09:00-17:00").contains(&window("Tue 12:00-14:00")));
        assert!(!window("Mon-Fri 09:00-17:00").contains(&window("Sat 12:00-14:00")));
        assert!(!window("12:00-14:00 except bank-holidays").contains(&window("12:00-14:00")));
        assert!(window("09:00-17:00 except bank-holidays").contains(&window("Mon 12:00-14:00 except bank-holidays")));
        // After a holiday the night's end is closed, the early morning open.
        let night = window("22:00-06:00 except bank-holidays");
        assert!(!night.contains(&window("03:00-04:00 except bank-holidays")));
        assert!(window("22:00-06:00").contains(&window("03:00-04:00 except bank-holidays")));
        assert!(window("Sun 22:00-06:00").meets(&window("Mon 05:00-07:00")));
        assert!(!window("Sun 22:00-06:00").meets(&window("Mon 06:00-07:00")));
    }

    /// A window read the naive way: the wall clock, minute by minute.
    fn naive(window: &Window, at: Timestamp, calendar: &Calendar) -> bool {
        let local = calendar.local(at);
        let minute = u16::try_from(local.hour()).unwrap() * 60 + u16::try_from(local.minute()).unwrap();
        let opens_on = |date: Date| {
            window.days & (1 << date.weekday().to_monday_zero_offset()) != 0
                && !(window.except_bank_holidays && calendar.bank_holidays.contains(&date))
        };
        let today = opens_on(local.date()) && window.opens <= minute && minute < window.closes;
        let yesterday = opens_on(local.date().yesterday().unwrap()) && minute + DAY < window.closes;
        today || yesterday
    }

    fn windows() -> impl Strategy<Value = Window> {
        (1u8..128, 0u16..DAY, 1u16..DAY, any::<bool>()).prop_map(|(days, opens, length, except_bank_holidays)| Window {
            days,
            opens,
            closes: opens + length,
            except_bank_holidays,
        })
    }

    proptest! {
        /// Compared minute by minute: what the bits of a week say.
        #[test]
        fn bits_of_a_week_are_its_minutes(window in windows()) {
            let mut week = vec![false; WEEK];
            for day in (0..7usize).filter(|day| window.days & (1 << day) != 0) {
                for minute in window.opens..window.closes {
                    week[(day * usize::from(DAY) + usize::from(minute)) % WEEK] = true;
                }
            }
            let bits = window.minutes();
            for (minute, open) in week.iter().enumerate() {
                prop_assert_eq!(bits[minute / 64] >> (minute % 64) & 1 == 1, *open, "{} at {}", window, minute);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Over a whole year with both changes of the clock, every quarter of an hour: as the wall clock says, but in
        /// the hours around a change, where a reading of the clock is missing or comes twice.
        #[test]
        fn a_year_of_a_window_reads_as_the_wall_clock(window in windows()) {
            let calendar = london();
            let changes = [at(&calendar, "2027-03-28 01:00"), at(&calendar, "2027-10-31 01:00")];
            let mut now = at(&calendar, "2026-11-22 00:00");
            let end = at(&calendar, "2027-11-22 00:00");
            while now < end {
                let near = changes.iter().any(|change| (now.as_second() - change.as_second()).abs() <= 2 * 3600);
                if !near {
                    prop_assert_eq!(window.covers(now, &calendar), naive(&window, now, &calendar), "{} at {}", window, now);
                }
                now += 15.minutes();
            }
        }

        /// Walking from edge to edge never passes over a moment at which the window opens or closes.
        #[test]
        fn nothing_changes_between_two_edges(window in windows(), start in 0i64..365 * 24 * 60) {
            let calendar = london();
            let mut now = at(&calendar, "2026-11-22 00:00") + start.minutes();
            for _ in 0..6 {
                let edge = window.next_edge(now, &calendar).unwrap();
                prop_assert!(edge > now);
                let open = window.covers(now, &calendar);
                let step = (edge.as_second() - now.as_second()) / 7;
                for part in 0..7 {
                    prop_assert_eq!(window.covers(now + (part * step).seconds(), &calendar), open);
                }
                prop_assert_eq!(window.covers(edge - 1.seconds(), &calendar), open);
                now = edge;
            }
        }
    }
}
