//! The access log as its readers see it: JSON lines, one per flow.

use std::path::Path;

/// Every field of a record, in the contract's words.
pub const FIELDS: &[&str] = &[
    "time",
    "flow",
    "listener",
    "client",
    "user",
    "method",
    "host",
    "port",
    "category",
    "tube",
    "rule",
    "action",
    "egress",
    "status",
    "side",
    "reason",
    "bytes_up",
    "bytes_down",
    "wait_ms",
    "connect_ms",
    "first_byte_ms",
    "duration_ms",
];

/// One line of the access log.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(transparent)]
pub struct Record(pub serde_json::Map<String, serde_json::Value>);

impl Record {
    /// Every whole line of a log; one that is not written yet is an empty log.
    pub fn read(log: &Path) -> Vec<Record> {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }

    /// A field as text; empty where it is null or absent.
    pub fn text(&self, field: &str) -> &str {
        self.0.get(field).and_then(serde_json::Value::as_str).unwrap_or_default()
    }

    /// A field as a number.
    #[track_caller]
    pub fn number(&self, field: &str) -> u64 {
        self.0.get(field).and_then(serde_json::Value::as_u64).unwrap_or_else(|| panic!("no number {field} in {self:?}"))
    }

    /// How it ended, as one word to compare: `side: reason`.
    pub fn end(&self) -> String {
        format!("{}: {}", self.text("side"), self.text("reason"))
    }
}
