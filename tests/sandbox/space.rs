//! The network namespaces of a world.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// Everybody's machines.
    Clients,
    /// Whatever carries their traffic.
    Gateway,
    /// Beyond the link, or beyond all ways out.
    Internet,
}

impl Space {
    /// All of them.
    pub const ALL: [Space; 3] = [Space::Clients, Space::Gateway, Space::Internet];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Space::Clients => "clients",
            Space::Gateway => "gateway",
            Space::Internet => "internet",
        }
    }

    /// Makes it, empty but for its loopback.
    pub fn make(self) {
        batch(None, &format!("netns add {}", self.name()));
        batch(Some(self), "link set lo up");
    }
}

/// This very program, for what plays a part in there; the sandbox becomes it again.
pub fn own() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// Has `ip` do things, one a line; in a namespace, or with all of them.
pub fn batch(space: Option<Space>, lines: &str) {
    let mut command = Command::new("ip");
    if let Some(space) = space {
        command.args(["-n", space.name()]);
    }
    let mut ip = command.args(["-batch", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    ip.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(ip.wait().unwrap().success(), "ip could not do: {lines}");
}
