//! One whole plan: everything that a flow is judged by and carried with, of one generation. It never changes; a reload
//! makes another.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use jiff::Timestamp;

use super::bulkhead::Compartment;
use crate::base::{Calendar, EgressId, GroupId, ListenerId, Rate, TubeId};
use crate::category::{self, Catalog};
use crate::client::{self, Clients};
use crate::egress::{self, Egresses, Origins};
use crate::policy::{self, Policy};
use crate::relay::http::Via;
use crate::{listen, tube};

/// What a plan is made of.
#[derive(Debug)]
pub struct Parts {
    /// Counts the plans of a process, from 1.
    pub generation: u64,
    /// The gateway's name.
    pub gateway: String,
    /// How the gateway's place reads the clock.
    pub calendar: Calendar,
    /// The listeners.
    pub listeners: Vec<listen::Spec>,
    /// What browsers are told.
    pub pac: listen::Pac,
    /// The groups.
    pub clients: client::Spec,
    /// The categories.
    pub categories: category::Spec,
    /// The rules.
    pub policy: policy::Spec,
    /// The link and its tubes.
    pub tubes: tube::Spec,
    /// What no flow may do.
    pub guard: egress::Guard,
}

/// What judges flows: pure, so that `explain`, `test` and the live gateway cannot differ.
#[derive(Debug)]
pub struct Plan {
    /// Counts the plans of a process, from 1.
    pub generation: u64,
    /// The gateway's name.
    pub gateway: String,
    /// The same as messages that pass are marked with it.
    pub via: Via,
    /// How the gateway's place reads the clock.
    pub calendar: Calendar,
    /// The link and its tubes.
    pub tubes: tube::Spec,
    /// What no flow may do.
    pub guard: egress::Guard,
    /// Client addresses to groups.
    pub clients: Clients,
    /// What browsers are told.
    pub pac: listen::Pac,
    pub(super) catalog: Catalog,
    pub(super) policy: Policy,
    listeners: Vec<listen::Spec>,
}

/// How flows leave, for the lifetime of a plan. What one compartment does with its names and connections, the other does
/// not notice.
#[derive(Clone)]
pub struct Ways {
    /// Clear flows.
    pub clear: Way,
    /// All others.
    pub rest: Way,
}

impl Ways {
    /// Those of a compartment.
    pub fn of(&self, compartment: Compartment) -> &Way {
        match compartment {
            Compartment::Clear => &self.clear,
            Compartment::Rest => &self.rest,
        }
    }
}

/// How flows of a compartment leave.
#[derive(Clone)]
pub struct Way {
    /// By the names of the configuration.
    pub egresses: Egresses,
    /// The connections to origins that are kept between requests, whatever the plan.
    pub origins: Origins,
}

impl Plan {
    /// Compiles a plan.
    ///
    /// # Errors
    /// Those of reading keys that are in a kept copy of a list.
    pub fn new(parts: Parts) -> io::Result<Self> {
        Ok(Plan {
            generation: parts.generation,
            via: Via::new(&parts.gateway),
            gateway: parts.gateway,
            calendar: parts.calendar,
            tubes: parts.tubes,
            guard: parts.guard,
            clients: Clients::new(&parts.clients),
            catalog: Catalog::new(&parts.categories)?,
            policy: Policy::new(&parts.policy),
            listeners: parts.listeners,
            pac: parts.pac,
        })
    }

    /// Whether a client may use a listener. A listener that is gone from the configuration has nobody new to refuse:
    /// its open flows go on.
    pub fn admits(&self, listener: &ListenerId, client: IpAddr) -> bool {
        self.listeners
            .iter()
            .find(|spec| spec.id == *listener)
            .is_none_or(|spec| spec.clients.iter().any(|net| net.contains(client)))
    }

    /// The listeners that a client may use.
    pub fn listeners_of(&self, client: IpAddr) -> impl Iterator<Item = &ListenerId> {
        let admits = move |spec: &&listen::Spec| spec.clients.iter().any(|net| net.contains(client));
        self.listeners.iter().filter(admits).map(|spec| &spec.id)
    }

    /// Whether any list looks at the paths of plain requests.
    pub fn sees_pages(&self) -> bool {
        self.catalog.sees_pages()
    }

    /// A tube and those around it, from the inside out.
    pub(super) fn around(&self, tube: &TubeId) -> impl Iterator<Item = &tube::Tube> {
        let outer = |tube: &&tube::Tube| tube.within.as_ref().and_then(|around| self.tubes.tube(around));
        std::iter::successors(self.tubes.tube(tube), outer)
    }

    /// How a tube's flows leave: its own egress, or that of the nearest tube around it, or the system's route.
    pub fn egress_of(&self, tube: &TubeId) -> EgressId {
        let named = self.around(tube).find_map(|tube| tube.egress.clone());
        named.unwrap_or_else(|| EgressId::from(egress::egresses::SYSTEM))
    }

    /// How full the process may be, in percent of the connections it has room for, for a flow of this tube still to be
    /// taken. The last places are clinical's; the rest are given up lowest tube first.
    pub fn room_of(&self, tube: &TubeId) -> u8 {
        let priority = self.tubes.tube(tube).map_or(u8::MAX, |tube| tube.priority);
        let better = self.tubes.tubes.iter().filter(|tube| tube.priority < priority && tube.priority > 0);
        let better = better.map(|tube| tube.priority).collect::<std::collections::BTreeSet<_>>().len();
        match priority {
            0 => 100,
            _ => 90u8.saturating_sub(10u8.saturating_mul(u8::try_from(better).unwrap_or(u8::MAX))).max(50),
        }
    }

    /// What a tube's flows share with others: clear ones have their own.
    pub fn compartment_of(&self, tube: &TubeId) -> Compartment {
        match self.tubes.tube(tube) {
            Some(tube) if tube.priority == 0 => Compartment::Clear,
            _ => Compartment::Rest,
        }
    }

    /// The groups of a client; one that is not named is in none.
    pub fn groups_of(&self, client: Option<IpAddr>, user: Option<&str>) -> Vec<GroupId> {
        // 0.0.0.0 is nobody's address (RFC 1122 section 3.2.1.3), so it stands for a client that no group has.
        let client = client.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        self.clients.groups_of(client, user)
    }

    /// The most a tube may use at a moment: the least ceiling of it and of the tubes around it.
    pub fn limit_at(&self, tube: &TubeId, at: Timestamp) -> tube::Limit {
        let least = |one: Option<Rate>, other: Option<Rate>| [one, other].into_iter().flatten().min();
        self.around(tube).map(|tube| tube.ceiling_at(at, &self.calendar)).fold(tube::Limit::default(), |limit, own| {
            tube::Limit { down: least(limit.down, own.down), up: least(limit.up, own.up) }
        })
    }

    /// The next moment after `after` at which a flow may be judged otherwise, or a tube have another ceiling.
    pub fn next_edge(&self, after: Timestamp) -> Option<Timestamp> {
        let rules = self.policy.next_edge(after, &self.calendar);
        let tubes = self.tubes.next_edge(after, &self.calendar);
        [rules, tubes].into_iter().flatten().min()
    }
}
