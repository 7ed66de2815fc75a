//! One record for each flow: log, metrics, and later the quota ledger. `open` is the guard that a flow carries and
//! that makes the record when it is dropped, `record` the line of the access log, `pseudonym` the faces that clients
//! and users have there, `journal` the thread that writes, `journald` where it
//! may write to, `meter` everything that Prometheus scrapes, `telemetry` spans for who wants
//! them.

pub mod journal;
pub mod journald;
pub mod meter;
pub mod open;
pub mod pseudonym;
pub mod record;
pub mod spec;
mod telemetry;

pub use journald::{Entry, Journald};
pub use meter::{EgressLevel, FetchFacts, Known, LinkLevel, ListFacts, Meter, MeterError, Refusals, Refused};
pub use open::{Account, AccountError, Arrival, Judgement, Open};
pub use record::{FlowId, Record};
pub use spec::{Access, Collector, Spec};
