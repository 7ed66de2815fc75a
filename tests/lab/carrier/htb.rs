//! The kernel's own way: routing with two HTB classes by address, on both sides of the gateway.

use std::process::Command;

use super::Carrying;
use crate::link::Link;
use crate::world::{CLINIC, NEAR, runs};

/// What everything together may use of the link, so that the queue stays in the gateway.
const PART: f64 = 0.85;
/// What social is promised of that; it may borrow the rest.
const SOCIAL: f64 = 0.2;

/// Whether there is such a thing here.
pub fn possible() -> bool {
    runs(Command::new("unshare").args(["--net", "tc", "qdisc", "add", "dev", "lo", "root", "htb"]))
}

/// Sets it up.
pub fn start(link: &Link) -> Carrying {
    shape("lan1", link.down, "src");
    shape(NEAR, link.up, "dst");
    Carrying::routing()
}

fn shape(device: &str, rate: u64, far_side: &str) {
    let all = rate as f64 * PART;
    let bit = |part: f64| format!("{}bit", (all * part) as u64);
    let (all, clinical, social) = (bit(1.0), bit(1.0 - SOCIAL), bit(SOCIAL));
    for line in [
        format!("qdisc add dev {device} root handle 1: htb default 20"),
        format!("class add dev {device} parent 1: classid 1:1 htb rate {all} ceil {all} quantum 3000"),
        format!("class add dev {device} parent 1:1 classid 1:10 htb rate {clinical} ceil {all} prio 0 quantum 3000"),
        format!("class add dev {device} parent 1:1 classid 1:20 htb rate {social} ceil {all} prio 1 quantum 3000"),
        format!("filter add dev {device} parent 1: protocol ip prio 1 u32 match ip {far_side} {CLINIC}/32 flowid 1:10"),
    ] {
        let mut tc = Command::new("ip");
        tc.args(["netns", "exec", "gateway", "tc"]).args(line.split_whitespace());
        let done = tc.output().unwrap();
        assert!(done.status.success(), "tc {line}: {}", String::from_utf8_lossy(&done.stderr));
    }
}
