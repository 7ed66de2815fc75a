//! One record and one set of counts for each flow, however it ends.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use crate::world::record::FIELDS;
use crate::world::setup::{BLOCKED, CLINICAL, NEWS, SOCIAL};
use crate::world::{Answer, Origin, Setup, Wire, World, until};

#[test]
fn a_record_has_every_field_and_says_what_happened() {
    let origin = Origin::http(|_| Answer::ok("hello"));
    let world = World::start(&Setup::default());
    Wire::connect(world.proxy()).get(&format!("http://{SOCIAL}:{}/private/path?query=1", origin.port()));
    let record = world.only_record();
    for field in FIELDS {
        assert!(record.0.contains_key(*field), "no {field} in {record:?}");
    }
    for (field, value) in [
        ("listener", "staff"),
        ("client", "127.0.0.1"),
        ("method", "GET"),
        ("host", SOCIAL),
        ("category", "social-media"),
        ("tube", "social"),
        ("action", "allow"),
        ("egress", "internet"),
        ("reason", "finished"),
    ] {
        assert_eq!(record.text(field), value, "{field} in {record:?}");
    }
    assert_eq!((record.number("status"), record.number("port")), (200, u64::from(origin.port())));
    assert!(record.number("bytes_down") >= 5, "{record:?}");
    let text = serde_json::to_string(&record.0).unwrap();
    assert!(!text.contains("private") && !text.contains("query"), "no paths, no queries: {text}");
}

#[test]
fn a_pseudonymised_record_has_no_address_but_tells_clients_apart() {
    let origin = Origin::http(|_| Answer::ok("hello"));
    let world = World::start(&Setup { pseudonymise: true, ..Setup::default() });
    let url = format!("http://{NEWS}:{}/", origin.port());
    for client in ["127.0.0.1", "127.0.0.1", "127.0.0.3"] {
        Wire::connect_from(client.parse().unwrap(), world.proxy()).get(&url);
    }
    let records = world.finish();
    let text = std::fs::read_to_string(world.dir().join("state/access.log")).unwrap();
    assert!(!text.contains("127.0.0.1") && !text.contains("127.0.0.3"), "{text}");
    let names: std::collections::BTreeSet<&str> = records.iter().map(|r| r.text("client")).collect();
    assert_eq!((records.len(), names.len()), (3, 2), "{names:?}");
}

/// An origin that sends for ever.
fn fountain() -> Origin {
    Origin::raw(|mut stream| {
        let mut head = [0; 4096];
        let _ = stream.read(&mut head)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")?;
        loop {
            stream.write_all(&[b'x'; 64 << 10])?;
        }
    })
}

/// An origin that breaks off in the middle when it is told to: by a reset, because bytes it has not read are in its
/// buffer.
fn breaker(told: Arc<AtomicBool>) -> Origin {
    Origin::raw(move |mut stream| {
        let mut one = [0; 1];
        let _ = stream.read(&mut one)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\npart of it")?;
        until(Duration::from_secs(20), "leave to break off", || told.swap(false, Ordering::Relaxed).then_some(()));
        Ok(())
    })
}

#[test]
fn whoever_breaks_off_is_named_in_the_only_record() {
    let told = Arc::new(AtomicBool::new(false));
    let (fountain, breaker) = (fountain(), breaker(Arc::clone(&told)));
    for (what, origin, tunnel, side) in [
        ("a client leaves in the middle of a download", &fountain, false, "client"),
        ("a client leaves a tunnel in the middle", &fountain, true, "client"),
        ("an origin breaks off its answer", &breaker, false, "origin"),
        ("an origin breaks a tunnel", &breaker, true, "origin"),
    ] {
        let world = World::start(&Setup::default());
        let authority = format!("{NEWS}:{}", origin.port());
        let mut wire = if tunnel { Wire::tunnel(world.proxy(), &authority) } else { Wire::connect(world.proxy()) };
        let target = if tunnel { "/".to_owned() } else { format!("http://{authority}/") };
        wire.send(format!("GET {target} HTTP/1.1\r\nhost: {authority}\r\n\r\n"));
        wire.exactly(20);
        if side == "origin" {
            told.store(true, Ordering::Relaxed);
            let _ = wire.rest();
        }
        drop(wire);
        let record = world.only_record();
        assert_eq!(record.end(), format!("{side}: reset"), "{what}: {record:?}");
        assert_eq!(record.number("status"), 200, "{what}: {record:?}");
    }
}

#[test]
fn a_tunnel_keeps_a_half_that_is_still_open() {
    let origin = Origin::raw(|mut stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all)?;
        write!(stream, "{} bytes", all.len())
    });
    let world = World::start(&Setup::default());
    let mut wire = Wire::tunnel(world.proxy(), &format!("{NEWS}:{}", origin.port()));
    wire.send([7; 100_000]);
    wire.stream().shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(wire.rest().0, b"100000 bytes");
    drop(wire);
    let record = world.only_record();
    assert_eq!((record.number("bytes_up"), record.number("bytes_down")), (100_000, 12));
    assert_eq!(record.text("reason"), "finished");
}

#[test]
fn a_stop_records_what_it_cuts() {
    let origin = Origin::echo();
    let world = World::start(&Setup::default());
    let mut wires: Vec<Wire> =
        (0..10).map(|_| Wire::tunnel(world.proxy(), &format!("{NEWS}:{}", origin.port()))).collect();
    for wire in &mut wires {
        wire.send("hello");
        assert_eq!(wire.exactly(5), b"hello");
    }
    world.signal(Signal::INT);
    world.ended(Duration::from_secs(10));
    let records = world.records();
    assert_eq!(records.len(), 10);
    assert!(records.iter().all(|r| r.end() == "proxy: drained" && r.number("bytes_up") == 5), "{records:#?}");
}

#[test]
fn metrics_and_records_tell_the_same_story() {
    let origin = Origin::http(|_| Answer::ok("0123456789"));
    let world = World::start(&Setup::default());
    let port = origin.port();
    for (name, times) in [(CLINICAL, 3), (SOCIAL, 4), (NEWS, 5), (BLOCKED, 2)] {
        for _ in 0..times {
            Wire::connect(world.proxy()).get(&format!("http://{name}:{port}/"));
        }
    }
    let records = until(Duration::from_secs(10), "fourteen records", || {
        let records = world.records();
        (records.len() >= 14).then_some(records)
    });
    let scrape = world.scrape();
    for (tube, category, action, times) in [
        ("clinical", "clinical", "allow", 3.0),
        ("social", "social-media", "allow", 4.0),
        ("internet", "other", "allow", 5.0),
    ] {
        let labels = [("listener", "staff"), ("category", category), ("tube", tube), ("action", action)];
        assert_eq!(scrape.value("clearway_flows_total", &labels), times, "{labels:?}");
        assert_eq!(
            scrape.value("clearway_flow_ends_total", &[("tube", tube), ("reason", "finished")]),
            times,
            "{tube}"
        );
        assert_eq!(scrape.value("clearway_flows_open", &[("tube", tube)]), 0.0, "{tube}");
        let all = records.iter().filter(|r| r.text("tube") == tube).count();
        assert_eq!(scrape.value("clearway_flow_seconds_count", &[("tube", tube)]), all as f64, "{tube}");
        for (direction, field) in [("down", "bytes_down"), ("up", "bytes_up")] {
            let logged: u64 = records.iter().filter(|r| r.text("tube") == tube).map(|r| r.number(field)).sum();
            let counted = scrape.value("clearway_bytes_total", &[("tube", tube), ("direction", direction)]);
            assert_eq!(counted as u64, logged, "{tube} {direction}");
        }
    }
    assert_eq!(scrape.value("clearway_flows_total", &[("action", "block")]), 2.0);
    assert_eq!(scrape.value("clearway_rule_hits_total", &[("rule", "never-at-all")]), 2.0);
    assert_eq!(world.finish().len(), 14);
}
