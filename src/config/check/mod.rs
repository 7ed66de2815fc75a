//! Each stage's part of the files, read and checked; what went wrong is recorded and a stand-in takes its place, so
//! that reading goes on. A configuration with a stand-in in it is never handed out.

pub(super) mod account;
pub(super) mod category;
pub(super) mod client;
pub(super) mod egress;
pub(super) mod gateway;
pub(super) mod listen;
pub(super) mod names;
pub(super) mod pac;
pub(super) mod policy;
pub(super) mod tube;
