//! Clearway: a forward proxy that gives internet and social-media traffic a tube of its own, so that clinical
//! traffic stays clear. The modules stand in the order in which a flow passes them.

pub mod base;

pub mod listen;
pub mod client;
pub mod sniff;
pub mod category;
pub mod policy;
pub mod tube;
pub mod egress;
pub mod relay;
pub mod account;

pub mod flow;
pub mod config;
pub mod portal;
pub mod daemon;
pub mod cli;
