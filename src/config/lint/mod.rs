//! What is legal and surely wrong. Each is a warning, and only what is true of every day is said; but for `here`.

pub(super) mod all;
pub(super) mod calendar;
pub(super) mod category;
pub(super) mod certificate;
pub(super) mod client;
pub(super) mod egress;
pub(super) mod here;
pub(super) mod list;
pub(super) mod listen;
pub(super) mod rule;
pub(super) mod tube;
