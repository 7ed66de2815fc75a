//! What people and Prometheus see of a running gateway: metrics, health, a small API and the live page, on a thread
//! of its own so that a loaded data plane cannot make them fail. `view` is what the daemon tells, `route` what is
//! answered, `serve` the thread and its doors, `socket` the door that only this machine's owner may open, `client`
//! the other side of it.

pub mod client;
pub mod route;
pub mod serve;
pub mod socket;
pub mod view;

pub use client::{AskError, ask};
pub use serve::{Place, Portal, PortalError, Sockets, serve};
pub use view::{
    AdmissionView, Asked, BeforeView, BoxFuture, Gateway, LastReload, LinkNow, LinkView, LinkWayView, ListenerView,
    RefusedList, RefusedView, ReloadOutcome, Status, TubeView, Tubes, UpgradeOutcome, WatchView, WayView,
};
