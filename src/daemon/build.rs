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
    /// Owns the connections to origins. They are no flows: a drain does not wait for idle ones.
    tasks: TaskTracker,
    resolver: Mutex<Option<(egress::Dns, Arc<Resolver>)>>,
}

impl Builder {
    /// Reads the system's roots of trust. At most `most_idle` connections to origins are kept between requests.
    pub fn new(most_idle: usize) -> Self {
        let tasks = TaskTracker::new();
        Builder { origins: Origins::new(tasks.clone(), most_idle), tasks, resolver: Mutex::new(None) }
    }

    /// Closes idle connections to origins and waits for those of flows that have been ended.
    pub async fn close(&self) {
        self.origins.close();
        self.tasks.close();
        self.tasks.wait().await;
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
