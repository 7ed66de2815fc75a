//! Who has lunch, and what clinical work goes on meanwhile.

use std::net::Ipv4Addr;

/// What a member of staff does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// Watches video.
    Video,
    /// Reads pages.
    Pages,
    /// Sends photos.
    Photos,
}

impl Habit {
    /// All of them, in the order of people's numbers.
    pub const ALL: [Habit; 3] = [Habit::Video, Habit::Pages, Habit::Photos];
}

/// How many people do what, and how much clinical work there is a second.
#[derive(Clone, Copy, Debug)]
pub struct Cast {
    crews: [usize; 3],
    clinicians: usize,
    /// Look-ups a second.
    pub lookups: f64,
    /// Referrals a second.
    pub referrals: f64,
}

/// The demo's: enough to fill the link both ways all the time, and clinical work for about a tenth of it.
pub const CAST: Cast = Cast { crews: [16, 8, 4], clinicians: 10, lookups: 8.0, referrals: 1.5 };

/// Who does clinical work is not of the staff who have lunch.
pub const CLINICIAN: usize = usize::MAX;

impl Cast {
    /// How many have lunch.
    pub fn people(&self) -> usize {
        self.crews.iter().sum()
    }

    /// How many do this.
    pub fn crew(&self, habit: Habit) -> usize {
        self.crews[habit as usize]
    }

    /// The numbers of those who do this.
    pub fn numbers(&self, habit: Habit) -> std::ops::Range<usize> {
        let first: usize = self.crews[..habit as usize].iter().sum();
        first..first + self.crew(habit)
    }

    /// Where a member of staff sits: an address of this machine's own, so that the gateway can tell people apart.
    pub fn seat(&self, who: usize) -> Ipv4Addr {
        seat(1, who)
    }

    /// Where the clinician sits who does this piece of clinical work.
    pub fn desk(&self, task: usize) -> Ipv4Addr {
        seat(2, task % self.clinicians)
    }

    /// What somebody does, if they are of the staff.
    pub fn habit(&self, who: usize) -> Option<Habit> {
        Habit::ALL.into_iter().find(|habit| self.numbers(*habit).contains(&who))
    }
}

/// The whole of 127.0.0.0/8 is this machine (RFC 6890 section 2.2.2). A network for a kind of people, from its first
/// address on.
fn seat(network: u8, number: usize) -> Ipv4Addr {
    let [.., high, low] = (number + 1).to_be_bytes();
    Ipv4Addr::new(127, network, high, low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_shares_a_seat_and_clinicians_come_back_to_theirs() {
        let mut seats: Vec<Ipv4Addr> = (0..CAST.people()).map(|who| CAST.seat(who)).collect();
        seats.extend((0..CAST.clinicians).map(|task| CAST.desk(task)));
        seats.sort();
        seats.dedup();
        assert_eq!(seats.len(), CAST.people() + CAST.clinicians);
        assert_eq!(CAST.desk(CAST.clinicians), CAST.desk(0));
        assert!(seats.iter().all(Ipv4Addr::is_loopback));
    }

    #[test]
    fn everybody_has_one_habit_and_clinicians_none() {
        let counted: usize = Habit::ALL
            .iter()
            .map(|habit| (0..CAST.people()).filter(|who| CAST.habit(*who) == Some(*habit)).count())
            .sum();
        assert_eq!(counted, CAST.people());
        assert_eq!(CAST.habit(0), Some(Habit::Video));
        assert_eq!(CAST.habit(CAST.people()), None);
        assert_eq!(CAST.habit(CLINICIAN), None);
    }
}
