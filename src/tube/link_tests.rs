//! What is known of the link as a whole, in virtual time.

use super::*;
use crate::base::clock;

const LOOK: Duration = Duration::from_millis(2);
const TARGET: &str = "192.0.2.1";

/// A link with a load, looked at as the scheduler does.
struct Lab {
    link: Link,
    now: Moment,
    carried: [f64; 2],
}

impl Lab {
    fn new(spec: &spec::Link) -> Lab {
        let now = clock::now();
        let mut link = Link::new(now);
        link.said(spec);
        Lab { link, now, carried: [0.0; 2] }
    }

    /// Carries so many bits a second for a second; the interface, if it is counted, has 5% more.
    fn carry(&mut self, bits: [f64; 2], counted: bool) {
        for _ in 0..500 {
            self.now += LOOK;
            for (carried, bits) in self.carried.iter_mut().zip(bits) {
                *carried += bits / 8.0 * LOOK.as_secs_f64();
            }
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // bytes of some seconds
            let passed = self.carried.map(|bytes| bytes as u64);
            let wire = counted.then(|| passed.map(|bytes| bytes + bytes / 20));
            self.link.look(&Look { now: self.now, wire, passed, cleared: false });
        }
    }

    fn echo(&mut self, ms: u64) {
        self.link.probed(TARGET.parse().unwrap(), Duration::from_millis(ms), self.now);
    }
}

fn spec(rate: Option<&str>) -> spec::Link {
    let rate = rate.map(|rate| rate.parse().unwrap());
    spec::Link { rate: Limit { down: rate, up: rate }, adapt: true, ..spec::Link::default() }
}

#[test]
fn a_link_rests_while_it_carries_next_to_nothing_either_way() {
    for counted in [true, false] {
        let mut lab = Lab::new(&spec(Some("10 Mbit/s")));
        for (bits, rests) in
            [([0.0, 0.0], true), ([9e6, 0.0], false), ([0.0, 9e6], false), ([2e5, 2e5], true), ([6e5, 0.0], false)]
        {
            lab.carry(bits, counted);
            lab.carry(bits, counted);
            assert_eq!(lab.link.rests(lab.now), rests, "{bits:?}, counted {counted}");
        }
    }
    let mut lab = Lab::new(&spec(None));
    lab.carry([9e6, 9e6], false);
    assert!(lab.link.rests(lab.now), "what it carries is not known, and nothing follows from a queue");
}

#[test]
fn what_the_last_echo_took_is_told_until_it_is_old() {
    let mut lab = Lab::new(&spec(Some("10 Mbit/s")));
    assert_eq!(lab.link.probe(lab.now), None);
    lab.echo(5);
    lab.carry([0.0; 2], false);
    assert_eq!(lab.link.probe(lab.now), Some(Duration::from_millis(5)));
    (0..3).for_each(|_| lab.carry([0.0; 2], false));
    assert_eq!(lab.link.probe(lab.now), None);
}

#[test]
fn a_queue_that_only_echoes_show_has_less_given_out() {
    let mut lab = Lab::new(&spec(Some("10 Mbit/s")));
    lab.echo(5);
    lab.carry([9e6, 1e6], false);
    let given = |lab: &Lab| lab.link.readings(lab.now)[index(Direction::Down)].limit.unwrap();
    let before = given(&lab);
    for _ in 0..3 {
        lab.echo(30);
        lab.now += Duration::from_millis(30);
    }
    lab.link.look(&Look { now: lab.now, wire: None, passed: [0; 2], cleared: false });
    let [down, up] = lab.link.readings(lab.now);
    assert_eq!(down.queue, Some(Duration::from_millis(25)));
    assert!(given(&lab) < before / 2, "{} after {before}", given(&lab));
    assert_eq!(up.queue, Some(Duration::from_millis(25)), "nobody counts the way up, so that it may be there");
}

#[test]
fn a_link_that_is_not_to_adapt_is_not_held_back_for_a_queue() {
    let mut lab = Lab::new(&spec::Link { adapt: false, ..spec(Some("10 Mbit/s")) });
    lab.echo(5);
    lab.carry([9e6, 1e6], false);
    let given = |lab: &Lab| lab.link.readings(lab.now)[index(Direction::Down)].limit.unwrap();
    let before = given(&lab);
    for _ in 0..3 {
        lab.echo(105);
        lab.carry([9e6, 1e6], false);
    }
    assert!(given(&lab) >= before, "{} after {before}", given(&lab));
}
