//! Sets a scene up: an origin, a proxy and a client, fresh for every measurement, each in its place.

use std::io;

use crate::Outcome;
use crate::account::Parties;
use crate::client::{Found, Job, Road, Work};
use crate::peer::{Goal, Peer, Proxy, Setting};
use crate::place::{CLIENT, Layout, ORIGIN, Running};

/// How long things are measured.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Seconds before anything counts.
    pub warm: f64,
    /// Seconds that count.
    pub seconds: f64,
    /// Tunnels of the crowd.
    pub crowd: usize,
    /// Tunnels that do nothing.
    pub idle: usize,
}

/// What scenes are played on.
pub struct Stage {
    pub cores: Vec<usize>,
    pub pace: Pace,
    /// What did not fit.
    pub notes: Vec<String>,
    descriptors: u64,
}

/// A scene that is set up.
pub struct Set<'a> {
    layout: &'a Layout,
    peer: &'a Peer,
    origin: Running,
    port: u16,
    proxy: Proxy,
    _dir: tempfile::TempDir,
}

impl Stage {
    /// A stage of these cores, on which a process may open so many descriptors.
    pub fn new(cores: Vec<usize>, descriptors: u64, mut pace: Pace) -> Stage {
        let mut notes = Vec::new();
        let most = |part: f64| (descriptors as f64 * part) as usize;
        // A tunnel is two descriptors, and not all are for tunnels; the last tubes are refused first as Clearway fills.
        for (name, wanted, most) in [("idle", &mut pace.idle, most(0.42)), ("many", &mut pace.crowd, most(0.32))] {
            if *wanted > most {
                notes.push(format!(
                    "`{name}` holds {most} tunnels, not {wanted}: a process may open {descriptors} descriptors here"
                ));
                *wanted = most;
            }
        }
        Stage { cores, pace, notes, descriptors }
    }

    /// Sets a scene up with a peer.
    pub fn set<'a>(&self, layout: &'a Layout, peer: &'a Peer) -> Outcome<Set<'a>> {
        let mut origin = Running::role(ORIGIN, &layout.others, &[])?;
        let port = origin.line()?.parse().map_err(|_| io::Error::other("the origin does not start"))?;
        let dir = tempfile::tempdir()?;
        let proxy = peer.start(&Setting {
            dir: dir.path(),
            origin: port,
            cores: &layout.proxy,
            descriptors: self.descriptors,
        })?;
        Ok(Set { layout, peer, origin, port, proxy, _dir: dir })
    }

    /// Does one piece of work through a peer.
    pub fn once(&self, layout: &Layout, peer: &Peer, goal: Goal, work: Work) -> Outcome<Found> {
        self.set(layout, peer)?.act(goal, work)
    }
}

impl Set<'_> {
    /// A way to the origin.
    pub fn road(&self, goal: Goal) -> Road {
        self.peer.road(self.proxy.address, goal, self.port)
    }

    /// Has a fresh client do a piece of work.
    pub fn act(&mut self, goal: Goal, work: Work) -> Outcome<Found> {
        let parties = Parties { proxy: self.proxy.running.as_ref().map(Running::pid), origin: self.origin.pid() };
        let job = serde_json::to_string(&Job { work, road: self.road(goal), parties })?;
        let said = Running::role(CLIENT, &self.layout.others, &[job])?.all()?;
        if self.proxy.running.as_mut().is_some_and(Running::has_ended) {
            return Err("the proxy ended".into());
        }
        Ok(serde_json::from_str(&said)?)
    }
}
