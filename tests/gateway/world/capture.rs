//! What tcpdump sees on a wire.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use super::World;
use super::build::until;
use super::process::within;
use super::sandbox::Space;

/// tcpdump, on one wire.
pub struct Capture {
    tcpdump: Child,
    file: PathBuf,
}

/// A TCP packet that was seen.
#[derive(Debug)]
pub struct Packet {
    /// From where.
    pub from: IpAddr,
    /// To where.
    pub to: IpAddr,
    /// Its octet for routers: DSCP and ECN.
    pub class: u8,
    /// Whether it opens a connection.
    pub opens: bool,
}

impl Capture {
    /// Begins to listen on a device of the internet.
    pub fn begin(world: &World, device: &str) -> Capture {
        let file = world.file(&format!("{device}.pcap"));
        let mut tcpdump = within(Space::Internet, "tcpdump");
        // Heads are enough, and the kernel's ring of two megabytes has room for thousands of them; of whole segments, which
        // are up to 64 kB, for thirty: on a busy machine the rest is lost.
        tcpdump.args(["-n", "-s", "128", "-U", "--immediate-mode", "-i", device, "-w"]).arg(&file).arg("tcp");
        let errors = world.file(&format!("{device}.err"));
        let tcpdump = tcpdump.stdout(Stdio::null()).stderr(std::fs::File::create(&errors).unwrap()).spawn().unwrap();
        until("tcpdump listens", || std::fs::read_to_string(&errors).unwrap().contains("listening on"));
        Capture { tcpdump, file }
    }

    /// What came by, once so many connections were opened.
    pub fn end(mut self, opened: usize) -> Vec<Packet> {
        until("tcpdump saw every connection", || self.packets().iter().filter(|packet| packet.opens).count() >= opened);
        let packets = self.packets();
        let _ = self.tcpdump.kill();
        let _ = self.tcpdump.wait();
        packets
    }

    fn packets(&self) -> Vec<Packet> {
        let mut reading = std::process::Command::new("tcpdump");
        // The last packet may be half written.
        let read = reading.args(["-n", "-v", "-t", "-r"]).arg(&self.file).output().unwrap();
        // Over lines: a packet of IPv4 takes two.
        let text = String::from_utf8(read.stdout).unwrap().replace("\n    ", " ");
        text.lines().filter_map(packet).collect()
    }
}

/// `IP (tos 0x4, ttl 64, ...) 198.18.0.2.4711 > 203.0.113.20.443: Flags [S], ...` or
/// `IP6 (class 0x04, flowlabel ...) 2001:db8:2::2.4711 > ...`.
fn packet(line: &str) -> Option<Packet> {
    let octet = |name: &str| {
        let rest = line.split_once(name)?.1;
        u8::from_str_radix(rest.split([',', ')']).next()?.trim_start_matches("0x"), 16).ok()
    };
    let (before, after) = line.split_once(" > ")?;
    let host = |text: &str| text.rsplit_once('.')?.0.parse().ok();
    Some(Packet {
        from: host(before.rsplit(' ').next()?)?,
        to: host(after.split_once(": ")?.0)?,
        class: octet("tos ").or_else(|| octet("class ")).unwrap_or(0),
        opens: after.contains("Flags [S]"),
    })
}
