//! HTTP/1.1 on the wire: framing, connections, and the fields that belong to one hop (RFC 9110, RFC 9112).

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use crate::clients::curl;
use crate::world::setup::{BLOCKED, IDN, NEWS};
use crate::world::{Answer, Origin, Record, Setup, Wire, World, tool, until};

#[test]
fn one_connection_carries_many_requests_on_both_sides() {
    let origin = Origin::http(|_| Answer::ok("hello"));
    let world = World::start(&Setup::default());
    let mut wire = Wire::connect(world.proxy());
    for n in 0..20 {
        let answer = wire.get(&format!("http://{NEWS}:{}/{n}", origin.port()));
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello"), "request {n}");
    }
    assert_eq!(origin.requests().len(), 20);
    assert_eq!(origin.connections(), 1, "the connection to the origin is kept and used again");
    drop(wire);
    let records = world.finish();
    assert_eq!(records.len(), 20, "each request is a flow of its own");
    assert!(records.iter().all(|r| r.end().ends_with(": finished") && r.number("status") == 200), "{records:#?}");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::http(|request| Answer::ok(request.head.second()));
    let world = World::start(&Setup::default());
    let mut wire = Wire::connect(world.proxy());
    let host = format!("{NEWS}:{}", origin.port());
    let all: String = (0..8).map(|n| format!("GET http://{host}/{n} HTTP/1.1\r\nhost: {host}\r\n\r\n")).collect();
    wire.send(all);
    for n in 0..8 {
        assert_eq!(wire.answer("GET").text(), format!("/{n}"));
    }
}

#[test]
fn a_client_that_says_close_is_closed_after_its_answer() {
    let origin = Origin::http(|_| Answer::ok("last"));
    let world = World::start(&Setup::default());
    let host = format!("{NEWS}:{}", origin.port());
    for (version, field) in [("1.1", "connection: close\r\n"), ("1.0", "")] {
        let mut wire = Wire::connect(world.proxy());
        wire.send(format!("GET http://{host}/ HTTP/{version}\r\nhost: {host}\r\n{field}\r\n"));
        assert_eq!(wire.answer("GET").text(), "last");
        assert!(wire.try_answer("GET").unwrap().is_none(), "HTTP/{version} {field}");
    }
}

#[test]
fn an_origin_that_closes_between_requests_costs_the_client_nothing() {
    let origin = Origin::http(|_| Answer::ok("once").closing());
    let world = World::start(&Setup::default());
    let mut wire = Wire::connect(world.proxy());
    for n in 0..5 {
        let answer = wire.get(&format!("http://{NEWS}:{}/{n}", origin.port()));
        assert_eq!((answer.status, answer.text().as_str()), (200, "once"), "request {n}");
    }
}

#[test]
fn fields_of_one_hop_stay_on_that_hop() {
    let origin = Origin::http(|_| {
        Answer::raw(
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: x-mine\r\nx-mine: 1\r\nkeep-alive: timeout=5\r\n\
             proxy-authenticate: Basic realm=x\r\nx-end: kept\r\nvia: 1.0 origin\r\n\r\nok",
        )
    });
    let world = World::start(&Setup::default());
    let mut wire = Wire::connect(world.proxy());
    let host = format!("{NEWS}:{}", origin.port());
    wire.send(format!(
        "GET http://{host}/a?b=c HTTP/1.1\r\nHost: other.example\r\nConnection: X-Private, keep-alive, Te\r\n\
         X-Private: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eDp5\r\n\
         TE: gzip\r\nX-End: kept\r\nVia: 1.0 client\r\n\r\n"
    ));
    let answer = wire.answer("GET");
    let sent = origin.request().head;
    assert_eq!(sent.line, "GET /a?b=c HTTP/1.1", "an origin is asked in origin-form");
    assert_eq!(
        sent.field("host"),
        Some(host.as_str()),
        "the target's authority replaces Host (RFC 9112 section 3.2.2)"
    );
    for gone in ["x-private", "keep-alive", "proxy-connection", "proxy-authorization", "upgrade"] {
        assert_eq!(sent.field(gone), None, "{gone} reached the origin: {sent:?}");
    }
    assert!(!sent.lists("te", "gzip"), "{sent:?}");
    assert_eq!(sent.field("x-end"), Some("kept"));
    let via = |head: &crate::world::wire::Head| {
        let all: Vec<String> = head.fields.iter().filter(|(n, _)| n == "via").map(|(_, v)| v.clone()).collect();
        all.join(", ")
    };
    assert_eq!(via(&sent), "1.0 client, 1.1 gw-test");
    assert_eq!(via(&answer.head), "1.0 origin, 1.1 gw-test");
    for gone in ["x-mine", "keep-alive", "proxy-authenticate"] {
        assert_eq!(answer.head.field(gone), None, "{gone} reached the client: {answer:?}");
    }
    assert_eq!(answer.head.field("x-end"), Some("kept"));
}

#[test]
fn answers_without_a_body_leave_the_connection_usable() {
    let origin = Origin::http(|request| match request.head.second() {
        "/204" => Answer::raw("HTTP/1.1 204 No Content\r\n\r\n"),
        "/304" => Answer::raw("HTTP/1.1 304 Not Modified\r\netag: \"x\"\r\ncontent-length: 9\r\n\r\n"),
        "/head" => Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 12345\r\n\r\n"),
        "/empty" => Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        _ => Answer::ok("body"),
    });
    let world = World::start(&Setup::default());
    let mut wire = Wire::connect(world.proxy());
    let host = format!("{NEWS}:{}", origin.port());
    for (method, path, status) in
        [("GET", "/204", 204), ("GET", "/304", 304), ("HEAD", "/head", 200), ("GET", "/empty", 200), ("GET", "/", 200)]
    {
        wire.send(format!("{method} http://{host}{path} HTTP/1.1\r\nhost: {host}\r\n\r\n"));
        let answer = wire.answer(method);
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.text(), if path == "/" { "body" } else { "" }, "{method} {path}");
        if method == "HEAD" {
            assert_eq!(answer.head.field("content-length"), Some("12345"), "{answer:?}");
        }
    }
}

#[test]
fn chunks_and_trailers_pass_both_ways() {
    let origin = Origin::http(|_| {
        Answer::raw(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
             3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\nx-sum: 7\r\n\r\n",
        )
    });
    let world = World::start(&Setup::default());
    let mut wire = Wire::connect(world.proxy());
    let host = format!("{NEWS}:{}", origin.port());
    for _ in 0..2 {
        wire.send(format!(
            "POST http://{host}/ HTTP/1.1\r\nhost: {host}\r\nte: trailers\r\nconnection: te\r\n\
             transfer-encoding: chunked\r\ntrailer: x-up\r\n\r\n"
        ));
        for piece in ["5\r\nhel", "lo\r\n", "1\r\n!\r\n", "0\r\nx-up: ", "6\r\n\r\n"] {
            wire.send(piece);
        }
        let answer = wire.answer("POST");
        assert_eq!(answer.text(), "abcdefg");
        assert_eq!(answer.trailers, [("x-sum".to_owned(), "7".to_owned())], "{answer:?}");
    }
    for request in origin.requests() {
        assert_eq!(request.body, b"hello!");
        assert_eq!(request.trailers, [("x-up".to_owned(), "6".to_owned())], "{request:?}");
    }
    assert_eq!(origin.connections(), 1, "a body with trailers ends well, and its connection is used again");
    drop(wire);
    let ends: Vec<_> = world.finish().iter().map(Record::end).collect();
    assert_eq!(ends, ["client: finished", "client: finished"]);
}

#[test]
fn a_body_never_passes_without_the_transfer_coding_it_is_in() {
    let origin = Origin::http(|request| {
        let coding = request.head.second().trim_start_matches('/').replace('+', ", ");
        let body = if coding.contains("chunked") { "3\r\nabc\r\n0\r\n\r\n" } else { "abc" };
        Answer::raw(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: {coding}\r\n\r\n{body}")).closing()
    });
    let world = World::start(&Setup::default());
    let host = format!("{NEWS}:{}", origin.port());
    for fields in ["gzip, chunked", "chunked, chunked", "gzip\r\ntransfer-encoding: chunked"] {
        let mut wire = Wire::connect(world.proxy());
        wire.send(format!(
            "POST http://{host}/ HTTP/1.1\r\nhost: {host}\r\ntransfer-encoding: {fields}\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        ));
        assert_eq!(wire.answer("POST").status, 400, "{fields}");
    }
    assert_eq!(origin.requests().len(), 0);
    for (coding, status) in [("gzip+chunked", 502), ("gzip", 502), ("chunked", 200), ("identity", 200)] {
        let answer = Wire::connect(world.proxy()).get(&format!("http://{host}/{coding}"));
        assert_eq!(answer.status, status, "{coding}: {answer:?}");
        assert!(status != 200 || answer.text() == "abc", "{coding}: {answer:?}");
    }
    let records = world.finish();
    let many = |end: &str| records.iter().filter(|record| record.end() == end).count();
    let ends = ["client: bad-request", "origin: bad-answer", "client: finished"].map(many);
    assert_eq!(ends, [3, 2, 2], "{records:#?}");
}

#[test]
fn a_body_that_ends_with_the_connection_arrives_whole() {
    let origin = Origin::http(|_| Answer::raw("HTTP/1.1 200 OK\r\n\r\nuntil the end").closing());
    let world = World::start(&Setup::default());
    let answer = Wire::connect(world.proxy()).get(&format!("http://{NEWS}:{}/", origin.port()));
    assert_eq!((answer.status, answer.text().as_str()), (200, "until the end"));
}

#[test]
fn a_client_that_expects_100_gets_it_before_it_sends() {
    let origin = Origin::http(|request| Answer::ok(&request.body.len().to_string()));
    let world = World::start(&Setup::default());
    let mut wire = Wire::connect(world.proxy());
    let host = format!("{NEWS}:{}", origin.port());
    for n in 0..2 {
        wire.send(format!(
            "PUT http://{host}/ HTTP/1.1\r\nhost: {host}\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n"
        ));
        assert_eq!(wire.answer("PUT").status, 100, "request {n}");
        wire.send("12345");
        assert_eq!(wire.answer("PUT").text(), "5", "request {n}");
    }
    // curl waits up to --expect100-timeout for the 100; a bound far above any test's says that it came.
    let mut curl: Command = curl(&world, std::path::Path::new("/dev/null"));
    curl.args(["--expect100-timeout", "60", "-H", "Expect: 100-continue", "-d", "0123456789"]);
    let ran = tool::run(curl.arg(format!("http://{host}/")), Duration::from_secs(30)).ok();
    assert_eq!(ran.text(), "10");
}

#[test]
fn an_early_refusal_reaches_a_client_that_waits_for_100() {
    let origin = Origin::raw(|mut stream| {
        let mut reader = crate::world::wire::Reader::new(stream.try_clone()?);
        reader.head()?;
        stream.write_all(b"HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    });
    let world = World::start(&Setup::default());
    let mut wire = Wire::connect(world.proxy());
    let host = format!("{NEWS}:{}", origin.port());
    wire.send(format!(
        "PUT http://{host}/ HTTP/1.1\r\nhost: {host}\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n"
    ));
    // A proxy may answer 100 itself or wait for the origin (RFC 9110 section 10.1.1); the end is the same.
    let mut answer = wire.answer("PUT");
    if answer.status == 100 {
        wire.send("12345");
        answer = wire.answer("PUT");
    }
    assert_eq!(answer.status, 417);
}

#[test]
fn literals_of_both_families_and_international_names_are_reached() {
    let four = Origin::http(|request| Answer::ok(request.head.field("host").unwrap_or_default()));
    let six = Origin::http_on("[::1]:0", |request| Answer::ok(request.head.field("host").unwrap_or_default()));
    let world = World::start(&Setup::default());
    let (four, six) = (four.port(), six.port());
    let a_labels = IDN.parse::<clearway::base::Name>().unwrap().to_string();
    for (asked, host, port) in [
        ("127.0.0.1", "127.0.0.1", four),
        ("[::1]", "[::1]", six),
        ("[0:0:0:0:0:0:0:1]", "[::1]", six),
        (a_labels.as_str(), a_labels.as_str(), four),
        (&a_labels.to_uppercase(), a_labels.as_str(), four),
    ] {
        let answer = Wire::connect(world.proxy()).get(&format!("http://{asked}:{port}/"));
        assert_eq!(answer.status, 200, "{asked}: {answer:?}");
        assert!(answer.text().eq_ignore_ascii_case(&format!("{host}:{port}")) || asked != host, "{asked}: {answer:?}");
    }
    let ran =
        tool::run(curl(&world, "/dev/null".as_ref()).arg(format!("http://{IDN}:{four}/")), Duration::from_secs(30));
    assert!(ran.ok().text().starts_with("xn--"));
    let record = world.record("the international name", |r| r.text("host").contains("xn--"));
    assert_eq!(record.text("host"), a_labels);
}

#[test]
fn an_ipv6_literal_can_be_a_tunnel() {
    let origin = Origin::http_on("[::1]:0", |_| Answer::ok("six"));
    let world = World::start(&Setup::default());
    let mut wire = Wire::tunnel(world.proxy(), &format!("[::1]:{}", origin.port()));
    wire.send("GET / HTTP/1.1\r\nhost: [::1]\r\n\r\n");
    assert_eq!(wire.answer("GET").text(), "six");
}

#[test]
fn a_proxy_is_no_origin() {
    let world = World::start(&Setup::default());
    let proxy = world.proxy();
    for request in [
        format!("GET / HTTP/1.1\r\nhost: {proxy}\r\n\r\n"),
        format!("GET /http://{NEWS}/ HTTP/1.1\r\nhost: {NEWS}\r\n\r\n"),
        format!("OPTIONS * HTTP/1.1\r\nhost: {proxy}\r\n\r\n"),
        format!("GET ftp://{NEWS}/ HTTP/1.1\r\nhost: {NEWS}\r\n\r\n"),
        format!("CONNECT {NEWS} HTTP/1.1\r\nhost: {NEWS}\r\n\r\n"),
        format!("GET http://user:pass@{NEWS}/ HTTP/1.1\r\nhost: {NEWS}\r\n\r\n"),
        format!("GET http://127.1:80/ HTTP/1.1\r\nhost: {NEWS}\r\n\r\n"),
    ] {
        let mut wire = Wire::connect(proxy);
        wire.send(&request);
        assert_eq!(wire.answer("GET").status, 400, "{request}");
    }
    let records = world.finish();
    assert_eq!(records.len(), 7);
    assert!(records.iter().all(|r| r.end() == "client: bad-request"), "{records:#?}");
}

#[test]
fn a_message_that_two_readers_could_end_in_two_places_does_not_pass() {
    let origin = Origin::http(|_| Answer::ok("ok"));
    let world = World::start(&Setup::default());
    let host = format!("{NEWS}:{}", origin.port());
    let post = |fields: &str, body: &str| format!("POST http://{host}/ HTTP/1.1\r\nhost: {host}\r\n{fields}\r\n{body}");
    for refused in [
        post("content-length: 3\r\ncontent-length: 4\r\n", "abcd"),
        post("content-length: 3, 4\r\n", "abcd"),
        post("content-length: +3\r\n", "abc"),
        post("content-length: -3\r\n", "abc"),
        post("transfer-encoding: chunked, gzip\r\n", "0\r\n\r\n"),
        post("transfer-encoding : chunked\r\n", "0\r\n\r\n"),
        post("x y: 1\r\n", ""),
        post(" folded: 1\r\n", ""),
    ] {
        let mut wire = Wire::connect(world.proxy());
        wire.send(&refused);
        let answer = wire.answer("POST");
        assert_eq!(answer.status, 400, "{refused}");
        assert!(
            wire.try_answer("POST").is_ok_and(|next| next.is_none()),
            "closed, nothing after it is read: {refused}"
        );
    }
    assert_eq!(origin.requests().len(), 0);
    // Both lengths: refused, or Transfer-Encoding wins and Content-Length goes (RFC 9112 section 6.3).
    let mut wire = Wire::connect(world.proxy());
    wire.send(post("content-length: 30\r\ntransfer-encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"));
    if wire.answer("POST").status != 400 {
        let request = origin.request();
        assert_eq!((request.body.as_slice(), request.head.field("content-length")), (b"abc".as_slice(), None));
    }
}

/// Whether everything that was sent over a connection of this machine has arrived and been read (proc_net_tcp(5)).
fn is_read(stream: &TcpStream) -> bool {
    let port = |address: io::Result<SocketAddr>| format!(":{:04X}", address.unwrap().port());
    let (near, far) = (port(stream.local_addr()), port(stream.peer_addr()));
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    // Of each end: its address, the other's, and "what is not acknowledged:what is not read".
    let queues = |from: &str, to: &str| {
        let mut ends = table.lines().map(|line| line.split_ascii_whitespace().skip(1).collect::<Vec<_>>());
        let end = ends.find(|end| end[0].ends_with(from) && end[1].ends_with(to));
        end.map(|end| end[3].to_owned()).unwrap_or_default()
    };
    queues(&near, &far).starts_with("00000000:") && queues(&far, &near).ends_with(":00000000")
}

/// Where a CONNECT is cut by the network says nothing of it, and neither does an end behind what follows it.
#[test]
fn a_connect_is_the_same_however_it_arrives() {
    let origin = Origin::http(|request| Answer::ok(request.head.second()).closing());
    let world = World::start(&Setup::default());
    let host = format!("{NEWS}:{}", origin.port());
    let connect = format!("CONNECT {host} HTTP/1.1\r\nhost: {host}\r\n\r\n");
    let get = format!("GET /inside HTTP/1.1\r\nhost: {host}\r\n\r\n");
    for cut in [0, 3, connect.len() - 1, connect.len(), connect.len() + 5, connect.len() + get.len()] {
        let mut wire = Wire::connect(world.proxy());
        let all = format!("{connect}{get}");
        wire.send(&all[..cut]);
        until(Duration::from_secs(10), "the gateway to read the first part", || is_read(wire.stream()).then_some(()));
        wire.send(&all[cut..]);
        wire.stream().shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(wire.answer("CONNECT").status, 200, "cut at {cut}");
        assert_eq!(wire.answer("GET").text(), "/inside", "cut at {cut}");
    }
    let records = world.finish();
    assert_eq!(records.len(), 6);
    assert!(records.iter().all(|r| r.end().ends_with(": finished")), "{records:#?}");
}

#[test]
fn who_is_refused_a_tunnel_may_ask_for_something_else() {
    let origin = Origin::http(|_| Answer::ok("hello"));
    let world = World::start(&Setup::default());
    let mut wire = Wire::connect(world.proxy());
    for _ in 0..2 {
        assert_eq!(wire.connect_to(&format!("{BLOCKED}:443")).status, 403);
        assert_eq!(wire.get(&format!("http://{NEWS}:{}/", origin.port())).text(), "hello");
    }
    drop(wire);
    let ends: Vec<String> = world.finish().iter().map(|record| record.end()).collect();
    assert_eq!(ends.len(), 4, "{ends:?}");
    assert_eq!(ends.iter().filter(|end| *end == "policy: blocked").count(), 2, "{ends:?}");
}
