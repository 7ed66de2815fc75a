//! Which addresses names had of late. A service of many servers names a few of them at a time, others a minute later; a
//! client may well have gone to one that was named just before.

use std::net::IpAddr;
use std::time::Duration;

use foldhash::HashMap;

use crate::base::{Moment, Name};

/// How long a name is believed to have an address that it had: as long as the longest answer is (`resolve`).
const LATE: Duration = Duration::from_secs(3600);
/// Names that are remembered: those of a few thousand people, under 4 MB with four addresses each.
const NAMES: usize = 16_384;
/// Addresses of one name. What has more is no service of anybody's.
const ADDRESSES: usize = 256;

/// Names, and when each was last said to have which address.
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<Name, Vec<(IpAddr, Moment)>>);

impl Known {
    /// Whether a name had this address of late.
    pub(super) fn has(&self, name: &Name, address: IpAddr, now: Moment) -> bool {
        let fresh = |(known, at): &(IpAddr, Moment)| *known == address && !is_old(*at, now);
        self.0.get(name).is_some_and(|known| known.iter().any(fresh))
    }

    /// A name has these addresses now.
    pub(super) fn add(&mut self, name: &Name, addresses: &[IpAddr], now: Moment) {
        if self.0.len() >= NAMES && !self.0.contains_key(name) {
            self.0.retain(|_, known| known.iter().any(|(_, at)| !is_old(*at, now)));
            // All of them are asked for: better to ask for them again than to hold more.
            if self.0.len() >= NAMES {
                self.0.clear();
            }
        }
        let known = self.0.entry(name.clone()).or_default();
        known.retain(|(_, at)| !is_old(*at, now));
        for address in addresses.iter().map(IpAddr::to_canonical) {
            if let Some((_, at)) = known.iter_mut().find(|(other, _)| *other == address) {
                *at = now;
            } else if known.len() < ADDRESSES {
                known.push((address, now));
            }
        }
    }
}

fn is_old(at: Moment, now: Moment) -> bool {
    now.saturating_duration_since(at) > LATE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn ip(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn what_a_name_had_is_believed_for_an_hour_after_it_was_last_said() {
        let (mut known, now) = (Known::default(), clock::now());
        let at = |minutes: u64| now + Duration::from_secs(60 * minutes);
        known.add(&name("a.example"), &[ip(1), ip(2)], at(0));
        known.add(&name("a.example"), &["::ffff:192.0.2.2".parse().unwrap(), ip(3)], at(30));
        for (address, minutes, expected) in [
            (1, 0, true),
            (1, 60, true),
            (1, 61, false),
            (2, 61, true),
            (2, 90, true),
            (2, 91, false),
            (3, 61, true),
            (4, 0, false),
        ] {
            assert_eq!(known.has(&name("a.example"), ip(address), at(minutes)), expected, "{address} at {minutes}");
        }
        assert!(!known.has(&name("b.example"), ip(1), at(0)));
    }

    #[test]
    fn no_more_is_held_than_there_is_room_for() {
        let (mut known, now) = (Known::default(), clock::now());
        for number in 0..=NAMES {
            known.add(&name(&format!("n{number}.example")), &[ip(1)], now);
        }
        assert!(known.0.len() <= NAMES && known.has(&name(&format!("n{NAMES}.example")), ip(1), now));
        let many: Vec<IpAddr> =
            (0..400u16).map(|number| [10, 0, number.to_be_bytes()[0], number.to_be_bytes()[1]].into()).collect();
        known.add(&name("many.example"), &many, now);
        assert_eq!(known.0[&name("many.example")].len(), ADDRESSES);
    }
}
