//! From a checked configuration to a plan and its ways out.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::egress::{self, Egresses, Origins, Resolver};
use crate::flow::{Current, Parts, Plan, Ways};

/// The plan of a configuration: all that judging needs, and nothing that touches the network.
pub fn plan(config: &Config, generation: u64) -> Plan {
    Plan::new(Parts {
        generation,
        gateway: config.name.clone(),
        calendar: config.calendar.clone(),
        listeners: config.listeners.clone(),
        clients: config.clients.clone(),
        categories: config.categories.clone(),
        policy: config.policy.clone(),
        tubes: config.tubes.clone(),
        guard: config.egress.guard.clone(),
    })
}

/// Builds plans with their ways out. A resolver outlives a reload that does not concern it, and keeps what it knows.
pub struct Builder {
    origins: Origins,
    resolver: Mutex<Option<(egress::Dns, Arc<Resolver>)>>,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// Reads the system's roots of trust.
    pub fn new() -> Self {
        // Idle connections to origins are tasks too, but not flows: a drain does not wait for them.
        Builder { origins: Origins::new(TaskTracker::new()), resolver: Mutex::new(None) }
    }

    /// A whole new plan.
    pub fn build(&self, config: &Config, generation: u64) -> Current {
        let egresses = Egresses::new(&config.egress, self.resolver(&config.egress.dns));
        let origins = self.origins.clone();
        Current { plan: Arc::new(plan(config, generation)), ways: Ways { egresses, origins } }
    }

    fn resolver(&self, dns: &egress::Dns) -> Arc<Resolver> {
        let mut kept = self.resolver.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, resolver)) = &*kept
            && of == dns
        {
            return Arc::clone(resolver);
        }
        let resolver = Arc::new(Resolver::new(dns));
        *kept = Some((dns.clone(), Arc::clone(&resolver)));
        resolver
    }
}
