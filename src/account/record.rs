//! The access record: what the log keeps of a flow, one JSON line, fields in the order people and tools rely on.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::base::{CategoryId, EgressId, Fault, Host, ListenerId, RuleId, TubeId};

/// What names a flow in the log and on the page that refuses it: the second in which it opened and a count, in hex.
/// Unique in a process as long as fewer than 2^24 flows open in a second; sorts by time; 15 characters, so that a
/// person can read it out to the help desk.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FlowId {
    pub(super) second: u32,
    pub(super) count: u32,
}

/// A flow that has ended. It knows the client as it is; only [`Record::line`] makes text of it, and has to be told
/// the face to show instead. So it has neither `Debug` nor `Serialize`: no other way leads into a log.
pub struct Record {
    /// When the flow ended.
    pub ended: Timestamp,
    /// Its name.
    pub flow: FlowId,
    /// Where it came in.
    pub listener: ListenerId,
    /// Who asked.
    pub client: IpAddr,
    /// As which user.
    pub user: Option<Arc<str>>,
    /// `CONNECT`, `GET`, ..
    pub method: Option<String>,
    /// Where it went: never a path or query.
    pub host: Option<Host>,
    /// To which port.
    pub port: Option<u16>,
    /// The category that gave the tube; `None` when it ended before a verdict, and so for the next four.
    pub category: Option<CategoryId>,
    /// The tube it was in at the end.
    pub tube: Option<TubeId>,
    /// The rule that decided; `None` also when the default did.
    pub rule: Option<RuleId>,
    /// What was decided.
    pub action: Option<&'static str>,
    /// The way out.
    pub egress: Option<EgressId>,
    /// The HTTP status that the client was given.
    pub status: Option<u16>,
    /// How it ended.
    pub fault: Fault,
    /// Bytes from the client.
    pub bytes_up: u64,
    /// Bytes to the client.
    pub bytes_down: u64,
    /// How long its bytes waited for their share: the direction that waited longer, so never more than the duration.
    pub wait: Duration,
    /// How long making the connection to the origin or parent took.
    pub connect: Option<Duration>,
    /// From the opening of the flow to the first byte from the origin.
    pub first_byte: Option<Duration>,
    /// From the opening of the flow to its end.
    pub duration: Duration,
    /// The name in the TLS ClientHello, where it differs from the one in CONNECT; or what a client that knows of no proxy
    /// said (ClientHello, Host) and was not shown to be at the address that it chose.
    pub sni: Option<Host>,
    /// The address that such a client chose.
    pub address: Option<IpAddr>,
    /// Rules that only watch and would have decided it, and whether each otherwise.
    pub watched: Vec<(RuleId, bool)>,
}

/// A line of the access log. The contract's fields in the contract's order, then ours.
#[derive(Serialize)]
pub struct Line<'a> {
    /// When the flow ended: RFC 3339, UTC, milliseconds.
    time: String,
    #[serde(serialize_with = "shown")]
    flow: FlowId,
    listener: &'a str,
    client: &'a str,
    user: Option<&'a str>,
    method: Option<&'a str>,
    host: Option<String>,
    port: Option<u16>,
    category: Option<&'a str>,
    tube: Option<&'a str>,
    rule: Option<&'a str>,
    action: Option<&'a str>,
    egress: Option<&'a str>,
    status: Option<u16>,
    side: &'a str,
    reason: &'a str,
    bytes_up: u64,
    bytes_down: u64,
    wait_ms: u64,
    connect_ms: Option<u64>,
    first_byte_ms: Option<u64>,
    duration_ms: u64,
    sni: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    /// Rules that only watch and would have decided it otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    watched: Vec<&'a str>,
}

impl Record {
    /// The line, with the faces that stand for client and user.
    pub fn line<'a>(&'a self, client: &'a str, user: Option<&'a str>) -> Line<'a> {
        Line {
            time: format!("{:.3}", self.ended),
            flow: self.flow,
            listener: self.listener.as_str(),
            client,
            user,
            method: self.method.as_deref(),
            host: self.host.as_ref().map(Host::to_string),
            port: self.port,
            category: self.category.as_ref().map(CategoryId::as_str),
            tube: self.tube.as_ref().map(TubeId::as_str),
            rule: self.rule.as_ref().map(RuleId::as_str),
            action: self.action,
            egress: self.egress.as_ref().map(EgressId::as_str),
            status: self.status,
            side: self.fault.side.as_str(),
            reason: self.fault.reason.as_str(),
            bytes_up: self.bytes_up,
            bytes_down: self.bytes_down,
            wait_ms: whole_ms(self.wait),
            connect_ms: self.connect.map(whole_ms),
            first_byte_ms: self.first_byte.map(whole_ms),
            duration_ms: whole_ms(self.duration),
            sni: self.sni.as_ref().map(Host::to_string),
            address: self.address,
            watched: self.watched.iter().filter(|(_, other)| *other).map(|(rule, _)| rule.as_str()).collect(),
        }
    }
}

/// Milliseconds, to the nearest.
fn whole_ms(span: Duration) -> u64 {
    u64::try_from((span.as_micros() + 500) / 1000).unwrap_or(u64::MAX)
}

fn shown<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{:06x}", self.second, self.count & 0x00ff_ffff)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::base::{Reason, Side};

    /// A flow of which nothing is known but that its head did not come.
    pub fn bare() -> Record {
        Record {
            ended: "2026-11-24T12:30:00.0126Z".parse().unwrap(),
            flow: FlowId { second: 0x6921_b7c3, count: 42 },
            listener: ListenerId::from("staff"),
            client: "10.1.2.3".parse().unwrap(),
            user: None,
            method: None,
            host: None,
            port: None,
            category: None,
            tube: None,
            rule: None,
            action: None,
            egress: None,
            status: None,
            fault: Fault::new(Side::Client, Reason::SlowHead),
            bytes_up: 0,
            bytes_down: 0,
            wait: Duration::ZERO,
            connect: None,
            first_byte: None,
            duration: Duration::from_micros(1_500),
            sni: None,
            address: None,
            watched: Vec::new(),
        }
    }

    #[test]
    fn the_fields_stand_in_the_contracts_order_and_absent_ones_are_null() {
        let record = Record {
            user: Some(Arc::from("rhian.example")),
            method: Some("CONNECT".into()),
            host: Some("::1".parse().unwrap()),
            port: Some(443),
            category: Some(CategoryId::from("social-media")),
            tube: Some(TubeId::from("social")),
            rule: Some(RuleId::from("communications-team")),
            action: Some("allow"),
            egress: Some(EgressId::from("internet")),
            status: Some(200),
            bytes_up: 1,
            bytes_down: 2,
            wait: Duration::from_millis(3),
            connect: Some(Duration::from_micros(499)),
            first_byte: Some(Duration::from_millis(5)),
            sni: Some("cdn.example".parse().unwrap()),
            watched: vec![("trial".into(), true), ("same".into(), false)],
            ..bare()
        };
        let json =
            |record: &Record| serde_json::to_string(&record.line("c-1", record.user.as_ref().map(|_| "u-2"))).unwrap();
        assert_eq!(
            json(&record),
            r#"{"time":"2026-11-24T12:30:00.012Z","flow":"6921b7c3-00002a","listener":"staff","client":"c-1","user":"u-2","method":"CONNECT","host":"::1","port":443,"category":"social-media","tube":"social","rule":"communications-team","action":"allow","egress":"internet","status":200,"side":"client","reason":"slow-head","bytes_up":1,"bytes_down":2,"wait_ms":3,"connect_ms":0,"first_byte_ms":5,"duration_ms":2,"sni":"cdn.example","watched":["trial"]}"#
        );
        assert_eq!(
            json(&bare()),
            r#"{"time":"2026-11-24T12:30:00.012Z","flow":"6921b7c3-00002a","listener":"staff","client":"c-1","user":null,"method":null,"host":null,"port":null,"category":null,"tube":null,"rule":null,"action":null,"egress":null,"status":null,"side":"client","reason":"slow-head","bytes_up":0,"bytes_down":0,"wait_ms":0,"connect_ms":null,"first_byte_ms":null,"duration_ms":2,"sni":null}"#
        );
    }

    #[test]
    fn flow_ids_sort_by_time() {
        let id = |second, count| FlowId { second, count }.to_string();
        let mut ids = vec![id(0x6921_b7c4, 1), id(0x6921_b7c3, 255), id(0x6921_b7c3, 3)];
        ids.sort();
        assert_eq!(ids, ["6921b7c3-000003", "6921b7c3-0000ff", "6921b7c4-000001"]);
    }
}
