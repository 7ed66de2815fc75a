//! The checked configuration: each stage's own Spec, and what belongs to the process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::disk::Stamp;
use crate::base::{Calendar, CategoryId, EgressId};
use crate::{account, category, client, egress, listen, policy, tube};

/// A whole configuration without a mistake. It never changes; a reload makes another.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[gateway] name`: in Via, logs and pages.
    pub name: String,
    /// How the gateway's place reads the clock.
    pub calendar: Calendar,
    /// What must survive a restart.
    pub state_dir: PathBuf,
    /// How long a drain waits for open flows.
    pub drain: Duration,
    /// How long a process goes on with its open flows after its successor took over.
    pub upgrade_drain: Duration,
    /// `[admin] address`.
    pub admin: SocketAddr,
    /// `[log]`.
    pub log: account::Spec,
    /// What the process says of itself, of `[log]` too.
    pub process: ProcessLog,
    /// `[telemetry]`; `None` where no collector is named.
    pub telemetry: Option<account::Collector>,
    /// `[[listener]]`; at least one.
    pub listeners: Vec<listen::Spec>,
    /// `[pac]`.
    pub pac: listen::Pac,
    /// `[egress]`, `[dns]`, `[guard]`.
    pub egress: egress::Spec,
    /// `[link]` and `[tube]`.
    pub tubes: tube::Spec,
    /// `[category]`.
    pub categories: category::Spec,
    /// `[group]`.
    pub clients: client::Spec,
    /// `[[rule]]` and `default`.
    pub policy: policy::Spec,
    /// `[[test]]`.
    pub tests: Vec<policy::Test>,
    /// Lists that are fetched.
    pub feeds: Vec<Feed>,
    /// What each file was when it was read; of a list that was not read again, what it was when it was.
    pub stamps: Vec<Stamp>,
    /// Every file that was read, the first the one that was named.
    pub files: Vec<Arc<Path>>,
}

impl Config {
    /// The file of the access log; `None` where it goes to standard output or to journald.
    pub fn access_log(&self) -> Option<&Path> {
        match &self.log.access {
            account::Access::File(path) => Some(path),
            account::Access::Stdout | account::Access::Journald => None,
        }
    }
}

/// Where the process says what it does, and how much of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessLog {
    /// Where.
    pub place: LogPlace,
    /// The least that is said; `None`: what the environment's RUST_LOG has, or `info`. RUST_LOG comes before it.
    pub level: Option<&'static str>,
}

/// Where a log goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogPlace {
    /// Standard error.
    #[default]
    Stderr,
    /// The journal of systemd, with fields.
    Journald,
    /// A file, opened again on reload.
    File(PathBuf),
}

/// A list that is fetched.
#[derive(Clone, Debug, PartialEq)]
pub struct Feed {
    /// Whose list it is.
    pub category: CategoryId,
    /// Its name in the policy: its path.
    pub path: PathBuf,
    /// From where; always `https`.
    pub url: String,
    /// How often.
    pub refresh: Duration,
    /// By which way it leaves.
    pub egress: Option<EgressId>,
    /// Where what came is put.
    pub into: PathBuf,
}
