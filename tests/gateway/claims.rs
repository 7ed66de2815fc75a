//! What a client says of where it goes, and where it goes.

use crate::world::{BLOCKED, CARE, CLINIC, DENIED, MIXED, NEWS, Record, SOCIAL, Site, V4, V6, World, ask, hello, tls};

/// The host of the record.
#[derive(Clone, Copy, Debug)]
enum Host {
    /// The name, which is true.
    Name,
    /// The address, with the name beside it.
    Address,
    /// The address alone.
    Bare,
}

/// What a client brings.
#[derive(Clone, Copy, Debug)]
enum Brings {
    Tls(Site),
    NoName,
    Ech(Site),
    Host(Site),
    Literal(Site),
    Bytes(&'static str),
}

impl Brings {
    fn bytes(self, family: usize) -> (u16, Vec<u8>) {
        let request = |host: &str| format!("GET /x HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").into_bytes();
        let literal = |site: Site| if family == 0 { site.text(V4).to_owned() } else { format!("[{}]", site.text(V6)) };
        match self {
            Brings::Tls(site) => (443, tls(site.name)),
            Brings::NoName => (443, hello(None, false)),
            Brings::Ech(site) => (443, hello(Some(site.name), true)),
            Brings::Host(site) => (80, request(site.name)),
            Brings::Literal(site) => (80, request(&literal(site))),
            Brings::Bytes(text) => (443, text.as_bytes().to_vec()),
        }
    }

    fn said(self) -> Option<Site> {
        match self {
            Brings::Tls(site) | Brings::Ech(site) | Brings::Host(site) | Brings::Literal(site) => Some(site),
            Brings::NoName | Brings::Bytes(_) => None,
        }
    }
}

/// What a client brings, where it goes, the tube it rides in, and what its record calls it. A word of the tube's column may
/// be a reason instead, of who is refused.
const TABLE: &[(Brings, Site, &str, Host)] = &[
    // The name is true.
    (Brings::Tls(CLINIC), CLINIC, "clinical", Host::Name),
    (Brings::Tls(SOCIAL), SOCIAL, "social", Host::Name),
    (Brings::Tls(NEWS), NEWS, "internet", Host::Name),
    (Brings::Tls(CARE), CARE, "internet", Host::Name),
    (Brings::Host(CLINIC), CLINIC, "clinical", Host::Name),
    (Brings::Host(SOCIAL), SOCIAL, "social", Host::Name),
    // The name is elsewhere: the less favourable of name and address.
    (Brings::Tls(CLINIC), NEWS, "internet", Host::Address),
    (Brings::Tls(CLINIC), MIXED, "social", Host::Address),
    (Brings::Tls(SOCIAL), CARE, "social", Host::Address),
    (Brings::Tls(NEWS), CARE, "internet", Host::Address),
    (Brings::Tls(CLINIC), CARE, "clinical", Host::Address),
    (Brings::Host(CLINIC), NEWS, "internet", Host::Address),
    (Brings::Host(SOCIAL), CARE, "social", Host::Address),
    // No name: by address, and so in clinical by address alone.
    (Brings::NoName, CLINIC, "internet", Host::Bare),
    (Brings::NoName, CARE, "clinical", Host::Bare),
    (Brings::NoName, MIXED, "social", Host::Bare),
    (Brings::Bytes("SSH-2.0-OpenSSH_9.9\r\n"), CLINIC, "internet", Host::Bare),
    (Brings::Bytes("\u{0}\u{1}anything"), CARE, "clinical", Host::Bare),
    (Brings::Bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), CLINIC, "internet", Host::Bare),
    // The name outside an encrypted hello can only make matters worse.
    (Brings::Ech(CLINIC), CLINIC, "internet", Host::Address),
    (Brings::Ech(SOCIAL), NEWS, "social", Host::Address),
    (Brings::Ech(CLINIC), CARE, "clinical", Host::Address),
    // An address as a Host is an address.
    (Brings::Literal(CARE), CARE, "clinical", Host::Bare),
    (Brings::Literal(CARE), NEWS, "internet", Host::Address),
    (Brings::Literal(NEWS), CARE, "internet", Host::Address),
    // Refused: by name wherever it is, by address whatever its name.
    (Brings::Tls(BLOCKED), BLOCKED, "policy: blocked", Host::Name),
    (Brings::Tls(BLOCKED), CARE, "policy: blocked", Host::Address),
    (Brings::Ech(BLOCKED), NEWS, "policy: blocked", Host::Address),
    (Brings::Tls(DENIED), DENIED, "policy: address-denied", Host::Name),
    (Brings::Tls(CLINIC), DENIED, "policy: address-denied", Host::Address),
    (Brings::Host(DENIED), DENIED, "policy: address-denied", Host::Name),
];

/// Of clients brought in by TPROXY.
pub fn disagreements(world: &World) {
    judged(world, [V4.ward, V6.ward], TABLE);
    let record = world.record(|| assert_eq!(ask(V4.ward, NEWS.at(V4), 443, b"\x16\x03\x01\0\0".to_vec()), ""));
    assert_eq!(record.end(), "client: bad-request", "{record:?}");
}

/// Of clients brought in by REDIRECT.
pub fn redirected(world: &World) {
    let some: Vec<_> = TABLE.iter().copied().step_by(3).collect();
    judged(world, [V4.lab, V6.lab], &some);
}

fn judged(world: &World, clients: [&'static str; 2], table: &[(Brings, Site, &str, Host)]) {
    for (which, family) in [V4, V6].into_iter().enumerate() {
        for &(brings, site, expected, host) in table {
            let what = format!("{brings:?} at {} of {}", site.text(family), clients[which]);
            let (port, bytes) = brings.bytes(which);
            let mut heard = String::new();
            let record = world.record(|| heard = ask(clients[which], site.at(family), port, bytes));
            let refused = expected.contains(": ");
            // Whatever was said, it is the address that was chosen which answers.
            assert_eq!(heard.contains(&format!("at {}\n", site.text(family))), !refused, "{what}: {heard:?}");
            let found = if refused { record.end() } else { record.text("tube") };
            assert_eq!(found, expected, "{what}: {record:?}");
            called(&record, brings, (site, site.text(family)), host, &what);
            assert_eq!(record.text("client"), clients[which], "{what}");
            if refused && port == 80 {
                assert!(heard.starts_with("HTTP/1.1 403") && heard.contains("proxy-status: clearway;"), "{heard}");
            }
        }
    }
}

/// What the record calls a flow.
fn called(record: &Record, brings: Brings, (site, address): (Site, &str), host: Host, what: &str) {
    let said = brings.said().unwrap_or(site);
    let literal = |site: Site| if address.contains(':') { site.text(V6) } else { site.text(V4) };
    let beside = if matches!(brings, Brings::Literal(_)) { literal(said) } else { said.name };
    let expected = match host {
        Host::Name => [said.name, "-"],
        Host::Address => [address, beside],
        Host::Bare => [address, "-"],
    };
    assert_eq!([record.text("host"), record.text("sni")], expected, "{what}: {record:?}");
    assert_eq!(record.text("address"), address, "{what}");
}
