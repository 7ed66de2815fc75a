//! See properties/parent_answer.rs.
#![no_main]

#[path = "../properties/parent_answer.rs"]
mod parent_answer;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| parent_answer::holds(bytes));
