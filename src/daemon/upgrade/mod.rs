//! One process takes over from another, which then drains: `start` has the successor started, `door` is where it comes to and
//! `take` what it does there, `line` what they speak over and `word` what they say; `lead` and `follow` share the tubes'
//! budgets from then on, and `handed` is the life of who has handed over.

mod door;
mod follow;
mod handed;
mod lead;
mod line;
mod start;
mod take;
mod word;

pub(super) use door::Door;
pub(super) use handed::Handed;
pub(super) use start::Program;
pub use take::TakeError;
pub(super) use take::Taken;
pub(super) use word::Listening;
