//! The program from outside: real clients and real origins, the contract's words, nothing of the inside.

#![cfg(test)]
// Tests own their tasks by owning the runtime, and measure a program from outside by the clock on the wall.
#![allow(clippy::disallowed_methods)]
// Measures are counts of bytes over seconds.
#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]

mod world;

mod clients;
mod secure;
mod balancers;
mod commands;
mod feeds;
mod fetch;
mod found;
mod http;
mod ways;
mod sni;
mod refusals;
mod records;
mod ceiling;
mod companion;
mod reload;
mod scrape;
mod life;
mod logs;
mod taken_back;
mod telemetry;
mod bulkheads;
mod desk;
mod diff;
mod demo;
mod audit;
mod upgrade;
mod service;
mod page;
mod top;
mod pac;
