//! The spine: carries a flow through the stages. `run` reads from left to right; `judge` is pure and is what `explain`
//! and policy tests call too; `carrier` holds the plan in force and the flows that are open.

pub mod plan;
pub mod judge;
pub mod test;
pub mod bulkhead;
pub mod carrier;
pub mod event;
pub mod live;
pub mod body;
pub mod room;
pub mod run;
pub mod enter;
pub mod streams;
pub mod tunnel;
pub mod exchange;
pub mod claim;
pub mod transparent;
pub mod end;
pub mod refuse;
pub mod pac;

pub use bulkhead::{Berth, Bulkheads, Compartment};
pub use carrier::{Carrier, Current};
pub use judge::{Question, Verdict};
pub use plan::{Parts, Plan, Way, Ways};
pub use room::{Place, Room};
pub use run::{Entrance, serve};
pub use transparent::serve as transparent;
