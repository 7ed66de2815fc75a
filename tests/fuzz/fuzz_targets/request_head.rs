//! See properties/request_head.rs.
#![no_main]

#[path = "../properties/request_head.rs"]
mod request_head;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| request_head::holds(bytes));
