//! A flow as a span (opentelemetry-proto, trace/v1/trace.proto). The numbers are those of its fields.

use std::time::Duration;

use jiff::Timestamp;

use super::proto::Message;
use crate::account::record::{FlowId, Record};
use crate::base::{CategoryId, EgressId, Fault, ListenerId, Reason, RuleId, Side, TubeId};

/// What is told of a flow that has ended: no client, no user and no host.
#[derive(Clone, Debug)]
pub struct Span {
    ended: Timestamp,
    duration: Duration,
    flow: FlowId,
    listener: ListenerId,
    category: Option<CategoryId>,
    tube: Option<TubeId>,
    rule: Option<RuleId>,
    action: Option<&'static str>,
    egress: Option<EgressId>,
    status: Option<u16>,
    fault: Fault,
    bytes: [u64; 2],
    wait: Duration,
    connect: Option<Duration>,
    first_byte: Option<Duration>,
}

/// SPAN_KIND_SERVER: it is answered to somebody.
const SERVER: u64 = 2;
/// STATUS_CODE_ERROR; a status that is not set says that nothing is wrong.
const ERROR: u64 = 2;

/// Who sends spans.
#[derive(Clone, Debug)]
pub struct Origin {
    /// `[gateway] name`.
    pub name: String,
    /// What tells the traces of this process from those of any other.
    pub seed: u64,
}

impl Span {
    /// What a record tells that no person is in.
    pub fn of(record: &Record) -> Span {
        Span {
            ended: record.ended,
            duration: record.duration,
            flow: record.flow,
            listener: record.listener.clone(),
            category: record.category.clone(),
            tube: record.tube.clone(),
            rule: record.rule.clone(),
            action: record.action,
            egress: record.egress.clone(),
            status: record.status,
            fault: record.fault,
            bytes: [record.bytes_down, record.bytes_up],
            wait: record.wait,
            connect: record.connect,
            first_byte: record.first_byte,
        }
    }

    /// Whether it ended by a fault of the way: what a policy refused, or a client ended, is as it should be.
    fn failed(&self) -> bool {
        matches!(self.fault.side, Side::Origin | Side::Parent | Side::Proxy)
            && !matches!(self.fault.reason, Reason::Finished | Reason::Idle | Reason::Drained)
    }

    fn write(&self, to: &mut Message, origin: &Origin) {
        let flow = u64::from(self.flow.second) << 32 | u64::from(self.flow.count);
        let end = u64::try_from(self.ended.as_nanosecond()).unwrap_or_default();
        let took = u64::try_from(self.duration.as_nanos()).unwrap_or_default();
        to.bytes(1, &[origin.seed.to_be_bytes(), flow.to_be_bytes()].concat());
        // A trace has this span alone.
        to.bytes(2, &flow.max(1).to_be_bytes());
        to.bytes(5, b"flow");
        to.number(6, SERVER);
        to.fixed64(7, end.saturating_sub(took));
        to.fixed64(8, end);
        self.attributes(to);
        if self.failed() {
            to.message(15, |status| {
                status.bytes(2, format!("{}: {}", self.fault.side.as_str(), self.fault.reason.as_str()).as_bytes());
                status.number(3, ERROR);
            });
        }
    }

    fn attributes(&self, to: &mut Message) {
        // So that the line of the access log is found.
        text(to, 9, "clearway.flow", &self.flow.to_string());
        text(to, 9, "clearway.listener", self.listener.as_str());
        let words = [
            ("clearway.category", self.category.as_ref().map(CategoryId::as_str)),
            ("clearway.tube", self.tube.as_ref().map(TubeId::as_str)),
            ("clearway.rule", self.rule.as_ref().map(RuleId::as_str)),
            ("clearway.action", self.action),
            ("clearway.egress", self.egress.as_ref().map(EgressId::as_str)),
        ];
        words.iter().filter_map(|(name, word)| Some((name, (*word)?))).for_each(|(name, word)| text(to, 9, name, word));
        text(to, 9, "clearway.side", self.fault.side.as_str());
        text(to, 9, "clearway.reason", self.fault.reason.as_str());
        let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let numbers = [
            ("http.response.status_code", self.status.map(u64::from)),
            ("clearway.bytes_down", Some(self.bytes[0])),
            ("clearway.bytes_up", Some(self.bytes[1])),
            ("clearway.wait_ms", Some(ms(self.wait))),
            ("clearway.connect_ms", self.connect.map(ms)),
            ("clearway.first_byte_ms", self.first_byte.map(ms)),
        ];
        for (name, value) in numbers.iter().filter_map(|(name, value)| Some((name, (*value)?))) {
            attribute(to, 9, name, |any| any.number(3, value));
        }
    }
}

/// A request with these spans (ExportTraceServiceRequest).
pub fn request(spans: &[Span], origin: &Origin) -> Vec<u8> {
    let mut request = Message::default();
    request.message(1, |resource_spans| {
        resource_spans.message(1, |resource| {
            text(resource, 1, "service.name", "clearway");
            text(resource, 1, "service.version", env!("CARGO_PKG_VERSION"));
            text(resource, 1, "service.instance.id", &origin.name);
        });
        resource_spans.message(2, |scope_spans| {
            scope_spans.message(1, |scope| scope.bytes(1, b"clearway"));
            spans.iter().for_each(|span| scope_spans.message(2, |message| span.write(message, origin)));
        });
    });
    request.into_bytes()
}

/// A KeyValue.
fn attribute(to: &mut Message, field: u64, name: &str, value: impl FnOnce(&mut Message)) {
    to.message(field, |pair| {
        pair.bytes(1, name.as_bytes());
        pair.message(2, value);
    });
}

fn text(to: &mut Message, field: u64, name: &str, value: &str) {
    attribute(to, field, name, |any| any.bytes(1, value.as_bytes()));
}
