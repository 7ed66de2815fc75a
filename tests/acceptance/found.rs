//! What a reviewer broke once, each with the test that shows it mended.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use crate::world::setup::{CLINICAL, NEWS, NO_SOCIAL, SOCIAL};
use crate::world::{Answer, Origin, Setup, Wire, World, until};

/// An origin that reads a head, answers these bytes, and breaks the connection off.
fn breaking(answer: &'static [u8]) -> Origin {
    Origin::raw(move |mut stream| {
        crate::world::wire::Reader::new(stream.try_clone()?).head()?;
        stream.write_all(answer)?;
        stream.flush()?;
        // A reset, not an end: what was sent is not the whole.
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))
    })
}

#[test]
fn a_hello_that_cannot_be_read_does_not_reach_the_origin() {
    let origin = Origin::echo();
    let world = World::start(&Setup { policy: Setup::default().policy + NO_SOCIAL, ..Setup::default() });
    let mut wire = Wire::tunnel(world.proxy(), &format!("{CLINICAL}:{}", origin.port()));
    // An empty handshake record, which RFC 8446 section 5.1 forbids and OpenSSL steps over.
    wire.send([0x16, 3, 1, 0, 0, 0x16, 3, 1, 0, 4, 1, 0, 0, 0]);
    let (bytes, _) = wire.rest();
    assert!(bytes.is_empty(), "the origin echoed {bytes:?}");
    assert_eq!(world.only_record().end(), "client: bad-request");
}

#[test]
fn an_old_origins_answer_that_broke_off_is_not_taken_for_whole() {
    let origin = breaking(b"HTTP/1.0 200 OK\r\n\r\nhello");
    let world = World::start(&Setup::default());
    let mut wire = Wire::connect(world.proxy());
    wire.send(format!("GET http://{NEWS}:{}/ HTTP/1.1\r\nhost: {NEWS}\r\n\r\n", origin.port()));
    let (bytes, _) = wire.rest();
    let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    assert!(!text.ends_with("0\r\n\r\n"), "the last chunk was made up: {text}");
    assert!(!text.contains("200 ok") || text.contains("transfer-encoding: chunked"), "{text}");
    assert_eq!(world.only_record().end(), "origin: reset");
}

#[test]
fn an_answer_with_a_length_and_a_coding_is_ended_by_the_coding() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let origin = Origin::http(move |_| Answer::raw(answer));
    let world = World::start(&Setup::default());
    let answered = Wire::connect(world.proxy()).get(&format!("http://{NEWS}:{}/", origin.port()));
    assert_eq!((answered.status, answered.text().as_str()), (200, "hello"));
    assert_eq!(answered.head.field("content-length"), None);
}

#[test]
fn an_upload_that_the_origin_does_not_take_can_be_ended() {
    let origin = Origin::raw(|stream| {
        // Takes the connection and nothing that comes over it, for as long as the test lasts.
        std::thread::park_timeout(Duration::from_secs(30));
        drop(stream);
        Ok(())
    });
    let world = World::start(&Setup::default());
    let mut wire = Wire::connect(world.proxy());
    let url = format!("http://{SOCIAL}:{}/", origin.port());
    wire.send(format!("POST {url} HTTP/1.1\r\nhost: {SOCIAL}\r\ncontent-length: 100000000\r\n\r\n"));
    wire.stream().set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    while wire.stream().write_all(&[7; 65_536]).is_ok() {}
    world.reload(&Setup { policy: Setup::default().policy + NO_SOCIAL, ..Setup::default() });
    let record = world.record("the upload", |record| record.text("host") == SOCIAL);
    assert_eq!(record.end(), "policy: blocked", "{record:?}");
    until(Duration::from_secs(2), "the gauge to go back", || {
        (world.scrape().value("clearway_flows_open", &[("tube", "social")]) == 0.0).then_some(())
    });
}

#[test]
fn an_early_answer_does_not_cut_the_upload_short() {
    let (told, whole) = std::sync::mpsc::channel();
    let origin = Origin::raw(move |mut stream| {
        let mut reader = crate::world::wire::Reader::new(stream.try_clone()?);
        reader.head()?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")?;
        let mut bytes = 0;
        let mut buffer = [0; 4096];
        // The reader of the head may have taken the first pieces already.
        while bytes < 1_000 {
            match stream.read(&mut buffer)? {
                0 => break,
                count => bytes += count,
            }
        }
        let _ = told.send(bytes);
        Ok(())
    });
    let world = World::start(&Setup::default());
    let mut wire = Wire::connect(world.proxy());
    let url = format!("http://{NEWS}:{}/", origin.port());
    wire.send(format!("POST {url} HTTP/1.1\r\nhost: {NEWS}\r\ncontent-length: 1200\r\n\r\n"));
    // Longer than a head may take, so that what comes must not be timed as one. The origin closes when it has enough.
    let heard = (0..13).find_map(|_| {
        wire.send([7; 90]);
        whole.recv_timeout(Duration::from_secs(1)).ok()
    });
    assert!(heard.unwrap() >= 1_000);
    let (bytes, _) = wire.rest();
    assert!(!String::from_utf8_lossy(&bytes).contains("408"), "{}", String::from_utf8_lossy(&bytes));
}

#[test]
fn a_request_that_comes_round_again_and_again_is_refused() {
    let origin = Origin::http(|_| Answer::ok("hello"));
    let world = World::start(&Setup::default());
    let mut wire = Wire::connect(world.proxy());
    let url = format!("http://{NEWS}:{}/", origin.port());
    wire.send(format!("GET {url} HTTP/1.1\r\nhost: {NEWS}\r\nvia: 1.1 gw-test, 1.1 gw-test, 1.1 gw-test\r\n\r\n"));
    assert_eq!(wire.answer("GET").status, 400);
}

#[test]
fn a_switch_of_protocols_that_nobody_asked_for_is_a_bad_answer() {
    let origin = breaking(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n");
    let world = World::start(&Setup::default());
    let answered = Wire::connect(world.proxy()).get(&format!("http://{NEWS}:{}/", origin.port()));
    assert_eq!(answered.status, 502);
    assert_eq!(world.only_record().end(), "origin: bad-answer");
}

#[test]
fn a_rule_that_comes_while_a_flow_waits_is_the_one_that_is_named() {
    let origin = Origin::raw(|stream| {
        std::thread::park_timeout(Duration::from_secs(10));
        drop(stream);
        Ok(())
    });
    let world = World::start(&Setup::default());
    let mut wire = Wire::connect(world.proxy());
    wire.send(format!("GET http://{SOCIAL}:{}/ HTTP/1.1\r\nhost: {SOCIAL}\r\n\r\n", origin.port()));
    until(Duration::from_secs(5), "the flow to be open", || {
        (world.scrape().value("clearway_flows_open", &[("tube", "social")]) == 1.0).then_some(())
    });
    world.reload(&Setup { policy: Setup::default().policy + NO_SOCIAL, ..Setup::default() });
    let answered = wire.answer("GET");
    assert_eq!(answered.status, 403);
    assert!(
        answered.head.field("proxy-status").is_some_and(|status| status.contains("rule=no-social")),
        "{answered:?}"
    );
}
