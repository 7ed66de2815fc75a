//! See properties/list_plain.rs.
#![no_main]

#[path = "../properties/list_plain.rs"]
mod list_plain;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| list_plain::holds(bytes));
