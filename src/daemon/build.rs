//! From a checked configuration to a plan and its ways out.

use std::fs;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::limits::Descriptors;
use crate::config::Config;
use crate::egress::{self, Condition, Egresses, Healths, Origins, Resolver};
use crate::flow::{Current, Parts, Plan, Way, Ways};

/// The plan of a configuration: all that judging needs, and nothing that touches the network.
///
/// # Errors
/// Those of reading keys that are in a kept copy of a list.
pub fn plan(config: &Config, generation: u64) -> io::Result<Plan> {
    Plan::new(Parts {
        generation,
        gateway: config.name.clone(),
        calendar: config.calendar.clone(),
        listeners: config.listeners.clone(),
        pac: config.pac.clone(),
        clients: config.clients.clone(),
        categories: config.categories.clone(),
        policy: config.policy.clone(),
        tubes: config.tubes.clone(),
        guard: config.egress.guard.clone(),
    })
}

/// Where the system names its resolvers (resolv.conf(5)).
const SYSTEM: &str = "/etc/resolv.conf";

/// Builds plans with their ways out. A resolver outlives a reload that does not concern it, and keeps what it knows.
pub struct Builder {
    clear: Kept,
    rest: Kept,
    /// How the ways out fare, in both compartments together.
    healths: Healths,
    /// Owns the connections to origins. They are no flows: a drain does not wait for idle ones.
    tasks: TaskTracker,
}

/// By whom names are looked up: `[dns]`, and what the system says of its own servers where that names none.
type Served = (egress::Dns, Option<String>);

/// What a compartment keeps from plan to plan.
struct Kept {
    origins: Origins,
    resolver: Mutex<Option<(Served, Arc<Resolver>)>>,
    /// Names that it looks up at once.
    names: usize,
    /// Attempts to connect beside each flow's first.
    spare: Arc<Semaphore>,
}

impl Builder {
    /// Reads the system's roots of trust. Each compartment has half of what there is.
    pub fn new(descriptors: Descriptors) -> Self {
        let tasks = TaskTracker::new();
        let (idle, names) = (descriptors.idle / 2, descriptors.names / 2);
        let spare = || Arc::new(Semaphore::new(descriptors.attempts / 2));
        let kept = |origins| Kept { origins, resolver: Mutex::default(), names, spare: spare() };
        let clear = Origins::new(tasks.clone(), idle);
        let rest = clear.beside(idle);
        Builder { clear: kept(clear), rest: kept(rest), healths: Healths::default(), tasks }
    }

    /// Closes idle connections to origins and waits for those of flows that have been ended.
    pub async fn close(&self) {
        self.clear.origins.close();
        self.rest.origins.close();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// How each way out fares.
    pub fn conditions(&self) -> Vec<Condition> {
        self.healths.conditions()
    }

    /// A plan with its ways out.
    pub fn build(&self, config: &Config, plan: Plan) -> Current {
        let way = |kept: &Kept| kept.way(&config.egress, &self.healths);
        let ways = Ways { clear: way(&self.clear), rest: way(&self.rest) };
        Current { plan: Arc::new(plan), ways }
    }
}

impl Kept {
    fn way(&self, spec: &egress::Spec, healths: &Healths) -> Way {
        let egresses = Egresses::new(spec, self.resolver(&spec.dns), Arc::clone(&self.spare), healths);
        Way { egresses, origins: self.origins.clone() }
    }

    fn resolver(&self, dns: &egress::Dns) -> Arc<Resolver> {
        let mut known = self.resolver.lock().unwrap_or_else(PoisonError::into_inner);
        let system = dns.servers.is_empty().then(|| fs::read_to_string(SYSTEM).unwrap_or_default());
        let served = (dns.clone(), system);
        if let Some((by, resolver)) = &*known
            && *by == served
        {
            return Arc::clone(resolver);
        }
        let resolver = Arc::new(Resolver::new(dns, self.names));
        *known = Some((served, Arc::clone(&resolver)));
        resolver
    }
}
