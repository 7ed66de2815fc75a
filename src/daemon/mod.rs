//! The process: builds plans from configuration, binds, reloads, keeps the clock's edges, drains, stops.

mod activation;
pub mod build;
mod certificates;
pub mod edges;
mod feeds;
pub mod gateway;
pub mod history;
pub mod inside;
pub mod limits;
mod link;
pub mod log;
pub mod listeners;
mod notify;
mod probe;
pub mod reload;
pub mod run;
mod threads;
mod upgrade;

pub use build::plan;
pub use feeds::went_back;
pub use inside::Inside;
pub use run::{RunError, run};
