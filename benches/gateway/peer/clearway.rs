//! Clearway as a board would run it.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use super::{Goal, Setting, word};
use crate::{Outcome, estate};

/// Writes its files; how it is started.
pub fn prepare(setting: &Setting<'_>) -> Outcome<Vec<String>> {
    let hosts: Vec<_> = Goal::all().map(|goal| (goal.name(), goal.address())).collect();
    let file = estate::write(setting.dir, &hosts)?;
    Ok(vec![env!("CARGO_BIN_EXE_clearway").into(), "run".into(), "-c".into(), word(&file)])
}

/// Where it says that it listens.
pub fn address(dir: &Path) -> Option<SocketAddr> {
    #[derive(serde::Deserialize)]
    struct Addresses {
        listeners: HashMap<String, SocketAddr>,
    }
    let told = fs::read(dir.join("state/addresses.json")).ok()?;
    let told: Addresses = serde_json::from_slice(&told).ok()?;
    told.listeners.get("staff").copied()
}
