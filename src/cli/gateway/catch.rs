//! The table of nftables: which connections of which clients are brought to which listener.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use crate::base::Cidr;
use crate::config::Config;
use crate::listen::{Spec, Via};

/// Takes away the table, whether it is there or not; in one transaction with what follows.
pub const CLEARED: &str = "table inet clearway\ndelete table inet clearway\n";

/// What is not on its way elsewhere.
const OWN: &str = "\
\t\t# What is for this machine, or comes from it, goes its own way: no circles, and answers to the gateway's own
\t\t# connections reach it.
\t\tfib daddr type { local, broadcast, anycast, multicast } return
\t\tfib saddr type local return
";

/// A transparent listener, with what of its configuration a rule has.
struct Door<'a> {
    spec: &'a Spec,
    via: Via,
    /// Of the listener's own family.
    clients: Vec<&'a Cidr>,
}

impl Door<'_> {
    /// How rules name its family.
    fn family(&self) -> &'static str {
        if self.spec.address.is_ipv6() { "ip6" } else { "ip" }
    }

    /// Its clients, as a condition.
    fn clients(&self) -> String {
        let nets: Vec<String> = self.clients.iter().map(ToString::to_string).collect();
        format!("{} saddr {{ {} }}", self.family(), nets.join(", "))
    }
}

/// The table; none where nobody is brought in. Pure.
pub fn table(config: &Config, mark: u32) -> String {
    let doors = doors(config);
    if doors.is_empty() {
        return String::new();
    }
    let ports = ports(&config.egress.guard.ports);
    format!(
        "table inet clearway {{\n\
         \t# A firewall of this machine's that drops what comes in (`input`) must let these pass: `meta mark {mark:#x} accept`,\n\
         \t# and the ports of listeners that are redirected to.\n\n{}{}}}\n",
        on_their_way(&doors, &ports, mark),
        redirected(&doors, &ports),
    )
}

/// What TPROXY brings in, and QUIC.
fn on_their_way(doors: &[Door<'_>], ports: &str, mark: u32) -> String {
    let mut text =
        format!("\tchain on_their_way {{\n\t\ttype filter hook prerouting priority mangle; policy accept;\n\n{OWN}");
    if doors.iter().any(|door| door.via == Via::Tproxy) {
        text.push_str(&format!(
            "\n\t\t# Connections that a listener has taken already.\n\
             \t\tmeta l4proto tcp socket transparent 1 meta mark set {mark:#x} accept\n"
        ));
    }
    for door in doors.iter().filter(|door| door.via == Via::Tproxy) {
        text.push_str(&heading(door.spec));
        text.push_str(&format!(
            "\t\t{} tcp dport {ports} tproxy {} to {} meta mark set {mark:#x} accept\n",
            door.clients(),
            door.family(),
            door.spec.address,
        ));
    }
    text.push_str(
        "\n\t\t# QUIC cannot be judged by its name here: browsers that are told so at once use TCP instead.\n",
    );
    for door in doors {
        text.push_str(&format!("\t\t{} udp dport 443 reject with icmpx admin-prohibited\n", door.clients()));
    }
    text + "\t}\n"
}

/// What REDIRECT brings in.
fn redirected(doors: &[Door<'_>], ports: &str) -> String {
    let doors: Vec<_> = doors.iter().filter(|door| door.via == Via::Redirect).collect();
    if doors.is_empty() {
        return String::new();
    }
    let mut text =
        format!("\n\tchain redirected {{\n\t\ttype nat hook prerouting priority dstnat; policy accept;\n\n{OWN}");
    for door in doors {
        text.push_str(&heading(door.spec));
        text.push_str(&format!("\t\t{} tcp dport {ports} {}\n", door.clients(), translated(door.spec.address)));
    }
    text + "\t}\n"
}

fn heading(spec: &Spec) -> String {
    format!("\n\t\t# Listener `{}`.\n", spec.id)
}

/// What brings a packet to a listener by another destination.
fn translated(address: SocketAddr) -> String {
    match address.ip() {
        ip if ip.is_unspecified() => format!("redirect to :{}", address.port()),
        IpAddr::V4(_) => format!("dnat ip to {address}"),
        IpAddr::V6(_) => format!("dnat ip6 to {address}"),
    }
}

/// The transparent listeners that have clients of their own family.
fn doors(config: &Config) -> Vec<Door<'_>> {
    let doors = config.listeners.iter().filter_map(|spec| Some((spec, spec.mode.via()?)));
    let doors = doors.map(|(spec, via)| Door { spec, via, clients: clients_of(spec) });
    doors.filter(|door| !door.clients.is_empty()).collect()
}

/// The clients of a listener's family. Older versions of nft refuse a set in which one network lies in another.
fn clients_of(spec: &Spec) -> Vec<&Cidr> {
    let own: Vec<_> = spec.clients.iter().filter(|net| net.network().is_ipv4() == spec.address.is_ipv4()).collect();
    let mut found: Vec<&Cidr> = Vec::new();
    for (at, net) in own.iter().enumerate() {
        let around = |other: &Cidr| other != *net && other.covers(net);
        if !own.iter().any(|other| around(other)) && !own[..at].contains(net) {
            found.push(net);
        }
    }
    found
}

/// The ports that may be asked for, as a set; those that touch are one.
fn ports(ranges: &[RangeInclusive<u16>]) -> String {
    let mut ranges: Vec<(u16, u16)> = ranges.iter().map(|range| (*range.start(), *range.end())).collect();
    ranges.sort_unstable();
    let mut merged: Vec<(u16, u16)> = Vec::new();
    for (start, end) in ranges {
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    let one = |(start, end): &(u16, u16)| if start == end { start.to_string() } else { format!("{start}-{end}") };
    format!("{{ {} }}", merged.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// Clients that are not brought in, though the configuration has them.
pub fn warnings(config: &Config) -> Vec<String> {
    let mut found = Vec::new();
    for spec in config.listeners.iter().filter(|spec| spec.mode.via().is_some()) {
        let (own, other) = if spec.address.is_ipv4() { ("IPv4", "IPv6") } else { ("IPv6", "IPv4") };
        if spec.clients.iter().any(|net| net.network().is_ipv4() != spec.address.is_ipv4()) {
            found.push(format!(
                "listener `{}` is on {}, so its {other} clients are not brought in; give them a listener on an {other} \
                 address, and leave their networks out of this {own} one",
                spec.id, spec.address
            ));
        }
        if spec.mode.via() == Some(Via::Redirect) && spec.address.ip().is_loopback() {
            found.push(format!(
                "listener `{}` is on {}: the kernel sends nobody there by `redirect`; choose the gateway's address \
                 towards its clients, or all of them",
                spec.id, spec.address
            ));
        }
    }
    found
}
