//! `[egress.NAME]`, `[dns]` and `[guard]`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;

use super::listen;
use super::names::reserved;
use crate::base::{Cidr, EgressId, Host, Name, Span, Target};
use crate::config::problem::Problems;
use crate::config::table::Table;
use crate::config::text::{Place, Placed};
use crate::config::value::{Dscp, Readable, Wrong, quoted};
use crate::egress::{Dns, Egress, Guard, Parent};

/// How long a connection may take to be made: several retransmissions of the first packet (RFC 6298 section 2: after
/// 1, 3 and 7 s), and less than a person waits.
const CONNECT: Duration = Duration::from_secs(10);

const HOSTS: &str = "`hosts = { \"intranet.example\" = \"192.0.2.1\" }`";

/// The contract's `deny`: what is on this machine or this wire.
const DENY: [&str; 4] = ["127.0.0.0/8", "::1/128", "169.254.0.0/16", "fe80::/10"];

/// A `[egress.NAME]` and where its parts stand.
pub(in crate::config) struct Draft {
    pub(in crate::config) egress: Egress,
    pub(in crate::config) name: Place,
    pub(in crate::config) source: Vec<Placed<IpAddr>>,
    pub(in crate::config) interface: Option<Place>,
    parent: Option<Place>,
}

/// Reads every `[egress.NAME]`.
pub(in crate::config) fn egresses(root: &mut Table<'_>) -> Vec<Draft> {
    let problems = root.scope.problems;
    let mut egresses = Vec::new();
    for (name, table) in root.named("egress") {
        reserved(problems, &name, "system", "it is built in, and means the system's own route");
        egresses.push(egress(name, table));
    }
    egresses
}

fn egress(name: Placed<String>, mut table: Table<'_>) -> Draft {
    let source = table.one_or_list::<IpAddr>("source").unwrap_or_default();
    let (source_v4, source_v6) = both_families(&table, "source", &source);
    let at = table.value("next_hop").map(|value| value.place);
    let next_hop = table.one_or_list::<IpAddr>("next_hop").unwrap_or_default();
    let (next_hop_v4, next_hop_v6) = both_families(&table, "next_hop", &next_hop);
    if let Some(at) = at.filter(|_| !table.has("fwmark") || !table.has("interface")) {
        let hint = "name both, so that `clearway gateway nft` can write the route; or leave `next_hop` out";
        table.scope.problems.error(&at, "`next_hop` has no effect without `fwmark` and `interface`", hint);
    }
    let connect_timeout = table.take::<Span>("connect_timeout");
    if let Some(Placed { value: Span(Duration::ZERO), place }) = &connect_timeout {
        let hint = "for example `connect_timeout = \"10 s\"`";
        table.scope.problems.error(place, "`connect_timeout` is 0: no connection could be made", hint);
    }
    let leaves = table.value("interface").map(|value| value.place);
    let parent = table.take::<Parent>("parent");
    let at = parent.as_ref().map(|parent| parent.place.clone());
    let egress = Egress {
        id: EgressId::from(name.value.as_str()),
        source_v4,
        source_v6,
        interface: interface(&mut table),
        next_hop_v4,
        next_hop_v6,
        fwmark: table.take::<u32>("fwmark").map(|mark| mark.value),
        dscp: table.take::<Dscp>("dscp").map(|dscp| dscp.value.0),
        parent: parent.map(|parent| parent.value),
        connect_timeout: connect_timeout.map_or(CONNECT, |span| span.value.0),
    };
    table.finish();
    Draft { egress, name: name.place, source, interface: leaves, parent: at }
}

/// One address of each family at most.
fn both_families(
    table: &Table<'_>,
    key: &'static str,
    named: &[Placed<IpAddr>],
) -> (Option<Ipv4Addr>, Option<Ipv6Addr>) {
    let (mut v4, mut v6) = (None, None);
    for Placed { value, place } in named {
        let first = match value {
            IpAddr::V4(address) => v4.replace(*address).is_none(),
            IpAddr::V6(address) => v6.replace(*address).is_none(),
        };
        if !first {
            let hint = "name at most one IPv4 and one IPv6 address";
            table.scope.problems.error(place, format!("`{key}` has two addresses of one family"), hint);
        }
        if value.is_unspecified() || value.is_multicast() {
            let (message, hint) = match key {
                "source" => (
                    format!("no connection can leave from {value}"),
                    "name an address of this machine, or leave `source` out for the system's choice",
                ),
                _ => (format!("{value} is no router"), "name the router beyond the interface"),
            };
            table.scope.problems.error(place, message, hint);
        }
    }
    (v4, v6)
}

/// An `interface`. Linux allows 15 bytes, no slash and no white space (`dev_valid_name` in net/core/dev.c).
pub(super) fn interface(table: &mut Table<'_>) -> Option<String> {
    let Placed { value, place } = table.take::<String>("interface")?;
    let valid =
        value.len() <= 15 && !value.contains(|c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control());
    if !valid || value == "." || value == ".." {
        let message = format!("`interface` cannot be {}: it is no name of an interface", quoted(&value));
        table.scope.problems.error(&place, message, "`ip link` lists them; for example `interface = \"eth0\"`");
        return None;
    }
    Some(value)
}

/// Reads `[dns]`.
pub(in crate::config) fn dns(root: &mut Table<'_>) -> (Dns, Vec<(Name, Placed<IpAddr>)>) {
    let mut table = root.table_or_empty("dns");
    let servers = table.list::<Server>("servers").unwrap_or_default();
    let problems = table.scope.problems;
    let mut hosts: HashMap<Name, Vec<IpAddr>> = HashMap::new();
    let mut answers: Vec<(Name, Placed<IpAddr>)> = Vec::new();
    for (name, value) in table.table("hosts", HOSTS).map(|hosts| hosts.pairs("hosts")).unwrap_or_default() {
        let parsed = match name.value.parse::<Name>() {
            Ok(parsed) => parsed,
            Err(error) => {
                let message = format!("{} is no name: it {error}", quoted(&name.value));
                problems.error(&name.place, message, format!("for example {HOSTS}"));
                continue;
            }
        };
        let addresses: Vec<Placed<IpAddr>> = if value.is_list() {
            value.items().unwrap_or_default().iter().filter_map(|item| item.read()).collect()
        } else if value.is_text() {
            value.read().into_iter().collect()
        } else {
            let hint = match value.is_table() {
                true => "put the whole name in quotes: `\"intranet.example\" = \"192.0.2.1\"`".to_owned(),
                false => format!("for example {HOSTS}"),
            };
            value.wrong_kind("an address or a list of them", &hint);
            continue;
        };
        if hosts.contains_key(&parsed) {
            let message = format!("{} is here twice, spelled differently", quoted(parsed.as_str()));
            problems.error(&name.place, message, "write all its addresses in one list");
        }
        hosts.entry(parsed.clone()).or_default().extend(addresses.iter().map(|address| address.value));
        answers.extend(addresses.into_iter().map(|address| (parsed.clone(), address)));
        if hosts.get(&parsed).is_some_and(Vec::is_empty) && value.is_list() {
            value.wrong(
                format!("{} has no address", quoted(parsed.as_str())),
                "name at least one, or take the line away",
            );
        }
    }
    table.finish();
    (Dns { servers: servers.into_iter().map(|server| server.value.0).collect(), hosts }, answers)
}

/// Records parents that are listeners of this very gateway: it would ask itself, and go on asking.
pub(in crate::config) fn own_parents(problems: &Problems, egresses: &[Draft], listeners: &[listen::Draft], dns: &Dns) {
    for Draft { egress, parent: at, .. } in egresses {
        let (Some(Parent { target, .. }), Some(at)) = (&egress.parent, at) else { continue };
        let own = |draft: &&listen::Draft| {
            draft.address.is_some()
                && draft.spec.address.port() == target.port
                && addresses(&target.host, dns).any(|address| reaches(address, draft.spec.address.ip()))
        };
        if let Some(own) = listeners.iter().find(own) {
            let message =
                format!("the parent of egress `{}` is this gateway's own listener `{}`", egress.id, own.spec.id);
            problems.error(
                at,
                message,
                "every flow would go round in a circle; name another proxy, or leave `parent` out",
            );
        }
    }
}

/// The addresses that a parent surely has; a name that only the world's servers know has none here.
fn addresses<'a>(host: &'a Host, dns: &'a Dns) -> impl Iterator<Item = IpAddr> + 'a {
    let (address, name) = match host {
        Host::Addr(address) => (Some(*address), None),
        Host::Name(name) => (None, Some(name)),
    };
    address.into_iter().chain(name.and_then(|name| dns.hosts.get(name)).into_iter().flatten().copied())
}

/// Whether who dials `address` reaches a listener on `bound`. Linux takes the unspecified address for this machine.
fn reaches(address: IpAddr, bound: IpAddr) -> bool {
    let here = address.is_loopback() || address.is_unspecified();
    let everywhere = bound.is_unspecified() && bound.is_ipv4() == address.is_ipv4();
    address == bound || (here && everywhere) || (address.is_unspecified() && bound.is_loopback())
}

/// Reads `[guard]`.
pub(in crate::config) fn guard(root: &mut Table<'_>) -> Guard {
    let mut table = root.table_or_empty("guard");
    let deny = table.list::<Cidr>("deny");
    let place: Option<Place> = table.value("ports").map(|value| value.place);
    let errors = table.scope.problems.errors();
    let ports = table.list::<RangeInclusive<u16>>("ports");
    if let (Some(ports), Some(place)) = (&ports, place)
        && ports.is_empty()
        && table.scope.problems.errors() == errors
    {
        table.scope.problems.error(
            &place,
            "`ports` is empty: every request would be refused",
            "for example `ports = [80, 443]`",
        );
    }
    table.finish();
    Guard {
        deny: match deny {
            Some(deny) => deny.into_iter().map(|net| net.value).collect(),
            None => DENY.iter().filter_map(|net| net.parse().ok()).collect(),
        },
        ports: match ports {
            Some(ports) => ports.into_iter().map(|range| range.value).collect(),
            None => vec![80..=80, 443..=443],
        },
    }
}

/// A DNS server: `addr` or `addr:port`.
struct Server(SocketAddr);

impl Readable for Server {
    const KIND: &'static str = "the address of a server in a string";
    const EXAMPLE: &'static str = r#"["192.0.2.53", "192.0.2.54:5353"]"#;

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        let text = raw.as_str().ok_or(Wrong::Kind)?;
        let bare = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53));
        let why = || Wrong::Value { why: "it is not an address, with or without a port".to_owned(), hint: None };
        bare.or_else(|_| text.parse()).map(Server).map_err(|_| why())
    }
}

impl Readable for Parent {
    const KIND: &'static str = "a URL in a string";
    const EXAMPLE: &'static str = r#""http://user:password@proxy.example:8080""#;
    const SHOWN: bool = false;

    fn read(raw: &DeValue<'_>) -> Result<Self, Wrong> {
        let wrong = |why: &str| Wrong::Value { why: why.to_owned(), hint: None };
        let text = raw.as_str().ok_or(Wrong::Kind)?;
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("it does not begin with http://"))?;
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(wrong("a parent is reached over plain http://"));
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, authority) = rest.rsplit_once('@').map_or((None, rest), |(login, rest)| (Some(login), rest));
        if authority.contains(['/', '?', '#']) {
            return Err(wrong("it has a path, and a parent has none"));
        }
        let target = Target::with_default_port(authority, 80).map_err(|error| wrong(&error.to_string()))?;
        let credentials = match login {
            None => None,
            Some(login) => {
                // RFC 7617 section 2: the user has no colon, the password may.
                let (user, password) = login.split_once(':').unwrap_or((login, ""));
                let decode = |part| decoded(part).ok_or_else(|| wrong("user or password is not percent-encoded UTF-8"));
                let (user, password) = (decode(user)?, decode(password)?);
                if user.contains(':') || user.chars().chain(password.chars()).any(char::is_control) {
                    return Err(wrong("the user has a colon, or there is a control character"));
                }
                Some((user, password))
            }
        };
        Ok(Parent { target, credentials })
    }
}

/// Percent-decoding (RFC 3986 section 2.1).
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            let [high, low, after @ ..] = after else { return None };
            let digit = |b: u8| char::from(b).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            bytes.push(digit(*high)? * 16 + digit(*low)?);
            rest = after;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}
