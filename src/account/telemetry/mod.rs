//! Spans for a collector of OpenTelemetry, one for each flow, by OTLP over HTTP with protobuf. Off unless a collector is
//! named. A span has the labels of the metrics and the measures of the log: no client, no user, no host. The metrics are
//! not sent: every collector can scrape them, and two ways to one number are one too many. `span` is the message, `proto` how
//! protobuf writes it, `exporter` the thread that sends, `post` the request.
//!
//! Written by hand, for the crates would be twenty more, among them a second HTTP stack, for one message.

mod exporter;
mod post;
mod proto;
mod span;

pub use exporter::Telemetry;
pub use span::Span;
