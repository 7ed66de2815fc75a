//! What people and Prometheus see of a running gateway: metrics, health, a small API and the live page, on a thread
//! of its own so that a loaded data plane cannot make them fail. `view` is what the daemon tells, `state` the sentence
//! that sums it up, `history` what it was in the last hour, `live` the page, `route` what is answered, `serve` the thread
//! and its doors, `socket` the door that only this machine's owner may open, `client`
//! the other side of it.

pub mod client;
#[cfg(test)]
pub mod example;
pub mod history;
pub mod live;
pub mod route;
pub mod serve;
pub mod socket;
pub mod state;
pub mod view;

pub use client::{AskError, ask};
pub use history::{HistoryView, RefusedPast, TubePast, WayPast};
pub use serve::{Place, Portal, PortalError, Sockets, serve};
pub use state::{Mood, StateView};
pub use view::{
    AdmissionView, Asked, BeforeView, BoxFuture, CertificateView, Gateway, LapsingRule, LastReload, LinkNow, LinkView,
    LinkWayView, ListenerView, PeakView, Refused, RefusedList, RefusedView, ReloadOutcome, Status, TubeView, Tubes,
    UpgradeOutcome, WatchView, WayView,
};
