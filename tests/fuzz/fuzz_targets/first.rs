//! See properties/first.rs.
#![no_main]

#[path = "../properties/first.rs"]
mod first;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| first::holds(bytes));
