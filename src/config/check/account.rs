//! `[log]` and `[telemetry]`.

use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::gateway::beside;
use crate::account::{Access, Collector, Spec};
use crate::base::Target;
use crate::config::spec::{LogPlace, ProcessLog};
use crate::config::table::Table;
use crate::config::value::{Readable, Wrong};

/// The word for the journal of systemd, where a file could be named.
const JOURNALD: &str = "journald";

/// Reads `[log]`: the access log, and what the process says.
pub(in crate::config) fn log(root: &mut Table<'_>, file: &Path) -> (Spec, ProcessLog) {
    let mut table = root.table_or_empty("log");
    let access = table.take::<PathBuf>("access").map_or_else(|| PathBuf::from("state/access.log"), |path| path.value);
    let pseudonymise = table.take::<bool>("pseudonymise").is_none_or(|yes| yes.value);
    let process = table.take::<PathBuf>("process").map_or_else(|| PathBuf::from("-"), |path| path.value);
    let levels = ["error", "warn", "info", "debug", "trace"].map(|level| (level, level));
    let level = table.choice("level", &levels).map(|level| level.value);
    table.finish();
    let access = match access.to_str() {
        Some("-") => Access::Stdout,
        Some(JOURNALD) => Access::Journald,
        _ => Access::File(beside(file, &access)),
    };
    let place = match process.to_str() {
        Some("-") => LogPlace::Stderr,
        Some(JOURNALD) => LogPlace::Journald,
        _ => LogPlace::File(beside(file, &process)),
    };
    (Spec { access, pseudonymise }, ProcessLog { place, level })
}

/// Reads `[telemetry]`; without a collector nothing is told to one. `instance` is the gateway's name.
pub(in crate::config) fn telemetry(root: &mut Table<'_>, instance: &str) -> Option<Collector> {
    let mut table = root.table_or_empty("telemetry");
    let otlp = table.take::<Otlp>("otlp");
    table.finish();
    let Otlp { target, path } = otlp?.value;
    Some(Collector { target, path, instance: instance.to_owned() })
}

/// Where a collector is.
struct Otlp {
    target: Target,
    path: String,
}

/// The port of OTLP over HTTP.
const PORT: u16 = 4318;

impl Readable for Otlp {
    const KIND: &'static str = "a URL in a string";
    const EXAMPLE: &'static str = r#""http://127.0.0.1:4318""#;

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        let text = raw.as_str().ok_or(Wrong::Kind)?;
        let wrong = |why: &str| Wrong::Value { why: why.to_owned(), hint: None };
        let rest = text.strip_prefix("http://").ok_or_else(|| {
            let hint = Some("have a collector on this machine or network pass it on over TLS".to_owned());
            Wrong::Value { why: "a collector is reached over plain http://".to_owned(), hint }
        })?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let target = Target::with_default_port(authority, PORT).map_err(|error| wrong(&error.to_string()))?;
        let path = path.trim_end_matches('/');
        if path.bytes().any(|byte| !byte.is_ascii_graphic() || matches!(byte, b'?' | b'#')) {
            return Err(wrong("its path has a query, or what no path has"));
        }
        let path = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Otlp { target, path })
    }
}
