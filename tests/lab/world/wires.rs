//! The three namespaces and what joins them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::map::{CLINIC, CLINICIANS, GATEWAY, PEOPLE, SOCIAL, clinician, staff};
use super::process::{Process, within};
use super::sandbox::{Space, batch, own};
use crate::link::{Link, Record};

/// The gateway's side of the link, as a carrier knows it.
pub const NEAR: &str = "wan0";
const FAR: &str = "isp0";
/// The processes of clients and of servers are on other machines in truth, so the carrier does not get in their way.
const ELSEWHERE: i32 = -5;
/// A carrier is a process like others.
const PLAIN: i32 = 0;
/// Real-time priority of the link: it is hardware in truth.
const HARDWARE: &str = "40";
/// Enough for the link to write down what it saw.
const END: Duration = Duration::from_secs(20);

/// What every namespace is told, so that a run does not depend on how this machine is tuned. Windows and buffers are
/// those of an ordinary Linux.
const SETTINGS: &[&str] = &[
    "net.ipv6.conf.all.disable_ipv6=1",
    "net.ipv6.conf.default.disable_ipv6=1",
    "net.ipv4.conf.all.rp_filter=0",
    "net.ipv4.conf.default.rp_filter=0",
    "net.ipv4.ip_forward=1",
    "net.ipv4.tcp_rmem=4096 131072 6291456",
    "net.ipv4.tcp_wmem=4096 16384 4194304",
    "net.ipv4.tcp_no_metrics_save=1",
    "net.ipv4.ip_local_port_range=1024 65000",
    "net.ipv4.tcp_max_syn_backlog=16384",
    "net.core.somaxconn=16384",
    "net.ipv4.tcp_syncookies=0",
    "net.ipv4.tcp_tw_reuse=1",
];

/// A world for one scene. It goes away with its last process.
pub struct World {
    /// Where its files are.
    pub dir: PathBuf,
    link: Process,
}

impl World {
    /// Builds one with a link, and servers and clients whose TCP sends by `control` (cubic, bbr).
    pub fn build(link: &Link, control: &str, dir: &Path) -> World {
        for space in Space::ALL {
            // Left by the scene before; the first has none.
            let _ = Command::new("ip").args(["netns", "del", space.name()]).stderr(Stdio::null()).status();
            space.make();
            set(space);
        }
        lan();
        let link = wan(link, dir);
        for space in Space::ALL {
            send_by(space, control);
        }
        World { dir: dir.to_owned(), link }
    }

    /// Starts something that stands for other machines.
    pub fn play(&self, name: &str, space: Space, arguments: &[&str]) -> Process {
        let mut command = within(space, ELSEWHERE, &own());
        command.arg("play").args(arguments);
        Process::start(name, command, &self.dir)
    }

    /// Starts what carries, on the gateway.
    pub fn carry(&self, name: &str, program: &Path, arguments: &[&str]) -> Process {
        let mut command = within(Space::Gateway, PLAIN, program);
        command.args(arguments);
        Process::start(name, command, &self.dir)
    }

    /// The link's process.
    pub fn link(&self) -> u32 {
        self.link.id()
    }

    /// Packets that found the devices of the link full, for its process was too slow to read them.
    pub fn spilled(&self) -> u64 {
        [(Space::Gateway, NEAR), (Space::Internet, FAR)].into_iter().map(|(space, device)| dropped(space, device)).sum()
    }

    /// Ends the link and gives what it saw.
    pub fn end(mut self) -> Record {
        self.link.close();
        self.link.ended(END);
        let path = self.dir.join("link.json");
        let record = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        // The same is written as CSV.
        let _ = std::fs::remove_file(path);
        record
    }
}

/// Clients and the gateway, on one fast wire. All the clients' addresses are on it.
fn lan() {
    batch(None, "link add lan0 netns clients type veth peer name lan1 netns gateway");
    batch(Some(Space::Gateway), &format!("addr add {GATEWAY}/8 dev lan1\nlink set lan1 up"));
    let mut lines = String::from("addr add 10.0.0.2/8 dev lan0\nlink set lan0 up\n");
    let addresses = (0..PEOPLE).map(staff).chain((0..CLINICIANS).map(clinician));
    lines.extend(addresses.map(|address| format!("addr add {address}/8 dev lan0\n")));
    lines.push_str(&format!("route add default via {GATEWAY}"));
    batch(Some(Space::Clients), &lines);
}

/// The gateway and the internet, joined by the link. A TUN device stays with the process that made it, also when it
/// moves to another namespace.
fn wan(link: &Link, dir: &Path) -> Process {
    let record = dir.join("link.json");
    let mut command = Command::new("chrt");
    command.args(["-f", HARDWARE]);
    if !Command::new("chrt").args(["-f", HARDWARE, "true"]).stderr(Stdio::null()).status().is_ok_and(|s| s.success()) {
        command = Command::new("nice");
        command.args(["-n", "-20"]);
    }
    let link = serde_json::to_string(link).unwrap();
    command.arg(own()).args(["play", "link", &link, NEAR, FAR]).arg(record);
    let process = Process::start("link", command, dir).ready();
    batch(None, &format!("link set {NEAR} netns gateway\nlink set {FAR} netns internet"));
    for (space, device, here, there) in
        [(Space::Gateway, NEAR, "192.0.2.2", "192.0.2.1"), (Space::Internet, FAR, "192.0.2.1", "192.0.2.2")]
    {
        batch(
            Some(space),
            &format!(
                "addr add {here} peer {there} dev {device}\nlink set {device} mtu 1500 txqueuelen 4000 up\n\
                 route add default dev {device}"
            ),
        );
    }
    batch(Some(Space::Internet), &format!("addr add {CLINIC}/32 dev lo\naddr add {SOCIAL}/32 dev lo"));
    process
}

/// What a device had to drop of what was sent by it.
fn dropped(space: Space, device: &str) -> u64 {
    let shown = Command::new("ip").args(["-n", space.name(), "-j", "-s", "link", "show", device]).output().unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    shown[0]["stats64"]["tx"]["dropped"].as_u64().expect("ip tells what was dropped")
}

/// Sets what every namespace is told; what this kernel does not have is left alone.
fn set(space: Space) {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", space.name(), "sysctl", "-q", "-e", "-w"]).args(SETTINGS);
    let _ = command.stderr(Stdio::null()).status();
}

/// Has TCP in a namespace send by `control` over every route it has. A route may name what the kernel does not let a
/// namespace have as its default, and it holds for programs that name nothing, as proxies do.
fn send_by(space: Space, control: &str) {
    let routes = Command::new("ip").args(["-n", space.name(), "route", "show"]).output().unwrap();
    let routes = String::from_utf8(routes.stdout).unwrap();
    for route in routes.lines() {
        batch(Some(space), &format!("route change {route} congctl {control}"));
    }
}
