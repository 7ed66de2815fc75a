//! The proxy auto-configuration: the script by which a browser finds the gateway. Pure. It is ES5, as the oldest engines
//! read it, and it never looks a name up: that would hold up every request of every browser.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use crate::base::{Cidr, Host, Name, Target};

/// `[pac]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pac {
    /// How clients reach the gateway; `None`: by the address that they fetched the script from.
    pub name: Option<Proxy>,
    /// Another gateway, for when this one does not answer.
    pub fallback: Option<Proxy>,
    /// What clients reach themselves.
    pub direct: Vec<Direct>,
    /// What clients do when neither answers.
    pub if_down: IfDown,
}

/// A gateway, as clients call it.
#[derive(Clone, Debug, PartialEq)]
pub struct Proxy {
    /// Its name or address.
    pub host: Host,
    /// `None`: the port that the script was fetched from.
    pub port: Option<u16>,
}

/// What does not go by the gateway.
#[derive(Clone, Debug, PartialEq)]
pub enum Direct {
    /// A name and all under it.
    Name(Name),
    /// Addresses, where a URL has one. Names are not looked up for this.
    Network(Cidr),
}

/// What clients do when no gateway answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfDown {
    /// They say that the proxy does not answer. Otherwise a browser that finds it slow once goes past it, and past every
    /// rule, for minutes, and nobody sees that.
    #[default]
    Fail,
    /// They go straight to the origin.
    Direct,
}

/// Whether a request's path asks for the script: under its own name, or as browsers find it by themselves.
pub fn is_pac(path: &str) -> bool {
    matches!(path, "/proxy.pac" | "/wpad.dat")
}

/// Its media type.
pub const MEDIA_TYPE: &str = "application/x-ns-proxy-autoconfig";

/// What is on the client itself or its own wire, whatever is configured.
const OWN: [&str; 4] = ["127.0.0.0/8", "::1/128", "169.254.0.0/16", "fe80::/10"];

/// What does the work, below what it works with.
const WORK: &str = include_str!("pac.js");

impl Pac {
    /// Whether the authority of an https URL means the gateway, as a client reached it: that address, or the gateway's own
    /// name.
    pub fn is_at(&self, authority: &str, reached: SocketAddr) -> bool {
        let Ok(asked) = Target::with_default_port(authority, 443) else { return false };
        let named = self.name.as_ref().map(|name| &name.host);
        let host = asked.host == Host::Addr(reached.ip().to_canonical()) || Some(&asked.host) == named;
        host && asked.port == reached.port()
    }

    /// The script for a client that reached a listener at an address. `tls` is whether clients speak TLS to it.
    pub fn script(&self, reached: SocketAddr, tls: bool) -> String {
        let reached_host = Host::Addr(reached.ip().to_canonical());
        let own = self.name.clone().unwrap_or(Proxy { host: reached_host, port: None });
        let gateways = [Some(&own), self.fallback.as_ref()];
        let word = if tls { "HTTPS" } else { "PROXY" };
        let entry = |proxy: &Proxy| {
            let port = proxy.port.unwrap_or(reached.port());
            match &proxy.host {
                Host::Addr(IpAddr::V6(address)) => format!("{word} [{address}]:{port}"),
                host => format!("{word} {host}:{port}"),
            }
        };
        let mut proxies: Vec<String> = gateways.iter().flatten().map(|proxy| entry(proxy)).collect();
        if self.if_down == IfDown::Direct {
            proxies.push("DIRECT".to_owned());
        }
        let (mut names, mut networks) = (vec![".localhost".to_owned()], Vec::new());
        networks.extend(OWN.iter().filter_map(|net| net.parse::<Cidr>().ok()));
        // The gateways themselves: what else they serve is not for their own proxy.
        for proxy in gateways.into_iter().flatten() {
            match &proxy.host {
                Host::Name(name) => names.push(format!(".{}", name.as_str())),
                Host::Addr(address) => networks.push(Cidr::from(*address)),
            }
        }
        for direct in &self.direct {
            match direct {
                Direct::Name(name) => names.push(format!(".{}", name.as_str())),
                Direct::Network(network) => networks.push(*network),
            }
        }
        let mut script = "// Made by Clearway from [pac] in its configuration.\n".to_owned();
        let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        let networks: Vec<String> = networks.iter().map(network).collect();
        let _ = writeln!(script, "var PROXIES = {};", quoted(&proxies.join("; ")));
        let _ = writeln!(script, "var NAMES = [{}];", names.join(", "));
        let _ = writeln!(script, "var NETWORKS = [{}];\n", networks.join(", "));
        script + WORK
    }
}

/// A network as the script has it: groups of 16 bits, and how many bits count.
fn network(network: &Cidr) -> String {
    let groups: Vec<String> = match network.network() {
        IpAddr::V4(address) => {
            address.octets().chunks(2).map(|pair| (u32::from(pair[0]) * 256 + u32::from(pair[1])).to_string()).collect()
        }
        IpAddr::V6(address) => address.segments().iter().map(ToString::to_string).collect(),
    };
    format!("[[{}], {}]", groups.join(","), network.prefix())
}

/// A text as JavaScript has it, and as it is safe whatever the text is.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        if letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | ':' | ';' | ' ' | '[' | ']') {
            quoted.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let _ = write!(quoted, "\\u{unit:04x}");
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_is_known_by_the_address_that_was_reached_and_by_its_name() {
        let reached = "10.0.0.1:3443".parse().unwrap();
        let name = Some(Proxy { host: "proxy.example".parse().unwrap(), port: None });
        let pac = Pac { name, ..Pac::default() };
        for (authority, ours) in [
            ("10.0.0.1:3443", true),
            ("Proxy.Example:3443", true),
            ("10.0.0.1", false),
            ("10.0.0.1:80", false),
            ("10.0.0.2:3443", false),
            ("www.example:3443", false),
            ("a@10.0.0.1:3443", false),
        ] {
            assert_eq!(pac.is_at(authority, reached), ours, "{authority}");
        }
    }

    #[test]
    fn the_script_names_the_gateway_as_clients_reach_it() {
        let proxy = |text: &str, port| Some(Proxy { host: text.parse().unwrap(), port });
        for (name, fallback, if_down, reached, tls, expected) in [
            (None, None, IfDown::Fail, "10.1.2.3:3128", false, "PROXY 10.1.2.3:3128"),
            (None, None, IfDown::Fail, "[::ffff:10.1.2.3]:3128", false, "PROXY 10.1.2.3:3128"),
            (None, None, IfDown::Fail, "[2001:db8::1]:80", false, "PROXY [2001:db8::1]:80"),
            (
                proxy("gw1.example", None),
                None,
                IfDown::Direct,
                "10.1.2.3:3128",
                false,
                "PROXY gw1.example:3128; DIRECT",
            ),
            (
                proxy("gw1.example", Some(8080)),
                proxy("gw2.example", None),
                IfDown::Fail,
                "10.1.2.3:80",
                true,
                "HTTPS gw1.example:8080; HTTPS gw2.example:80",
            ),
        ] {
            let pac = Pac { name, fallback, if_down, ..Pac::default() };
            let script = pac.script(reached.parse().unwrap(), tls);
            assert!(script.contains(&format!("\nvar PROXIES = \"{expected}\";\n")), "{script}");
        }
    }

    #[test]
    fn names_and_networks_that_go_direct_are_in_it() {
        let direct =
            vec![Direct::Name("example.org".parse().unwrap()), Direct::Network("10.4.0.0/14".parse().unwrap())];
        let pac = Pac { direct, ..Pac::default() };
        let script = pac.script("192.0.2.1:3128".parse().unwrap(), false);
        assert!(script.contains("var NAMES = [\".localhost\", \".example.org\"];"), "{script}");
        assert!(script.contains("[[49152,513], 32], [[2564,0], 14]];"), "{script}");
    }

    #[test]
    fn nothing_that_is_quoted_can_leave_its_quotes() {
        for (text, expected) in [
            ("a-b_c.example", r#""a-b_c.example""#),
            (r#"";alert(1)//"#, r#""\u0022;alert\u00281\u0029\u002f\u002f""#),
            ("\\\n\u{2028}</script>", r#""\u005c\u000a\u2028\u003c\u002fscript\u003e""#),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
