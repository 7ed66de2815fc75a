//! Deficit round robin over whatever is waiting: who comes new or comes back is served before those who have already
//! had their turn of the round. Each step costs the same for one and for twenty thousand.

use slab::Slab;

/// The rounds that somebody who was briefly away is made up for: one who asks again only after the last grant was
/// written misses turns to a late timer, and should not lose by it.
const CATCH_UP: i64 = 2;

/// Newcomers in a row who are served while others wait, so that an endless stream of them starves nobody.
const NEWCOMERS_IN_A_ROW: u8 = 16;

/// Of those whose turn has begun, how many are looked at to find one's place among them.
const LOOKED_AT: usize = 16;

const NIL: usize = usize::MAX;

/// Where one stands, and what its share of the current round is.
#[derive(Clone, Debug)]
pub struct Place {
    line: Line,
    before: usize,
    after: usize,
    /// The last round it was given bytes for.
    round: u64,
    /// What is left of those; below zero after a grant larger than the rest.
    deficit: i64,
    /// The number of the turn.
    began: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Line {
    Away,
    /// Its turn in this round has begun, and is not used up.
    Begun,
    /// Not served in this round yet.
    Fresh,
    /// Served in this round, or in line for the next.
    Served,
}

/// What can wait in a ring.
pub trait Waits {
    /// Its place.
    fn place(&self) -> &Place;
    /// Its place, to change.
    fn place_mut(&mut self) -> &mut Place;
}

/// The waiting, by their keys in a slab.
#[derive(Clone, Debug)]
pub struct Ring {
    begun: Ends,
    fresh: Ends,
    served: Ends,
    round: u64,
    newcomers: u8,
    /// Turns that began.
    turns: u64,
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    head: usize,
    tail: usize,
}

impl Ends {
    const NONE: Ends = Ends { head: NIL, tail: NIL };
}

impl Place {
    /// Waits nowhere.
    pub fn waits(&self) -> bool {
        self.line != Line::Away
    }
}

impl Ring {
    /// Nobody waits.
    pub fn new() -> Ring {
        Ring { begun: Ends::NONE, fresh: Ends::NONE, served: Ends::NONE, round: 1, newcomers: 0, turns: 0 }
    }

    /// A place for somebody who was never here: one share of the current round.
    pub fn newcomer(&self) -> Place {
        Place { line: Line::Away, before: NIL, after: NIL, round: self.round - 1, deficit: 0, began: 0 }
    }

    /// Nobody waits.
    pub fn is_empty(&self) -> bool {
        [self.begun, self.fresh, self.served].iter().all(|ends| ends.head == NIL)
    }

    /// Whether somebody at this place has used up its share of the current round.
    pub fn had_its_turn(&self, place: &Place) -> bool {
        place.round == self.round && place.deficit <= 0
    }

    /// Begins to wait. `goes_on`: a turn that was not used up goes on before others begin theirs.
    pub fn join<T: Waits>(&mut self, slab: &mut Slab<T>, key: usize, goes_on: bool) {
        debug_assert!(!slab[key].place().waits());
        let place = slab[key].place();
        if self.had_its_turn(place) {
            self.push(slab, key, Line::Served);
        } else if goes_on && place.round == self.round {
            self.resume(slab, key);
        } else {
            self.push(slab, key, Line::Fresh);
        }
    }

    /// Waits no longer.
    pub fn quit<T: Waits>(&mut self, slab: &mut Slab<T>, key: usize) {
        let place = slab[key].place_mut();
        let (line, before, after) = (place.line, place.before, place.after);
        place.line = Line::Away;
        if line == Line::Away {
            return;
        }
        let ends = self.ends(line);
        if before == NIL {
            ends.head = after;
        } else {
            slab[before].place_mut().after = after;
        }
        if after == NIL {
            ends.tail = before;
        } else {
            slab[after].place_mut().before = before;
        }
    }

    /// Whose turn it is. A turn is worth `quantum` bytes; no grant may be larger.
    pub fn turn<T: Waits>(&mut self, slab: &mut Slab<T>, quantum: usize) -> Option<usize> {
        if self.begun.head != NIL {
            return Some(self.begun.head);
        }
        let newcomer = self.fresh.head != NIL && (self.served.head == NIL || self.newcomers < NEWCOMERS_IN_A_ROW);
        let key = if newcomer { self.fresh.head } else { self.served.head };
        if key == NIL {
            return None;
        }
        let quantum = i64::try_from(quantum).unwrap_or(i64::MAX / 4);
        let place = slab[key].place_mut();
        if !newcomer && self.had_its_turn(place) {
            // The line behind it has had its turn too: those are appended in the order in which they were served.
            self.round += 1;
        }
        if place.round < self.round {
            let missed = i64::try_from(self.round - place.round).unwrap_or(i64::MAX).min(CATCH_UP);
            // The bound below holds by itself unless the quantum has shrunk since.
            place.deficit = (place.deficit.max(1 - quantum) + missed * quantum).min(CATCH_UP * quantum);
            place.round = self.round;
            self.turns += 1;
            place.began = self.turns;
            self.newcomers = if newcomer && self.served.head != NIL { self.newcomers.saturating_add(1) } else { 0 };
        }
        Some(key)
    }

    /// The one whose turn it is was given bytes, and does or does not wait for more.
    pub fn served<T: Waits>(&mut self, slab: &mut Slab<T>, key: usize, bytes: usize, waits: bool) {
        let place = slab[key].place_mut();
        place.deficit -= i64::try_from(bytes).unwrap_or(i64::MAX / 4);
        let spent = place.deficit <= 0;
        if !waits {
            self.quit(slab, key);
        } else if spent {
            self.quit(slab, key);
            self.push(slab, key, Line::Served);
        }
    }

    /// Goes on with a turn that was not used up, behind those whose turn began before.
    fn resume<T: Waits>(&mut self, slab: &mut Slab<T>, key: usize) {
        let began = slab[key].place().began;
        let mut before = self.begun.tail;
        for _ in 0..LOOKED_AT {
            if before == NIL || slab[before].place().began <= began {
                break;
            }
            before = slab[before].place().before;
        }
        self.insert(slab, key, Line::Begun, before);
    }

    fn push<T: Waits>(&mut self, slab: &mut Slab<T>, key: usize, line: Line) {
        let before = self.ends(line).tail;
        self.insert(slab, key, line, before);
    }

    /// Puts one into a line behind another, or first.
    fn insert<T: Waits>(&mut self, slab: &mut Slab<T>, key: usize, line: Line, before: usize) {
        let ends = self.ends(line);
        let after = if before == NIL { ends.head } else { slab[before].place().after };
        if before == NIL {
            ends.head = key;
        } else {
            slab[before].place_mut().after = key;
        }
        if after == NIL {
            ends.tail = key;
        } else {
            slab[after].place_mut().before = key;
        }
        let place = slab[key].place_mut();
        (place.line, place.before, place.after) = (line, before, after);
    }

    fn ends(&mut self, line: Line) -> &mut Ends {
        match line {
            Line::Begun => &mut self.begun,
            Line::Fresh => &mut self.fresh,
            Line::Served | Line::Away => &mut self.served,
        }
    }
}
