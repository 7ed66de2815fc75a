//! Who stands between client and origin: Clearway, and those it is compared with.

mod goal;
mod clearway;
mod haproxy;
mod squid;
mod tinyproxy;
mod other;

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

pub use goal::Goal;

use crate::Outcome;
use crate::client::{Road, Via};
use crate::place::Running;

pub const DIRECT: &str = "direct";
pub const CLEARWAY: &str = "clearway";
pub const HAPROXY_COPY: &str = "haproxy-copy";
pub const HAPROXY_SPLICE: &str = "haproxy-splice";

/// Squid with its hundred thousand descriptors takes longest, and less than this.
const START: Duration = Duration::from_secs(20);
/// A port that was found free may be another's when it is wanted.
const ATTEMPTS: usize = 3;

/// One of them.
#[derive(Clone, Debug)]
pub struct Peer {
    pub name: String,
    /// What a table says of it.
    pub about: String,
    pub version: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Direct,
    Clearway,
    Haproxy(PathBuf, haproxy::Way),
    Squid(PathBuf),
    Tinyproxy(PathBuf),
    Other(String),
}

/// What a peer is started with.
pub struct Setting<'a> {
    /// A folder of its own.
    pub dir: &'a Path,
    /// The origin's port.
    pub origin: u16,
    pub cores: &'a [usize],
    /// How many descriptors a process may open.
    pub descriptors: u64,
}

/// A peer at work.
pub struct Proxy {
    pub running: Option<Running>,
    pub address: SocketAddr,
}

impl Peer {
    fn new(name: &str, about: &str, version: String, kind: Kind) -> Peer {
        Peer { name: name.to_owned(), about: about.to_owned(), version, kind }
    }

    /// All that this machine has, and a line about each that it has not.
    pub fn all() -> (Vec<Peer>, Vec<String>) {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let mut peers = vec![
            Peer::new(DIRECT, "no proxy at all", String::new(), Kind::Direct),
            Peer::new(CLEARWAY, "sniffs, 100,000 entries, 50 rules, metrics, access log", version, Kind::Clearway),
        ];
        let mut missing = Vec::new();
        for found in [haproxy::find(), squid::find(), tinyproxy::find()] {
            match found {
                Ok(found) => peers.extend(found),
                Err(program) => missing.push(format!("{program} is not installed: left out")),
            }
        }
        peers.extend(other::find());
        (peers, missing)
    }

    /// How the client speaks to it.
    pub fn via(&self) -> Via {
        match self.kind {
            Kind::Direct | Kind::Haproxy(..) => Via::Straight,
            Kind::Clearway | Kind::Squid(_) | Kind::Tinyproxy(_) | Kind::Other(_) => Via::Proxy,
        }
    }

    /// A way through it.
    pub fn road(&self, address: SocketAddr, goal: Goal, port: u16) -> Road {
        // Others know no names but those of the machine.
        let target = match self.kind {
            Kind::Clearway | Kind::Squid(_) => format!("{}:{port}", goal.name()),
            _ => format!("{}:{port}", goal.address()),
        };
        Road { address, via: self.via(), target, name: goal.name() }
    }

    /// Starts it and waits until it serves.
    pub fn start(&self, setting: &Setting<'_>) -> Outcome<Proxy> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            match self.attempt(setting) {
                Ok(proxy) => return Ok(proxy),
                Err(error) => last = Some(error),
            }
        }
        Err(format!("{} does not start: {}", self.name, last.map(|error| error.to_string()).unwrap_or_default()).into())
    }

    fn attempt(&self, setting: &Setting<'_>) -> Outcome<Proxy> {
        let port = free_port()?;
        let command = match &self.kind {
            Kind::Direct => return Ok(Proxy { running: None, address: local(setting.origin) }),
            Kind::Clearway => clearway::prepare(setting)?,
            Kind::Haproxy(program, way) => haproxy::prepare(program, *way, setting, port)?,
            Kind::Squid(program) => squid::prepare(program, setting, port)?,
            Kind::Tinyproxy(program) => tinyproxy::prepare(program, setting, port)?,
            Kind::Other(command) => other::prepare(command, setting, port),
        };
        let said = setting.dir.join("said");
        let mut running = Running::proxy(setting.cores, &command, File::create(&said)?)?;
        let address = || match self.kind {
            Kind::Clearway => clearway::address(setting.dir),
            _ => Some(local(port)),
        };
        let began = Instant::now();
        while began.elapsed() < START && !running.has_ended() {
            if let Some(address) = address()
                && TcpStream::connect(address).is_ok()
            {
                return Ok(Proxy { running: Some(running), address });
            }
            sleep(Duration::from_millis(10));
        }
        Err(format!("it said: {}", std::fs::read_to_string(&said).unwrap_or_default()).into())
    }
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A port on which nothing listens now.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(local(0))?.local_addr()?.port())
}

/// Where a program is.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The first line of what a program says of itself.
fn version(program: &Path, flag: &str) -> String {
    let said = Command::new(program).arg(flag).output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&said).lines().next().unwrap_or_default().to_owned()
}

/// A path as an argument.
fn word(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
