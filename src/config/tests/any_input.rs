//! Whatever the files hold, nothing panics, and every problem has its place.

use std::io;
use std::path::Path;

use proptest::prelude::*;

use super::world::{GATEWAY, POLICY, now};
use crate::config::{Outcome, read_with, render};

fn read(gateway: &[u8], policy: &[u8], list: &[u8]) -> Outcome {
    read_with(Path::new("clearway.toml"), now(), &|path: &Path| match path.to_str() {
        Some("clearway.toml") => Ok(gateway.to_vec()),
        Some("policy.toml") => Ok(policy.to_vec()),
        Some("list.txt") => Ok(list.to_vec()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    })
}

fn holds(outcome: &Outcome) -> Result<(), TestCaseError> {
    let (errors, _) = outcome.count();
    prop_assert_eq!(outcome.config.is_some(), errors == 0);
    for problem in &outcome.problems {
        prop_assert!(problem.line > 0 && problem.column > 0 && !problem.message.is_empty() && !problem.hint.is_empty());
        let place = format!("{}:{}:{}", problem.file.display(), problem.line, problem.column);
        let shown = render(std::slice::from_ref(problem), false);
        prop_assert!(shown.contains(&place), "{} is not in\n{}", place, shown);
    }
    render(&outcome.problems, true);
    Ok(())
}

/// A text with a few cuts, doublings and insertions.
fn mangled(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let bit = prop_oneof![
        prop::sample::select(vec![
            "[", "]", "[[", "]]", "\"", "\"\"\"", "'''", "=", ",", "{", "}", "#", ".", "\r", "\t", "\0", "ŵ",
            "\u{feff}", "\u{200b}"
        ])
        .prop_map(|bit| bit.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    let edit = (0..text.len(), 0..20usize, bit, any::<bool>());
    prop::collection::vec(edit, 0..5).prop_map(move |edits| {
        let mut bytes = text.as_bytes().to_vec();
        for (at, length, bit, double) in edits {
            let at = at.min(bytes.len());
            let end = (at + length).min(bytes.len());
            let cut: Vec<u8> = bytes.splice(at..end, bit).collect();
            if double {
                bytes.splice(at..at, [cut.clone(), cut].concat());
            }
        }
        bytes
    })
}

const RULES: &str = r#"bank-holidays = [2026-12-25]
default = "allow"
[category.a]
tube = "clinical"
protected = true
lists = [{ path = "list.txt", format = "plain" }]
domains = ["a.uk", "=b.uk"]
networks = ["10.0.0.0/8"]
[category.other]
tube = "internet"
[group.g]
clients = ["10.0.0.0/8"]
users = ["u"]
[[rule]]
name = "r"
to = ["a"]
from = ["g"]
when = ["Mon 12:00-13:00", "22:00-06:00 except bank-holidays"]
action = "block"
reason = { en = "x", cy = "y" }
expires = 2027-01-01
[[test]]
target = "https://a.uk/"
from = "10.0.0.1"
at = "2026-11-24 12:30"
expect = { action = "allow", tube = "clinical", rule = "r" }
"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_mangled_gateway_file_is_read_or_refused(gateway in mangled(GATEWAY)) {
        holds(&read(&gateway, POLICY.as_bytes(), b""))?;
    }

    #[test]
    fn a_mangled_policy_is_read_or_refused(policy in mangled(RULES)) {
        holds(&read(GATEWAY.as_bytes(), &policy, b"c.uk\n*.d.uk\n"))?;
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]\"'={},#a-z.\r\n 0-9-]{0,200}") {
        holds(&read(&bytes, b"", b""))?;
        holds(&read(GATEWAY.as_bytes(), text.as_bytes(), b""))?;
        holds(&read(text.as_bytes(), b"", b""))?;
        holds(&read(GATEWAY.as_bytes(), RULES.as_bytes(), &bytes))?;
    }
}

#[test]
fn rubbish_without_end_is_counted_and_does_not_fill_the_memory() {
    let keys: String = (0..5_000).map(|n| format!("k{n} = 1\n")).collect();
    let outcome = read(keys.as_bytes(), b"", b"");
    assert_eq!(outcome.problems.len(), 1_001);
    assert_eq!(outcome.problems[1_000].message, "4003 more problems are not listed");
    let line = format!("{GATEWAY}[dns]\nservers = [{}]", "\"ŵ\",".repeat(20_000));
    let outcome = read(line.as_bytes(), POLICY.as_bytes(), b"");
    assert!(outcome.problems.iter().flat_map(|problem| &problem.excerpt).all(|excerpt| excerpt.text.len() < 4_096));
    assert!(holds(&outcome).is_ok());
}
