//! `ip rule` and `ip route`: what was brought in is this machine's own, and what has an egress's mark leaves by its interface.

use std::net::IpAddr;

use crate::config::Config;
use crate::egress::Egress;
use crate::listen::Via;

/// Who made a rule or a route, so that it is found again (rtnetlink(7), rtm_protocol): one that no routing daemon has.
pub const PROTOCOL: u8 = 203;

/// The mark of packets that are brought in, unless an egress has it.
const MARK: u32 = 0xc1ea;
/// The routing table of those packets; egresses have the ones behind it. Any that nobody else has.
const TABLE: u32 = 49642;
/// Where the rules stand: behind the table `local`, before `main`.
const PREFERENCE: u32 = 10_000;

/// The mark of packets that are brought in.
pub fn mark(config: &Config) -> u32 {
    let taken = |mark: &u32| config.egress.egresses.iter().any(|egress| egress.fwmark == Some(*mark));
    (MARK..).find(|mark| !taken(mark)).unwrap_or(MARK)
}

/// The metric of a route that holds where no other does. `ip` takes an unreachable IPv6 one of the greatest metric for the
/// kernel's own and never flushes it; this is one less.
const LAST: u32 = u32::MAX - 1;

/// Takes away all that was made.
pub fn cleared() -> String {
    let family = |family: &str| {
        format!(
            "ip {family} rule flush protocol {PROTOCOL} 2>/dev/null || true\n\
             ip {family} route flush table all protocol {PROTOCOL} 2>/dev/null || true\n"
        )
    };
    family("-4") + &family("-6")
}

/// The rules and routes of what is brought in. Pure.
pub fn brought_in(config: &Config, mark: u32) -> String {
    let mut text = String::new();
    let tproxy = |v6: bool| {
        let by_tproxy = |spec: &&crate::listen::Spec| spec.mode.via() == Some(Via::Tproxy);
        config.listeners.iter().filter(by_tproxy).any(|spec| spec.address.is_ipv6() == v6)
    };
    let families = [("-4", tproxy(false)), ("-6", tproxy(true))];
    if families.iter().any(|(_, there)| *there) {
        text.push_str("\n# Packets with this mark were brought in by TPROXY: they are this machine's own, whatever their address.\n");
    }
    for (family, _) in families.into_iter().filter(|(_, there)| *there) {
        text.push_str(&rule(family, PREFERENCE, &format!("{mark:#x}"), TABLE));
        text.push_str(&format!("ip {family} route add local default dev lo table {TABLE} protocol {PROTOCOL}\n"));
    }
    text
}

/// The rules and routes of egresses: rules and what holds without a route first, for all of them, then each way that is there.
/// Pure.
pub fn ways_out(config: &Config) -> String {
    let marked = (1..).zip(&config.egress.egresses).filter_map(|(number, egress)| {
        let (mark, interface) = (egress.fwmark?, egress.interface.as_deref()?);
        Some(way_out(egress, (mark, interface), (PREFERENCE + number, TABLE + number)))
    });
    let (rules, ways): (Vec<String>, Vec<String>) = marked.unzip();
    if rules.is_empty() {
        return String::new();
    }
    let rules = rules.concat();
    let ways = ways.concat();
    format!(
        "\n# What has the mark of an egress and finds its interface gone goes nowhere, and not by the table main into the clinical link.\n\
         {rules}{ways}\n# An interface that is not there yet: its egress goes nowhere until this is run again.\n[ -z \"$lacks\" ] || exit 1\n"
    )
}

fn rule(family: &str, preference: u32, mark: &str, table: u32) -> String {
    format!("ip {family} rule add pref {preference} fwmark {mark} lookup {table} protocol {PROTOCOL}\n")
}

/// An egress's own rules, and its routes. Those of a family for which it has neither a next hop nor a source are the
/// machine's.
fn way_out(egress: &Egress, (mark, interface): (u32, &str), (preference, table): (u32, u32)) -> (String, String) {
    let device = quoted(interface);
    // A comment ends with its line, whatever an egress is called.
    let id = egress.id.as_str().replace(|c: char| c.is_control(), "?");
    let (mut rules, mut ways) = (String::new(), format!("\n# Egress `{id}`: what has its mark leaves by {device}.\n"));
    let hops = [
        ("-4", egress.next_hop_v4.map(IpAddr::from), egress.source_v4.is_some()),
        ("-6", egress.next_hop_v6.map(IpAddr::from), egress.source_v6.is_some()),
    ];
    let no_hop = hops.iter().all(|(_, hop, _)| hop.is_none());
    if no_hop {
        ways.push_str("# It has no `next_hop`, which is right on a point-to-point link and nowhere else.\n");
    }
    for (family, hop, source) in hops {
        let any = egress.source_v4.is_none() && egress.source_v6.is_none() && family == "-4";
        if hop.is_none() && !(no_hop && (source || any)) {
            continue;
        }
        let via = hop.map(|hop| format!(" via {hop}")).unwrap_or_default();
        rules.push_str(&rule(family, preference, &mark.to_string(), table));
        rules.push_str(&format!(
            "ip {family} route add unreachable default metric {LAST} table {table} protocol {PROTOCOL}\n"
        ));
        ways.push_str(&format!(
            "ip {family} route add default{via} dev {device} table {table} protocol {PROTOCOL} || lacks=1\n"
        ));
        if family == "-4" {
            // The table `main` leads back another way, and strict filters drop what comes by this one (ip-sysctl.rst).
            ways.push_str(&format!(
                "# Answers come back by it too, though the main table leads elsewhere: loose, not off.\n\
                 echo 2 >{} || lacks=1\n",
                quoted(&format!("/proc/sys/net/ipv4/conf/{interface}/rp_filter"))
            ));
        }
    }
    (rules, ways)
}

/// As one word of a shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Egresses whose packets may not leave as they should.
pub fn warnings(config: &Config) -> Vec<String> {
    let warn = |egress: &Egress| {
        let mark = egress.fwmark?;
        match (&egress.interface, egress.next_hop_v4.is_some() || egress.next_hop_v6.is_some()) {
            (None, _) => Some(format!(
                "egress `{}` has the mark {mark} and no `interface`, so it gets no route of its own here",
                egress.id
            )),
            (Some(interface), false) => Some(format!(
                "egress `{}` has no `next_hop`: its packets find nobody on {interface} unless that is a point-to-point \
                 link; name the router beyond it",
                egress.id
            )),
            (Some(_), true) => None,
        }
    };
    config.egress.egresses.iter().filter_map(warn).collect()
}
