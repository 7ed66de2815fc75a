//! Everything that can be refused or fail: the answer, the record with its side and reason, and nothing left behind.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use clearway::listen::explicit::{HEAD_LIMIT, HEADERS_LIMIT};

use crate::world::origin::{Dead, Deaf, NoNames};
use crate::world::setup::{BLOCKED, NEWS};
use crate::world::{Answer, Origin, Setup, Wire, World, until};

/// The gateway's stated limits are below this: slow heads, connections and answers end before it.
const TIME_OUT: Duration = Duration::from_secs(75);

/// A world in which everything can go wrong: one client address, two ports refused, one address denied, no names.
fn strict(names: &NoNames) -> Setup {
    let mut setup = Setup {
        clients: vec!["127.0.0.1/32".to_owned()],
        deny: vec!["127.9.0.0/16".to_owned()],
        ports: "[\"1024-65535\"]".to_owned(),
        servers: vec![names.address],
        ..Setup::default()
    };
    setup.hosts.push(("denied.example.org".to_owned(), "127.9.9.9".to_owned()));
    setup
}

#[test]
fn every_refusal_has_its_answer_and_its_record() {
    let names = NoNames::start();
    let dead = Dead::new();
    let odd = Origin::raw(|mut stream| {
        let _ = stream.read(&mut [0; 4096])?;
        stream.write_all(b"I am no HTTP server\r\n\r\n")
    });
    let rude = Origin::raw(|mut stream| stream.read(&mut [0; 4096]).map(|_| ()));
    let world = World::start(&strict(&names));
    let get = |host: &str, port: u16| format!("GET http://{host}:{port}/ HTTP/1.1\r\nhost: {host}\r\n\r\n");
    let connect = |host: &str, port: u16| format!("CONNECT {host}:{port} HTTP/1.1\r\nhost: {host}\r\n\r\n");
    let oversize = format!("GET http://{NEWS}:8080/ HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    let nowhere = "nowhere.example.org";
    let table = [
        ("a blocked request", get(BLOCKED, 8080), 403, "policy: blocked"),
        ("a blocked tunnel", connect(BLOCKED, 8443), 403, "policy: blocked"),
        ("a refused port", get(NEWS, 25), 403, "policy: port-refused"),
        ("a tunnel to a refused port", connect(NEWS, 25), 403, "policy: port-refused"),
        ("a name at a denied address", get("denied.example.org", 8080), 403, "policy: address-denied"),
        ("a tunnel to a denied address", connect("127.9.9.9", 8080), 403, "policy: address-denied"),
        ("an unknown host", get(nowhere, 8080), 502, "origin: name-not-found"),
        ("a tunnel to an unknown host", connect(nowhere, 8443), 502, "origin: name-not-found"),
        ("a dead origin", get(NEWS, dead.port()), 502, "origin: connect-refused"),
        ("a tunnel to a dead origin", connect(NEWS, dead.port()), 502, "origin: connect-refused"),
        ("an origin that is no web server", get(NEWS, odd.port()), 502, "origin: bad-answer"),
        ("an origin that hangs up", get(NEWS, rude.port()), 502, "origin: reset"),
        ("a bad request line", "GE T\x01 / HTTP/9.9\r\n\r\n".to_owned(), 400, "client: bad-request"),
        (
            "no HTTP at all",
            "\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03\r\n\r\n".to_owned(),
            400,
            "client: bad-request",
        ),
        ("an oversize head", oversize, 431, "client: head-too-large"),
    ];
    for (nth, (what, request, status, end)) in table.iter().enumerate() {
        let mut wire = Wire::connect(world.proxy());
        // An oversize head may be answered before it was sent whole.
        let _ = wire.stream().write_all(request.as_bytes());
        let answer = wire.answer(request.split(' ').next().unwrap());
        assert_eq!(answer.status, *status, "{what}: {answer:?}");
        drop(wire);
        // One after the other, so that each record is known to be this one's.
        let records = until(Duration::from_secs(10), &format!("a record: {what}"), || {
            Some(world.records()).filter(|records| records.len() > nth)
        });
        assert_eq!(records.len(), nth + 1, "{what} has one record: {records:#?}");
        assert_eq!(records[nth].end(), *end, "{what}: {:?}", records[nth]);
    }
    let mut stranger = Wire::connect_from(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)), world.proxy());
    stranger.send(get(NEWS, dead.port()));
    assert_eq!(stranger.answer("GET").status, 403);
    drop(stranger);
    let records = world.finish();
    let ends: Vec<String> = records.iter().map(super::world::Record::end).collect();
    assert_eq!(ends.len(), table.len() + 1, "one record each: {ends:#?}");
    assert_eq!(ends.last().map(String::as_str), Some("policy: client-not-allowed"), "{ends:#?}");
}

#[test]
fn a_head_passes_up_to_its_limits_and_no_further() {
    let origin = Origin::http(|request| Answer::ok(&request.head.fields.len().to_string()));
    let world = World::start(&Setup::default());
    let line = format!("GET http://{NEWS}:{}/ HTTP/1.1\r\nhost: {NEWS}\r\n", origin.port());
    let of_bytes = |bytes: usize| format!("{line}x: {}\r\n\r\n", "y".repeat(bytes - line.len() - "x: \r\n\r\n".len()));
    let of_fields = |fields: usize| format!("{line}{}\r\n", "x: y\r\n".repeat(fields - 1));
    for (what, head, status) in [
        ("64 KiB", of_bytes(HEAD_LIMIT), 200),
        ("a byte more", of_bytes(HEAD_LIMIT + 1), 431),
        ("100 fields", of_fields(HEADERS_LIMIT), 200),
        ("a field more", of_fields(HEADERS_LIMIT + 1), 431),
    ] {
        let mut wire = Wire::connect(world.proxy());
        wire.send(&head);
        assert_eq!(wire.answer("GET").status, status, "{what}, {} bytes", head.len());
    }
    let ends: Vec<String> = world.finish().iter().map(super::world::Record::end).collect();
    assert_eq!(ends.iter().filter(|end| *end == "client: head-too-large").count(), 2, "{ends:?}");
    assert_eq!(ends.len(), 4, "{ends:?}");
}

#[test]
fn a_block_says_which_rule_in_the_form_the_client_reads() {
    let world = World::start(&Setup::default());
    for (method, target, accept, kind) in [
        ("GET", format!("http://{BLOCKED}/"), "text/html", "text/html"),
        ("GET", format!("http://{BLOCKED}/"), "application/json", "application/json"),
        ("CONNECT", format!("{BLOCKED}:443"), "*/*", "text/plain"),
    ] {
        let mut wire = Wire::connect(world.proxy());
        wire.send(format!("{method} {target} HTTP/1.1\r\nhost: {BLOCKED}\r\naccept: {accept}\r\n\r\n"));
        let answer = wire.answer(method);
        assert_eq!(answer.status, 403, "{answer:?}");
        let status = answer.head.field("proxy-status").unwrap_or_default();
        assert_eq!(status, "clearway; error=http_request_denied; details=\"rule=never-at-all\"", "{method}");
        assert!(answer.head.field("content-type").unwrap_or_default().starts_with(kind), "{method}: {answer:?}");
        assert!(answer.text().contains("Not from here."), "{method} {accept}: {}", answer.text());
        if method == "CONNECT" {
            assert_eq!(answer.text().trim_end().lines().count(), 1, "one line: {}", answer.text());
        }
    }
}

#[test]
fn a_full_tube_says_when_to_come_back() {
    let origin = Origin::echo();
    let world = World::start(&Setup { flows: Some(2), ..Setup::default() });
    let authority = format!("{NEWS}:{}", origin.port());
    let held = [Wire::tunnel(world.proxy(), &authority), Wire::tunnel(world.proxy(), &authority)];
    let answer = Wire::connect(world.proxy()).connect_to(&authority);
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.head.field("retry-after").is_some_and(|after| after.parse::<u32>().is_ok()), "{answer:?}");
    // Clinical has room of its own.
    let clinical = format!("{}:{}", crate::world::setup::CLINICAL, origin.port());
    drop(Wire::tunnel(world.proxy(), &clinical));
    drop(held);
    until(Duration::from_secs(10), "room in the tube", || {
        (Wire::connect(world.proxy()).connect_to(&authority).status == 200).then_some(())
    });
    world.record("the refusal", |r| r.text("reason") == "tube-full" && r.number("status") == 503);
}

#[test]
fn slow_ones_are_answered_within_their_time_out() {
    let deaf = Deaf::new();
    let silent = Origin::raw(|mut stream| {
        while stream.read(&mut [0; 4096])? > 0 {}
        Ok(())
    });
    let world = World::start(&Setup::default());
    let get = |port: u16| format!("GET http://{NEWS}:{port}/ HTTP/1.1\r\nhost: {NEWS}\r\n\r\n");
    let connect = |port: u16| format!("CONNECT {NEWS}:{port} HTTP/1.1\r\nhost: {NEWS}\r\n\r\n");
    let table = [
        ("half a head", "GET http://news.example.org/ HTTP/1.1\r\nhost: ne".to_owned(), 408, "client: slow-head"),
        ("a tunnel to nobody", connect(deaf.port()), 504, "origin: connect-timeout"),
        ("a request to nobody", get(deaf.port()), 504, "origin: connect-timeout"),
        ("an origin that never answers", get(silent.port()), 504, "origin: answer-timeout"),
    ];
    let began = Instant::now();
    std::thread::scope(|scope| {
        for (what, request, status, _) in &table {
            let proxy = world.proxy();
            scope.spawn(move || {
                let mut wire = Wire::connect(proxy);
                wire.patience(TIME_OUT);
                wire.send(request);
                let answer = wire.answer(request.split(' ').next().unwrap());
                println!("{what}: {} after {:?}", answer.status, began.elapsed());
                assert_eq!(answer.status, *status, "{what}: {answer:?}");
            });
        }
    });
    let records = world.finish();
    let mut ends: Vec<String> = records.iter().map(super::world::Record::end).collect();
    let mut wanted: Vec<&str> = table.iter().map(|(_, _, _, end)| *end).collect();
    ends.sort();
    wanted.sort_unstable();
    assert_eq!(ends, wanted);
}

/// How many requests fail before and after the measure.
const WARM: usize = 1_000;
const MANY: usize = 20_000;
/// What the allocator and the pseudonyms' table may keep after so many; a leak of a hundred bytes a request is 2 MB,
/// of one buffer a request some 100 MB.
const GROWTH: u64 = 16 << 20;

#[test]
fn twenty_thousand_failures_leave_nothing_behind() {
    let names = NoNames::start();
    let dead = Dead::new();
    let answered = Origin::http(|_| Answer::raw("HTTP/9.9 what\r\n\r\n").closing());
    let world = World::alone(&strict(&names));
    let get = |host: &str, port: u16| {
        format!("GET http://{host}:{port}/ HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")
    };
    let connect = |host: &str, port: u16| format!("CONNECT {host}:{port} HTTP/1.1\r\nhost: {host}\r\n\r\n");
    let requests = [
        get(BLOCKED, 8080),
        connect(BLOCKED, 8443),
        get(NEWS, 25),
        connect("127.9.9.9", 8080),
        get("nowhere.example.org", 8080),
        get(NEWS, dead.port()),
        connect(NEWS, dead.port()),
        get(NEWS, answered.port()),
        "BAD\r\n\r\n".to_owned(),
        format!("GET http://{NEWS}:8080/ HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(200_000)),
        "GET http://half".to_owned(), // and away
        String::new(),                // a stranger, see below
    ];
    let fail = |many: usize| {
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let (requests, proxy) = (&requests, world.proxy());
                scope.spawn(move || {
                    for n in (worker..many).step_by(4) {
                        let request = &requests[n % requests.len()];
                        let from = if request.is_empty() { Ipv4Addr::new(127, 0, 0, 2) } else { Ipv4Addr::LOCALHOST };
                        let mut wire = Wire::connect_from(IpAddr::V4(from), proxy);
                        let text =
                            if request.is_empty() { "GET http://x/ HTTP/1.1\r\nhost: x\r\n\r\n" } else { request };
                        let _ = wire.stream().write_all(text.as_bytes());
                        if text != "GET http://half" {
                            let _ = wire.try_answer("GET");
                        }
                    }
                });
            }
        });
    };
    fail(WARM);
    let settled = |bound: usize| {
        until(Duration::from_secs(60), "descriptors to be closed", || {
            (descriptors(world.pid()) <= bound).then_some(())
        });
    };
    settled(64);
    let (files, memory) = (descriptors(world.pid()), resident(world.pid()));
    fail(MANY);
    settled(files);
    let grown = resident(world.pid()).saturating_sub(memory);
    println!("{MANY} failures: {files} descriptors before and after, {grown} bytes grown from {memory}");
    assert!(grown < GROWTH, "grew by {grown} bytes from {memory}");
    assert_eq!(world.scrape().value("clearway_flows_open", &[]), 0.0);
    // A flow begins with a request: whoever goes away without a whole head may be recorded or not, but never twice.
    let records = world.finish().len();
    let halves = (WARM + MANY).div_ceil(requests.len());
    assert!(records <= WARM + MANY && records + halves >= WARM + MANY, "{records} records, {halves} half heads");
}

/// What a process holds open.
pub fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// Bytes of memory it really has.
pub fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
