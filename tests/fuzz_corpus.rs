//! Replays what fuzzing started from and what it found, through the very properties that are fuzzed.
#![cfg(test)]

use std::fs;
use std::path::Path;

use clearway::category::Format;

/// A property by its name: tests/fuzz/properties/NAME.rs held against each file of its corpus.
macro_rules! properties {
    ($($name:ident at $file:literal;)*) => {$(
        #[path = $file]
        mod $name;

        #[test]
        fn $name() {
            replay(stringify!($name), $name::holds);
        }
    )*};
}

fn replay(name: &str, holds: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
    let mut replayed = 0;
    for file in fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        // The test's output is kept until it fails; then the last line is the file that failed.
        println!("{}", path.display());
        holds(&fs::read(&path).unwrap());
        replayed += 1;
    }
    assert!(replayed > 0, "{} is empty", folder.display());
}

#[path = "fuzz/properties/list.rs"]
mod list;

#[test]
fn lists() {
    for format in Format::ALL {
        replay(&format!("list_{format}"), |bytes| list::holds(*format, bytes));
    }
}

properties! {
    first at "fuzz/properties/first.rs";
    hello at "fuzz/properties/hello.rs";
    proxy_header at "fuzz/properties/proxy_header.rs";
    request_head at "fuzz/properties/request_head.rs";
    parent_answer at "fuzz/properties/parent_answer.rs";
    config at "fuzz/properties/config.rs";
}
