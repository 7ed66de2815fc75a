//! What one way of the link is held to: what was said, or less where less was found, and from there up again. Pure.

/// A way that uses less of what it has than this would not use more.
const USED: f64 = 0.75;
/// How much more than was found is tried at the end of a [`Found::plateau`]. It grows with the cube of the time: for most of
/// it next to nothing is tried, and when that met no queue for long, soon much more.
const TOP: f64 = 0.06;
/// Steps until then. What is found a second time is known better, and is left alone for longer.
const PLATEAU: f64 = 40.0;
const LONGEST: f64 = 160.0;
/// The same when what it carries could only be guessed.
const GUESSED: f64 = 6.0;
/// What was found once more: within this of what was known.
const SAME: f64 = 0.1;
/// Of what was said, what is as much as was said.
const ENOUGH: f64 = 0.95;
/// The least that a way is held to, in bits a second, however little it seems to carry.
const LEAST: f64 = 100e3;
/// Above this, of what was found, more is being tried.
const TRIED: f64 = 1.01;

/// What was found.
#[derive(Clone, Copy, Debug)]
struct Found {
    rate: f64,
    /// How often more was tried since.
    steps: f64,
    plateau: f64,
}

/// One way; rates are bits a second.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    said: f64,
    held: f64,
    found: Option<Found>,
}

impl Way {
    /// A way that is said to carry so much.
    pub fn new(said: f64) -> Way {
        Way { said, held: said, found: None }
    }

    /// What was said.
    pub fn said(&self) -> f64 {
        self.said
    }

    /// What it is held to.
    pub fn held(&self) -> f64 {
        self.held
    }

    /// Whether less was found than was said.
    pub fn is_found(&self) -> bool {
        self.found.is_some()
    }

    /// Holds it to so much for now.
    pub fn hold(&mut self, rate: f64) {
        self.held = rate.max(LEAST).min(self.said);
    }

    /// It carries so much, and no more.
    pub fn find(&mut self, rate: f64) {
        let known = self.found.filter(|found| (rate / found.rate - 1.0).abs() < SAME);
        let plateau = match known {
            Some(found) if found.steps > 0.0 => (2.0 * found.plateau).clamp(PLATEAU, LONGEST),
            Some(found) => found.plateau.max(PLATEAU),
            None => PLATEAU,
        };
        self.settle(rate, plateau);
    }

    /// It carries so much and most likely more.
    pub fn guess(&mut self, rate: f64) {
        self.settle(rate, GUESSED);
    }

    fn settle(&mut self, rate: f64, plateau: f64) {
        self.hold(rate);
        self.found = (rate < ENOUGH * self.said).then_some(Found { rate: self.held, steps: 0.0, plateau });
        if self.found.is_none() {
            self.held = self.said;
        }
    }

    /// Tries more, if it would be used.
    pub fn more(&mut self, carried: f64) {
        if carried < USED * self.held {
            return;
        }
        let Some(found) = &mut self.found else { return };
        found.steps += 1.0;
        let more = found.rate * (1.0 + TOP * (found.steps / found.plateau).powi(3));
        self.held = f64::max(self.held, more);
        if self.held >= self.said {
            (self.held, self.found) = (self.said, None);
        }
    }

    /// A queue stands, though not a long one: if more was being tried, that was too much.
    pub fn back(&mut self) {
        if let Some(found) = &mut self.found
            && self.held > TRIED * found.rate
        {
            (found.steps, found.plateau) = (0.0, (2.0 * found.plateau).min(LONGEST));
            self.held = found.rate;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps until a way that was found to carry 25 of 50 Mbit/s is tried with so much.
    fn steps(way: &Way, rate: f64) -> usize {
        let mut way = *way;
        (0..).take_while(|_| (way.held() < rate).then(|| way.more(way.held())).is_some()).count()
    }

    #[test]
    fn what_was_found_is_left_alone_for_long_and_then_given_back_soon() {
        let mut way = Way::new(50e6);
        way.find(25e6);
        assert!(steps(&way, 25.2e6) >= 20, "{}", steps(&way, 25.2e6));
        assert!((30..60).contains(&steps(&way, 26.5e6)), "{}", steps(&way, 26.5e6));
        assert!(steps(&way, 50e6) <= 110, "{}", steps(&way, 50e6));
    }

    #[test]
    fn what_was_found_again_is_left_alone_for_longer_but_not_for_ever() {
        let mut way = Way::new(50e6);
        way.find(25e6);
        let first = steps(&way, 26.5e6);
        for again in 1..10 {
            while way.held() < 26.5e6 {
                way.more(way.held());
            }
            if again % 2 == 0 {
                way.find(24.9e6);
            } else {
                way.back();
            }
            assert!(way.held() <= 25e6 && steps(&way, 26.5e6) > first);
        }
        assert!(steps(&way, 50e6) <= 420, "{}", steps(&way, 50e6));
    }

    #[test]
    fn what_nobody_would_use_is_not_tried() {
        let mut way = Way::new(50e6);
        way.find(25e6);
        (0..500).for_each(|_| way.more(15e6));
        assert_eq!(way.held(), 25e6);
    }

    #[test]
    fn nearly_as_much_as_was_said_is_as_much() {
        let mut way = Way::new(50e6);
        way.find(48e6);
        assert_eq!(way.held(), 50e6);
        way.back();
        assert_eq!(way.held(), 50e6);
    }
}
