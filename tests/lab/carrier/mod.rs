//! What carries the traffic on the gateway.

mod clearway;
mod htb;
mod squid;

pub use clearway::program;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::clock;
use crate::link::Link;
use crate::tunnel::Route;
use crate::world::{GATEWAY, Process, World, cpu_seconds};

/// Where proxies listen.
const PROXY_PORT: u16 = 3128;
/// A debug build on a busy machine starts well within this.
const START: Duration = Duration::from_secs(30);

/// A carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// The gateway only routes.
    None,
    /// The gateway routes, with two classes by address in the kernel: social gets 85% of the link at most.
    Htb,
    /// The program of this project.
    Clearway,
    /// Squid as it comes.
    Squid,
    /// Squid with a delay pool: social gets 60% of the link at most.
    SquidPools,
}

impl Carrier {
    /// All of them.
    pub const ALL: [Carrier; 5] = [Carrier::None, Carrier::Htb, Carrier::Squid, Carrier::SquidPools, Carrier::Clearway];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Carrier::None => "none",
            Carrier::Htb => "htb",
            Carrier::Clearway => "clearway",
            Carrier::Squid => "squid",
            Carrier::SquidPools => "squid-pools",
        }
    }

    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Carrier::None => "no proxy",
            Carrier::Htb => "HTB on the gateway",
            Carrier::Clearway => "Clearway",
            Carrier::Squid => "Squid",
            Carrier::SquidPools => "Squid with delay pools",
        }
    }

    /// What stands in its way on this machine.
    pub fn missing(self) -> Option<&'static str> {
        match self {
            Carrier::Squid | Carrier::SquidPools if squid::program().is_none() => {
                Some("squid is not installed; on Debian get it with: apt-get install squid")
            }
            Carrier::Htb if !htb::possible() => {
                Some("this kernel or machine has no HTB; on Debian get tc with: apt-get install iproute2")
            }
            _ => None,
        }
    }

    /// Whether the lab writes its files, so that they can change and hold windows.
    pub fn has_files(self) -> bool {
        self == Carrier::Clearway
    }

    /// Starts it in a world whose link is said to be like this.
    pub fn start(self, world: &World, link: &Link, setup: &Setup) -> Carrying {
        match self {
            Carrier::None => Carrying::routing(),
            Carrier::Htb => htb::start(link),
            Carrier::Clearway => clearway::start(world, link, setup),
            Carrier::Squid => squid::start(world, None),
            Carrier::SquidPools => squid::start(world, Some(link)),
        }
    }
}

/// What may be told to a carrier.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// A file with `[link]` and `[tube.NAME]` for Clearway, in place of the lab's.
    pub tubes: Option<PathBuf>,
    /// When Clearway holds social to a part of the link, as its files write windows.
    pub peak: Option<String>,
}

/// What social is narrowed to, of the link: by a reload, and in a peak.
pub const NARROW: f64 = 0.5;

/// A change of Clearway's files that it reads while flows run. All but the last are in force at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// Social may use this part of the link, or all of it.
    Ceiling(Option<f64>),
    /// Photos are taken out of social and move into the tube above it, or come back.
    PhotosApart(bool),
    /// The policy does not parse; what was in force stays.
    Broken,
}

/// A carrier at work.
pub struct Carrying {
    /// How clients reach servers by it.
    pub route: Route,
    process: Option<Process>,
    /// Clearway's, to change its files.
    clearway: Option<clearway::Files>,
}

impl Carrying {
    fn routing() -> Carrying {
        Carrying { route: Route::Direct, process: None, clearway: None }
    }

    fn proxy(process: Process) -> Carrying {
        Carrying { route: Route::Proxy(address()), process: Some(process), clearway: None }
    }

    /// How long it has been on a processor, in seconds.
    pub fn cpu(&self) -> f64 {
        self.process.as_ref().map_or(0.0, |process| cpu_seconds(process.id()))
    }

    /// Changes its files and has it read them, if it has any.
    pub fn change(&mut self, change: Change) {
        if let Some(files) = &mut self.clearway {
            files.change(change);
        }
    }

    /// Fails with what it said if it has ended.
    pub fn check(&mut self) {
        if let Some(process) = &mut self.process {
            assert!(process.runs(), "the carrier has ended: {}", process.complaint());
        }
    }
}

fn address() -> SocketAddr {
    (GATEWAY, PROXY_PORT).into()
}

/// Waits until a proxy's socket is there. The gateway's sockets are in another namespace, so /proc tells.
fn listening(process: &mut Process) {
    let wanted = format!(":{PROXY_PORT:04X} ");
    let began = clock::now();
    let listens = |table: &str| {
        let path = format!("/proc/{}/net/{table}", process.id());
        let sockets = std::fs::read_to_string(path).unwrap_or_default();
        // The second field is the local address, the fourth the state; 0A is LISTEN.
        sockets.lines().any(|line| line.contains(&wanted) && line.split_whitespace().nth(3) == Some("0A"))
    };
    while !listens("tcp") && !listens("tcp6") {
        assert!(clock::now() - began < START.as_nanos() as u64, "the carrier does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(process.runs(), "the carrier ended at its start: {}", process.complaint());
}
