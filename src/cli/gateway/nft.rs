//! `clearway gateway nft`: nftables rules that bring the clients of transparent listeners in, and routes that egresses with a
//! mark leave by.

use std::path::Path;

use super::super::args::ConfigFile;
use super::super::{load, write};
use super::{catch, routes};
use crate::config::Config;

/// Prints the script, or the one that takes away what it made.
pub fn run(config: &ConfigFile, undo: bool) -> Result<u8, u8> {
    if undo {
        write::line(&undoing());
        return Ok(0);
    }
    let file = load::path(config);
    let config = load::config(config)?;
    warnings(&config).iter().for_each(|warning| write::note(&format!("warning: {warning}")));
    write::line(script(&config, &file).trim_end());
    Ok(0)
}

/// What is needed before anything is done.
const NEEDS: &str = "\
set -eu
lacks=
PATH=$PATH:/usr/sbin:/sbin
for program in nft ip; do
  command -v \"$program\" >/dev/null || { echo \"$program is missing; on Debian: apt-get install nftables iproute2\" >&2; exit 1; }
done
[ \"$(id -u)\" -eq 0 ] || { echo 'this needs root' >&2; exit 1; }
";

/// The whole script. Pure.
fn script(config: &Config, file: &Path) -> String {
    let mark = routes::mark(config);
    let file = file.display().to_string().replace(|c: char| c.is_control(), "?");
    [
        format!(
            "#!/bin/sh\n\
             # What the machine around gateway {} needs, by `clearway gateway nft` from {file}.\n\
             #\n\
             #   clearway gateway nft | sudo sh           puts it in force; again after a change: it replaces what it made\n\
             #   clearway gateway nft --undo | sudo sh    takes it away\n\
             #\n\
             # A reboot takes it away too: run it before the gateway starts. Of this machine's firewall and routes it touches\n\
             # nothing but its own: the table `inet clearway` of nftables (`nft list table inet clearway`), what has protocol {}\n\
             # in `ip rule` and `ip route show table all`, and rp_filter of egresses' interfaces, which is set to 2 and stays so.\n\n",
            config.name,
            routes::PROTOCOL
        ),
        NEEDS.to_owned(),
        format!("\n# What was made before goes first.\n{}", routes::cleared()),
        routes::brought_in(config, mark),
        format!("\nnft -f - <<'END'\n{}{}END\n", catch::CLEARED, catch::table(config, mark)),
        // Last, for an interface may not be there.
        routes::ways_out(config),
    ]
    .concat()
}

/// The script that takes everything away. Pure.
fn undoing() -> String {
    format!(
        "#!/bin/sh\n# Takes away what `clearway gateway nft` made, whatever the configuration was then.\n\n{NEEDS}\
         nft -f - <<'END'\n{}END\n{}",
        catch::CLEARED,
        routes::cleared().trim_end()
    )
}

/// What will surprise whoever runs the script.
fn warnings(config: &Config) -> Vec<String> {
    let mut found = Vec::new();
    if config.listeners.iter().all(|listener| listener.mode.via().is_none()) {
        found.push(
            "there is no listener with `mode = \"transparent\"`, so no client's connections are brought in".to_owned(),
        );
    }
    found.extend(catch::warnings(config));
    found.extend(routes::warnings(config));
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::{CONFIG, config};
    use super::*;

    /// Lines of the script that are no comments and not empty.
    fn lines(script: &str) -> Vec<&str> {
        script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
    }

    #[test]
    fn the_script_has_what_the_configuration_says_and_nothing_else() {
        let script = script(&config(CONFIG), Path::new("etc/clear\nway.toml"));
        assert!(script.starts_with("#!/bin/sh\n") && script.contains("from etc/clear?way.toml"), "{script}");
        let found = lines(&script);
        let expected = [
            "ip -4 rule add pref 10000 fwmark 0xc1ea lookup 49642 protocol 203",
            "ip -4 route add local default dev lo table 49642 protocol 203",
            "ip -6 rule add pref 10000 fwmark 0xc1ea lookup 49642 protocol 203",
            "ip -6 route add local default dev lo table 49642 protocol 203",
            "ip -4 rule add pref 10001 fwmark 32 lookup 49643 protocol 203",
            "ip -4 route add unreachable default metric 4294967294 table 49643 protocol 203",
            "ip -4 route add default via 192.0.2.1 dev 'wan2' table 49643 protocol 203 || lacks=1",
            "echo 2 >'/proc/sys/net/ipv4/conf/wan2/rp_filter' || lacks=1",
            "ip -6 rule add pref 10001 fwmark 32 lookup 49643 protocol 203",
            "ip -6 route add unreachable default metric 4294967294 table 49643 protocol 203",
            "ip -6 route add default via 2001:db8::1 dev 'wan2' table 49643 protocol 203 || lacks=1",
            "fib daddr type { local, broadcast, anycast, multicast } return",
            "fib saddr type local return",
            "meta l4proto tcp socket transparent 1 meta mark set 0xc1ea accept",
            "ip saddr { 10.2.0.0/16, 10.8.0.0/16 } tcp dport { 80, 443, 8000-8099 } tproxy ip to 127.0.0.1:3129 meta mark set 0xc1ea accept",
            "ip6 saddr { fd00:2::/32 } tcp dport { 80, 443, 8000-8099 } tproxy ip6 to [::1]:3129 meta mark set 0xc1ea accept",
            "ip saddr { 10.2.0.0/16, 10.8.0.0/16 } udp dport 443 reject with icmpx admin-prohibited",
            "ip6 saddr { fd00:2::/32 } udp dport 443 reject with icmpx admin-prohibited",
            "ip saddr { 10.3.0.0/16 } tcp dport { 80, 443, 8000-8099 } redirect to :3130",
        ];
        for line in expected {
            assert!(found.contains(&line), "{line} is not in\n{script}");
        }
        let last_rule =
            found.iter().rposition(|line| line.contains("unreachable") || line.contains("rule add")).unwrap();
        let first_way = found.iter().position(|line| line.ends_with("|| lacks=1")).unwrap();
        assert!(last_rule < first_way, "an interface that is not there keeps nobody else's rule away");
        assert!(!script.contains("10.1.0.0"), "the clients of an explicit listener are told where to go");
    }

    #[test]
    fn what_will_surprise_is_said() {
        for (from, to, expected) in [
            ("", "", ""),
            ("transparent", "explicit", "there is no listener with `mode = \"transparent\"`"),
            ("[\"10.3.0.0/16\"]", "[\"10.3.0.0/16\", \"fd00:3::/32\"]", "listener `lab` is on 0.0.0.0:3130"),
            ("0.0.0.0:3130", "127.0.0.1:3130", "listener `lab` is on 127.0.0.1:3130: the kernel sends nobody there"),
            ("next_hop = [\"192.0.2.1\", \"2001:db8::1\"]", "", "egress `wan2` has no `next_hop`"),
            ("interface = \"wan2\"\n", "", "egress `wan2` has the mark 32 and no `interface`"),
        ] {
            let mut text = CONFIG.replace(from, to);
            if from == "transparent" {
                text = text.replace("via = \"redirect\"\n", "");
            }
            if from.starts_with("interface") {
                text = text.replace("next_hop = [\"192.0.2.1\", \"2001:db8::1\"]\n", "");
            }
            let found = warnings(&config(&text));
            assert_eq!(found.len(), usize::from(!expected.is_empty()), "{to}: {found:?}");
            assert!(found.iter().all(|line| line.contains(expected)), "{to}: {found:?}");
        }
    }

    #[test]
    fn a_mark_that_an_egress_has_is_not_taken() {
        let script = script(&config(&CONFIG.replace("fwmark = 32", "fwmark = 0xc1ea")), Path::new("a"));
        assert!(script.contains("fwmark 0xc1eb lookup 49642") && script.contains("meta mark set 0xc1eb"), "{script}");
    }

    #[test]
    fn an_interface_is_no_place_for_commands() {
        let script =
            script(&config(&CONFIG.replace("interface = \"wan2\"", "interface = \"a';reboot;'\"")), Path::new("a"));
        assert!(script.contains(r"dev 'a'\'';reboot;'\''' table"), "{script}");
    }
}
