//! Files in memory, and what is found in them.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::config::{Outcome, Problem, read_with};

pub(super) const GATEWAY: &str = r#"[gateway]
name = "gw1"
timezone = "Europe/London"
policy = "policy.toml"

[[listener]]
name = "staff"
address = "127.0.0.1:3128"
clients = ["127.0.0.0/8"]

[tube.clinical]
priority = 0

[tube.internet]
ceiling = { down = "60 Mbit/s", up = "20 Mbit/s" }
egress = "wan"
[egress.wan]
dscp = "LE"
"#;

pub(super) const POLICY: &str = r#"default = "allow"

[category.clinical]
tube = "clinical"
protected = true
domains = ["wales.nhs.uk"]

[category.social]
tube = "internet"
domains = ["facebook.com"]

[group.team]
clients = ["10.4.0.0/16"]
"#;

/// Some files.
#[derive(Default)]
pub(super) struct World(HashMap<PathBuf, Vec<u8>>);

impl World {
    /// The gateway's file and the policy's.
    pub(super) fn new(gateway: impl Into<Vec<u8>>, policy: impl Into<Vec<u8>>) -> Self {
        World::default().with("etc/clearway.toml", gateway).with("etc/policy.toml", policy)
    }

    pub(super) fn with(mut self, path: &str, text: impl Into<Vec<u8>>) -> Self {
        self.0.insert(PathBuf::from(path), text.into());
        self
    }

    pub(super) fn read(&self) -> Outcome {
        read_with(Path::new("etc/clearway.toml"), now(), &|path: &Path| {
            self.0.get(path).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        })
    }
}

/// The Tuesday of the contract's tests.
pub(super) fn now() -> Timestamp {
    "2026-11-24T10:00:00Z".parse().unwrap()
}

/// `severity file:line:column message`, without the folder.
pub(super) fn lines(problems: &[Problem]) -> Vec<String> {
    problems
        .iter()
        .map(|problem| {
            assert!(!problem.hint.is_empty(), "no hint: {problem:?}");
            let file = problem.file.strip_prefix("etc").unwrap_or(&problem.file).display().to_string();
            let severity = serde_json::to_value(problem.severity).unwrap();
            let severity = severity.as_str().unwrap();
            format!("{severity} {file}:{}:{} {}", problem.line, problem.column, problem.message)
        })
        .collect()
}

/// A text with one part of it replaced.
pub(super) fn change(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in the text");
    text.replacen(from, to, 1)
}
