//! See properties/proxy_header.rs.
#![no_main]

#[path = "../properties/proxy_header.rs"]
mod proxy_header;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proxy_header::holds(bytes));
