//! See properties/list.rs.
#![no_main]

use clearway::category::Format;

#[path = "../properties/list.rs"]
mod list;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| list::holds(Format::Hosts, bytes));
