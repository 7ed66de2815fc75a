//! What every flow is carried by: the plan in force, the tubes, the records, and the flows that are open.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::bulkhead::{Bulkheads, Compartment};
use super::end::End;
use super::judge::{Question, Verdict};
use super::live::{About, Live, Registry};
use super::plan::{Plan, Way, Ways};
use crate::account::{Account, Judgement};
use crate::base::{Fault, ListenerId, Reason, Side, clock};
use crate::tube::{Pass, Sharer, Tubes};

/// Lives as long as the process. Plans come and go in it.
pub struct Carrier {
    current: ArcSwap<Current>,
    /// Held while tubes and flows follow a new plan or the clock, so that neither overtakes the other.
    turn: Mutex<()>,
    /// Counts what may change a verdict: a new plan, a window's edge.
    epoch: AtomicU64,
    /// The link's scheduler.
    pub tubes: Tubes,
    /// The records.
    pub account: Account,
    /// The open flows.
    pub live: Arc<Registry>,
    /// What carries connections and tunnels.
    pub bulkheads: Arc<Bulkheads>,
    /// Cancelled when no new flow is wanted.
    pub drain: CancellationToken,
    /// Cancelled when another process accepts connections in place of this one. Those that are open are served, but are not
    /// kept for a next request.
    pub handed: CancellationToken,
    /// Cancelled with either: who can be told to come back for more is told so (GOAWAY, RFC 9113 section 6.8).
    pub leaving: CancellationToken,
}

/// The plan in force and its ways out.
pub struct Current {
    /// What judges.
    pub plan: Arc<Plan>,
    /// What connects.
    pub ways: Ways,
}

impl Carrier {
    /// Starts with a first plan.
    pub fn new(current: Current, tubes: Tubes, account: Account, bulkheads: Arc<Bulkheads>) -> Arc<Self> {
        let drain = CancellationToken::new();
        Arc::new(Carrier {
            current: ArcSwap::from_pointee(current),
            turn: Mutex::new(()),
            epoch: AtomicU64::new(0),
            tubes,
            account,
            live: Arc::default(),
            bulkheads,
            leaving: drain.child_token(),
            drain,
            handed: CancellationToken::new(),
        })
    }

    /// The plan in force and its ways out.
    pub fn current(&self) -> Guard<Arc<Current>> {
        self.current.load()
    }

    /// How a flow leaves, by the verdict in force.
    pub fn way_of(&self, live: &Live) -> Way {
        let current = self.current();
        let tube = live.state().verdict.as_ref().map(|verdict| verdict.tube.clone());
        let compartment = tube.map_or(Compartment::Rest, |tube| current.plan.compartment_of(&tube));
        current.ways.of(compartment).clone()
    }

    /// Puts a new plan in force and judges every open flow by it.
    pub fn replace(&self, current: Current, at: Timestamp) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.tubes.apply(&current.plan.tubes, &current.plan.calendar, at);
        self.current.store(Arc::new(current));
        self.judge_all(at);
    }

    /// A window opened or closed: the tubes get their ceilings of now, and every open flow is judged again.
    pub fn edge(&self, at: Timestamp) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = Arc::clone(&self.current().plan);
        self.tubes.apply(&plan.tubes, &plan.calendar, at);
        self.judge_all(at);
    }

    fn judge_all(&self, at: Timestamp) {
        // Before the flows are listed: one that is judged meanwhile by what held before sees that the epoch changed.
        self.epoch.fetch_add(1, Ordering::SeqCst);
        for live in self.live.all() {
            if live.state().pass.is_some()
                && let Err(end) = self.judge(&live, at)
            {
                live.stop(end.fault());
            }
        }
    }

    /// Judges a flow by the plan in force and gives it its place in a tube, or moves it there from another.
    ///
    /// # Errors
    /// When the policy, the guard, the listener or a full tube says no.
    pub fn settle(&self, live: &Live) -> Result<(Verdict, Arc<Pass>), End> {
        loop {
            let epoch = self.epoch.load(Ordering::SeqCst);
            let settled = self.judge(live, clock::wall())?;
            if self.epoch.load(Ordering::SeqCst) == epoch {
                return Ok(settled);
            }
        }
    }

    fn judge(&self, live: &Live, at: Timestamp) -> Result<(Verdict, Arc<Pass>), End> {
        let current = self.current();
        let plan = &current.plan;
        let About { listener, client, user, target, path, chosen } = &live.about;
        if !plan.admits(listener, *client) {
            return Err(End::ClientNotAllowed);
        }
        let groups = plan.clients.groups_of(*client, user.as_deref());
        let mut state = live.state();
        let (said, path) = (state.said.as_ref(), path.as_deref());
        let question = Question { groups: &groups, target, path, said, at };
        let mut verdict = plan.judge(&question);
        let mut reached = chosen.map(|chosen| chosen.ip());
        if let Some((egress, peer)) = &state.left {
            verdict.egress = egress.clone();
            reached = reached.or(*peer);
        }
        if verdict.refusal.is_none() && reached.is_some_and(|reached| !plan.guard.permits(reached)) {
            verdict.refuse(Reason::AddressDenied);
        }
        live.open.judged(Judgement {
            category: verdict.category.clone(),
            tube: verdict.tube.clone(),
            rule: verdict.rule.as_ref().map(|rule| rule.id.clone()),
            action: verdict.action.as_str(),
            egress: verdict.egress.clone(),
            watched: verdict.watched.iter().map(|(rule, other)| (rule.id.clone(), *other)).collect(),
        });
        live.berth.want(plan.compartment_of(&verdict.tube));
        state.verdict = Some(verdict.clone());
        if let Some(reason) = verdict.refusal {
            return Err(End::Refused { reason, rule: verdict.rule });
        }
        let pass = match &state.pass {
            Some(pass) => {
                if pass.tube() != verdict.tube {
                    pass.move_to(&verdict.tube)?;
                }
                Arc::clone(pass)
            }
            None => Arc::new(self.tubes.admit(&verdict.tube, Sharer { client: *client, user: user.clone() })?),
        };
        state.pass = Some(Arc::clone(&pass));
        Ok((verdict, pass))
    }

    /// Ends every open flow: a drain's time has run out.
    pub fn stop_all(&self, reason: Reason) {
        for live in self.live.all() {
            live.stop(Fault::new(Side::Proxy, reason));
        }
    }

    /// Whether a client may use a listener by the plan in force.
    pub fn admits(&self, listener: &ListenerId, client: IpAddr) -> bool {
        self.current().plan.admits(listener, client)
    }
}
