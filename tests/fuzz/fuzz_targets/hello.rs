//! See properties/hello.rs.
#![no_main]

#[path = "../properties/hello.rs"]
mod hello;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hello::holds(bytes));
