//! Replays what fuzzing started from and what it found, through the very properties that are fuzzed.
#![cfg(test)]

use std::fs;
use std::path::Path;

/// A property by its name: tests/fuzz/properties/NAME.rs held against each file of its corpus.
macro_rules! properties {
    ($($name:ident at $file:literal;)*) => {$(
        #[path = $file]
        mod $name;

        #[test]
        fn $name() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(stringify!($name));
            let mut replayed = 0;
            for file in fs::read_dir(&folder).unwrap() {
                let path = file.unwrap().path();
                // The test's output is kept until it fails; then the last line is the file that failed.
                println!("{}", path.display());
                $name::holds(&fs::read(&path).unwrap());
                replayed += 1;
            }
            assert!(replayed > 0, "{} is empty", folder.display());
        }
    )*};
}

properties! {
    hello at "fuzz/properties/hello.rs";
    request_head at "fuzz/properties/request_head.rs";
    parent_answer at "fuzz/properties/parent_answer.rs";
    list_plain at "fuzz/properties/list_plain.rs";
    config at "fuzz/properties/config.rs";
}
