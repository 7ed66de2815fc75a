//! Spans for a collector of OpenTelemetry, read by the protobuf library and the definitions that others use.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::world::setup::{BLOCKED, NEWS, SOCIAL};
use crate::world::{Answer, Origin, Setup, Wire, World, tool, until};

/// Reads requests as any collector would, and prints each span as a line of JSON.
const READER: &str = r#"
import json, sys
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
def value(any):
    return getattr(any, any.WhichOneof("value"))
for path in sys.argv[1:]:
    request = ExportTraceServiceRequest.FromString(open(path, "rb").read())
    for resource in request.resource_spans:
        of = {pair.key: value(pair.value) for pair in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                print(json.dumps({
                    "resource": of, "scope": scope.scope.name, "name": span.name, "kind": span.kind,
                    "trace": span.trace_id.hex(), "span": span.span_id.hex(),
                    "start": span.start_time_unix_nano, "end": span.end_time_unix_nano,
                    "code": span.status.code, "message": span.status.message,
                    "attributes": {pair.key: value(pair.value) for pair in span.attributes},
                }))
"#;

/// The definitions as they are published, in a folder of this build's own. The version is pinned: another has other files.
fn definitions() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("opentelemetry-proto-1.27.0");
    if !folder.join("opentelemetry").exists() {
        if std::env::var_os("CLEARWAY_OFFLINE").is_some() {
            return None;
        }
        let fresh = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-warn-conflicts", "--target"]);
        pip.arg(fresh.path()).arg("opentelemetry-proto==1.27.0");
        let ran = tool::run(&mut pip, Duration::from_secs(180));
        assert_eq!(ran.code, Some(0), "{} (set CLEARWAY_OFFLINE=1 on a machine without network)", ran.stderr);
        let _ = std::fs::rename(fresh.keep(), &folder);
    }
    Some(folder)
}

fn spans(world: &World, bodies: &[Vec<u8>]) -> Option<Vec<Value>> {
    let definitions = definitions()?;
    let mut reader = Command::new("python3");
    reader.env("PYTHONPATH", definitions).args(["-c", READER]);
    for (nth, body) in bodies.iter().enumerate() {
        let path = world.dir().join(format!("request{nth}"));
        std::fs::write(&path, body).unwrap();
        reader.arg(path);
    }
    let ran = tool::run(&mut reader, Duration::from_secs(60)).ok();
    Some(ran.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn telling(collector: u16) -> Setup {
    let telemetry = format!("[telemetry]\notlp = \"http://127.0.0.1:{collector}/base\"\n");
    Setup { link: telemetry, ..Setup::default() }
}

#[test]
fn each_flow_is_a_span_that_says_what_the_log_says_and_nobodys_name() {
    // It has no room at first: nothing is lost by that.
    let asked = Arc::new(AtomicUsize::new(0));
    let busy = Arc::clone(&asked);
    let collector = Origin::http(move |_| match busy.fetch_add(1, Ordering::Relaxed) {
        0 => Answer::raw("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").closing(),
        _ => Answer::ok("").closing(),
    });
    let origin = Origin::http(|_| Answer::ok("hello"));
    let world = World::start(&telling(collector.port()));
    for host in [SOCIAL, BLOCKED] {
        Wire::connect(world.proxy()).get(&format!("http://{host}:{}/private?query=1", origin.port()));
    }
    // Nobody listens at port 1.
    Wire::connect(world.proxy()).get(&format!("http://{NEWS}:1/"));
    until(Duration::from_secs(20), "the spans are taken", || (asked.load(Ordering::Relaxed) >= 2).then_some(()));
    let requests = collector.requests();
    assert!(requests.iter().all(|request| request.head.line.starts_with("POST /base/v1/traces HTTP/1.1")));
    assert_eq!(requests[0].body, requests[1].body, "the same spans again");
    let bodies: Vec<Vec<u8>> = requests.into_iter().skip(1).map(|request| request.body).collect();
    let records = world.finish();
    for body in &bodies {
        for name in ["private", "query", SOCIAL, BLOCKED, NEWS, "127.0.0.1"] {
            assert!(!body.windows(name.len()).any(|part| part == name.as_bytes()), "{name} is in a span");
        }
    }
    let Some(spans) = spans(&world, &bodies) else { return };
    assert_eq!((spans.len(), records.len()), (3, 3));
    for record in &records {
        let of = |span: &&Value| span["attributes"]["clearway.flow"] == record.text("flow");
        let span = spans.iter().find(of).unwrap();
        let resource = &span["resource"];
        assert_eq!(
            (&resource["service.name"], &resource["service.instance.id"]),
            (&"clearway".into(), &"gw-test".into())
        );
        for field in ["listener", "category", "tube", "action", "egress", "side", "reason", "bytes_down", "bytes_up"] {
            assert_eq!(span["attributes"][format!("clearway.{field}")], record.0[field], "{field}: {span:#}");
        }
        assert_eq!(span["attributes"]["http.response.status_code"], record.0["status"]);
        let took = span["end"].as_u64().unwrap() - span["start"].as_u64().unwrap();
        assert!(took.abs_diff(record.number("duration_ms") * 1_000_000) <= 1_000_000, "{span:#}");
        assert_eq!((span["trace"].as_str().unwrap().len(), span["span"].as_str().unwrap().len()), (32, 16));
        let failed = record.text("side") == "origin" && record.text("reason") == "connect-refused";
        assert_eq!(span["code"], if failed { 2 } else { 0 }, "{span:#}");
    }
    assert!(spans.iter().any(|span| span["code"] == 2), "{spans:#?}");
}

#[test]
fn a_collector_that_refuses_or_is_gone_costs_flows_nothing_and_what_is_lost_is_counted() {
    let collector = Origin::http(|_| Answer::raw("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").closing());
    let origin = Origin::http(|_| Answer::ok("hello"));
    let world = World::start(&telling(collector.port()));
    let get = || Wire::connect(world.proxy()).get(&format!("http://{NEWS}:{}/", origin.port()));
    assert_eq!(get().status, 200);
    let lost = || world.scrape().value("clearway_telemetry_dropped_total", &[]);
    until(Duration::from_secs(20), "the refused span is counted", || (lost() >= 1.0).then_some(()));
    assert!(world.said().contains("telemetry: the collector 127.0.0.1"), "{}", world.said());
    // Where there is none, nothing is told to one.
    world.reload(&Setup::default()).ok();
    let (before, asked) = (lost(), collector.requests().len());
    assert_eq!(get().status, 200);
    assert_eq!((lost(), collector.requests().len()), (before, asked));
}
