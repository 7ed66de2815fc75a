//! Whether a way out leads anywhere: what became of the connections that were tried through it.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::HashMap;
use foldhash::fast::RandomState;

use super::dial::DialError;
use super::here::Wants;
use super::resolve::ResolveError;
use crate::base::{EgressId, Fault, Host, Moment, Reason, Side, clock};

/// Of a connection that was made.
pub const MADE: &str = "made";

/// Of one whose client gave up, after `PATIENCE` without an answer.
pub const ABANDONED: &str = "abandoned";

/// After that long three SYNs have gone unanswered (at 0, 1 and 3 s): a client that gives up sooner tells nothing.
const PATIENCE: Duration = Duration::from_secs(3);

/// So many different hosts in a row are kept apart; more would say nothing that these do not.
const HOSTS: usize = 16;

/// Of every egress that any configuration had. Cheap to clone; outlives a reload.
#[derive(Clone, Debug, Default)]
pub struct Healths(Arc<Mutex<HashMap<EgressId, Arc<Health>>>>);

/// What is known of an egress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Which.
    pub egress: EgressId,
    /// Different hosts in a row that could not be reached, at most `HOSTS`; 0 once a connection is made. One site that
    /// is down is one host, however often it is tried.
    pub failing: usize,
    /// How many connections came to what, since the process began: [`MADE`], [`ABANDONED`] or a reason.
    pub connects: BTreeMap<&'static str, u64>,
}

/// One egress's.
#[derive(Debug, Default)]
pub(super) struct Health {
    tally: Mutex<Tally>,
    pub(super) wants: Wants,
    /// Hosts are kept as hashes that are seeded anew in each process: what cannot be read cannot leak.
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Tally {
    connects: BTreeMap<&'static str, u64>,
    failing: Vec<u64>,
}

/// An attempt under way; dropped before it has ended, its client gave up.
pub(super) struct Attempt {
    health: Arc<Health>,
    host: u64,
    began: Moment,
    over: bool,
}

impl Healths {
    /// That of an egress, from its first configuration on.
    pub(super) fn of(&self, egress: &EgressId) -> Arc<Health> {
        Arc::clone(self.all().entry(egress.clone()).or_default())
    }

    /// How each fares, by name.
    pub fn conditions(&self) -> Vec<Condition> {
        let mut all: Vec<Condition> = self
            .all()
            .iter()
            .map(|(egress, health)| {
                let tally = health.tally();
                Condition { egress: egress.clone(), failing: tally.failing.len(), connects: tally.connects.clone() }
            })
            .collect();
        all.sort_by(|one, other| one.egress.cmp(&other.egress));
        all
    }

    fn all(&self) -> MutexGuard<'_, HashMap<EgressId, Arc<Health>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Health {
    /// A connection to a host is to be made.
    pub(super) fn attempt(self: &Arc<Self>, host: &Host) -> Attempt {
        Attempt { health: Arc::clone(self), host: self.hasher.hash_one(host), began: clock::now(), over: false }
    }

    fn made(&self) {
        let mut tally = self.tally();
        tally.failing.clear();
        tally.count(MADE);
    }

    fn failed(&self, host: u64, word: &'static str) {
        let mut tally = self.tally();
        if tally.failing.len() < HOSTS && !tally.failing.contains(&host) {
            tally.failing.push(host);
        }
        tally.count(word);
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    fn count(&mut self, word: &'static str) {
        *self.connects.entry(word).or_default() += 1;
    }
}

impl Attempt {
    /// What came of it.
    pub(super) fn ended<T>(mut self, result: &Result<T, DialError>) {
        self.over = true;
        match result {
            Ok(_) => self.health.made(),
            Err(error) if untried(error) => {}
            Err(error) => {
                let fault = error.fault();
                if answered(fault) {
                    self.health.tally().count(fault.reason.as_str());
                } else {
                    self.health.failed(self.host, fault.reason.as_str());
                }
            }
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.over && clock::now().saturating_duration_since(self.began) >= PATIENCE {
            self.health.failed(self.host, ABANDONED);
        }
    }
}

/// Nothing was sent: the name or the configuration stood against it.
fn untried(error: &DialError) -> bool {
    match error {
        DialError::NoEgress(_) | DialError::Denied(_) | DialError::NoFamily(_) => true,
        DialError::Resolve { side, error, .. } => *side == Side::Origin && matches!(error, ResolveError::NotFound),
        _ => false,
    }
}

/// The origin's own machine said no, so the way led there; but that is no connection either.
fn answered(fault: Fault) -> bool {
    fault.side == Side::Origin && matches!(fault.reason, Reason::ConnectRefused | Reason::Reset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::parent::ParentError;

    fn host(name: &str) -> Host {
        name.parse().unwrap()
    }

    fn timed_out(name: &str) -> DialError {
        let target = format!("{name}:443").parse().unwrap();
        DialError::TimedOut { side: Side::Origin, target, after: Duration::from_secs(10) }
    }

    fn failing(healths: &Healths) -> usize {
        healths.conditions()[0].failing
    }

    #[test]
    fn one_site_that_is_down_is_one_host_and_a_connection_that_is_made_ends_the_row() {
        let healths = Healths::default();
        let health = healths.of(&"out".into());
        let fails = |name: &str| health.attempt(&host(name)).ended::<()>(&Err(timed_out(name)));
        for _ in 0..100 {
            fails("dead.example");
        }
        assert_eq!(failing(&healths), 1);
        (0..40).for_each(|number| fails(&format!("n{number}.example")));
        assert_eq!(failing(&healths), HOSTS);
        health.attempt(&host("dead.example")).ended(&Ok(()));
        let [condition] = &healths.conditions()[..] else { panic!() };
        assert_eq!(condition.failing, 0);
        assert_eq!(condition.connects, [("connect-timeout", 140), (MADE, 1)].into());
    }

    #[test]
    fn only_what_tells_of_the_way_counts_against_it() {
        let connect = |side, kind: std::io::ErrorKind| DialError::Connect {
            side,
            address: "192.0.2.1:443".parse().unwrap(),
            error: kind.into(),
        };
        let resolve = |side, error| DialError::Resolve { side, name: "a.example".parse().unwrap(), error };
        use std::io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable};
        for (error, counted, against) in [
            (DialError::NoEgress("out".into()), 0, 0),
            (DialError::Denied("a.example:443".parse().unwrap()), 0, 0),
            (DialError::NoFamily("a.example:443".parse().unwrap()), 0, 0),
            (resolve(Side::Origin, ResolveError::NotFound), 0, 0),
            (resolve(Side::Parent, ResolveError::NotFound), 1, 1),
            (connect(Side::Origin, ConnectionRefused), 1, 0),
            (connect(Side::Parent, ConnectionRefused), 1, 1),
            (connect(Side::Origin, HostUnreachable), 1, 1),
            (connect(Side::Origin, AddrNotAvailable), 1, 1),
            // The egress's source address is gone from this machine.
            (DialError::Local { what: "source", error: AddrNotAvailable.into() }, 1, 1),
            (DialError::Parent(ParentError::Refused { status: 407 }), 1, 1),
            (timed_out("a.example"), 1, 1),
        ] {
            let healths = Healths::default();
            let told = error.to_string();
            healths.of(&"out".into()).attempt(&host("a.example")).ended::<()>(&Err(error));
            let condition = &healths.conditions()[0];
            assert_eq!((condition.connects.values().sum::<u64>(), condition.failing), (counted, against), "{told}");
        }
    }

    #[test]
    fn who_gives_up_late_tells_and_who_gives_up_soon_does_not() {
        for (waited, against) in [(Duration::from_secs(1), 0), (PATIENCE, 1)] {
            let healths = Healths::default();
            let mut attempt = healths.of(&"out".into()).attempt(&host("a.example"));
            attempt.began = clock::now().checked_sub(waited).unwrap();
            drop(attempt);
            assert_eq!(failing(&healths), against, "{waited:?}");
        }
    }
}
