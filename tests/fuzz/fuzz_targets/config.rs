//! See properties/config.rs.
#![no_main]

#[path = "../properties/config.rs"]
mod config;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| config::holds(bytes));
