//! The first bytes inside a tunnel: a name that is checked, and clients that are not held up.

use std::io::Write as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::clients::curl;
use crate::world::setup::{BLOCKED, CLINICAL, NEWS, NO_SOCIAL, SOCIAL};
use crate::world::{Nginx, Origin, Setup, Wire, World, tool};

/// Asks for a tunnel to one name, and inside it for another.
fn between(world: &World, nginx: &Nginx, connect: &str, sni: &str) -> Command {
    let mut curl = curl(world, &nginx.certs.ca);
    let port = nginx.tls;
    curl.args(["--connect-to", &format!("{sni}:{port}:{connect}:{port}")])
        .arg(format!("https://{sni}:{port}/hello.txt"));
    curl
}

#[test]
fn a_flow_is_judged_by_the_less_favourable_of_its_two_names() {
    let nginx = Nginx::start();
    for (connect, sni, tube) in [
        (CLINICAL, SOCIAL, "social"),
        (SOCIAL, CLINICAL, "social"),
        (CLINICAL, NEWS, "internet"),
        (NEWS, CLINICAL, "internet"),
        (NEWS, SOCIAL, "social"),
        (CLINICAL, CLINICAL, "clinical"),
    ] {
        let world = World::start(&Setup::default());
        tool::run(&mut between(&world, &nginx, connect, sni), Duration::from_secs(30)).ok();
        let record = world.only_record();
        assert_eq!(record.text("tube"), tube, "CONNECT {connect}, SNI {sni}: {record:?}");
    }
}

#[test]
fn a_blocked_name_inside_an_allowed_tunnel_ends_it() {
    let nginx = Nginx::start();
    let policy = Setup::default().policy + NO_SOCIAL;
    for (connect, sni, rule) in [(CLINICAL, SOCIAL, "no-social"), (NEWS, BLOCKED, "never-at-all")] {
        let world = World::start(&Setup { policy: policy.clone(), ..Setup::default() });
        let ran = tool::run(&mut between(&world, &nginx, connect, sni), Duration::from_secs(30));
        assert_ne!(ran.code, Some(0), "CONNECT {connect}, SNI {sni}: {}", ran.text());
        let record = world.only_record();
        assert_eq!((record.end().as_str(), record.text("rule")), ("policy: blocked", rule), "{record:?}");
        assert_eq!(record.text("action"), "block");
    }
}

#[test]
fn the_difference_of_names_is_recorded() {
    let nginx = Nginx::start();
    let world = World::start(&Setup::default());
    tool::run(&mut between(&world, &nginx, CLINICAL, SOCIAL), Duration::from_secs(30)).ok();
    let text = serde_json::to_string(&world.only_record().0).unwrap();
    assert!(text.contains(CLINICAL) && text.contains(SOCIAL), "{text}");
}

/// A ClientHello as rustls makes it, in one TLS record.
fn hello(nginx: &Nginx, sni: &str) -> (rustls::ClientConnection, Vec<u8>) {
    let mut client = nginx.certs.client(sni);
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    (client, bytes)
}

/// The same handshake message in records of a few bytes each.
fn fragmented(hello: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in hello[5..].chunks(40) {
        bytes.extend_from_slice(&hello[..3]);
        bytes.extend_from_slice(&u16::try_from(piece.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(piece);
    }
    bytes
}

/// So that the test after this one speaks of the gateway, not of the origin.
#[test]
fn an_origin_reads_a_hello_in_pieces() {
    let nginx = Nginx::start();
    let mut wire = Wire::connect(([127, 0, 0, 1], nginx.tls).into());
    let (mut client, bytes) = hello(&nginx, SOCIAL);
    for piece in fragmented(&bytes).chunks(1) {
        wire.send(piece);
    }
    client.complete_io(&mut wire).unwrap();
}

#[test]
fn a_client_hello_in_pieces_is_read_whole_before_it_is_judged() {
    let nginx = Nginx::start();
    for (how, split, step) in
        [("at once", false, 9_999), ("byte by byte", false, 1), ("in records", true, 9_999), ("both", true, 1)]
    {
        let world = World::start(&Setup::default());
        let mut wire = Wire::tunnel(world.proxy(), &format!("{CLINICAL}:{}", nginx.tls));
        let (mut client, bytes) = hello(&nginx, SOCIAL);
        let bytes = if split { fragmented(&bytes) } else { bytes };
        for piece in bytes.chunks(step) {
            wire.send(piece);
        }
        let mut tls = rustls::Stream::new(&mut client, &mut wire);
        tls.write_all(b"GET /hello.txt HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        let _ = std::io::Read::read_to_end(&mut tls, &mut answer);
        assert!(String::from_utf8_lossy(&answer).ends_with("hello\n"), "{how}");
        drop(wire);
        assert_eq!(world.only_record().text("tube"), "social", "{how}");
    }
}

#[test]
fn a_blocked_name_in_a_fragmented_hello_never_reaches_the_origin() {
    let arrived = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&arrived);
    let origin = Origin::raw(move |mut stream| {
        count.fetch_add(std::io::Read::read(&mut stream, &mut [0; 1])?, Ordering::Relaxed);
        Ok(())
    });
    let nginx = Nginx::start();
    let world = World::start(&Setup::default());
    let mut wire = Wire::tunnel(world.proxy(), &format!("{CLINICAL}:{}", origin.port()));
    for piece in fragmented(&hello(&nginx, BLOCKED).1).chunks(7) {
        // The gateway may end the tunnel as soon as it has read the name.
        if wire.stream().write_all(piece).is_err() {
            break;
        }
    }
    let (rest, _) = wire.rest();
    assert_eq!(rest, b"");
    let record = world.only_record();
    assert_eq!((record.end().as_str(), record.number("bytes_up")), ("policy: blocked", 0), "{record:?}");
    assert_eq!(arrived.load(Ordering::Relaxed), 0);
}

#[test]
fn servers_that_speak_first_are_heard_at_once() {
    for (banner, reply) in [("220 mail ESMTP\r\n", "EHLO x\r\n"), ("SSH-2.0-OpenSSH_9\r\n", "SSH-2.0-x\r\n")] {
        let origin = Origin::raw(move |mut stream| {
            stream.write_all(banner.as_bytes())?;
            let mut back = stream.try_clone()?;
            std::io::copy(&mut stream, &mut back)?;
            Ok(())
        });
        let world = World::start(&Setup::default());
        let began = Instant::now();
        let mut wire = Wire::tunnel(world.proxy(), &format!("{NEWS}:{}", origin.port()));
        assert_eq!(wire.exactly(banner.len()), banner.as_bytes());
        assert!(began.elapsed() < Duration::from_secs(1), "{banner:?} took {:?}", began.elapsed());
        wire.send(reply);
        assert_eq!(wire.exactly(reply.len()), reply.as_bytes());
        assert!(began.elapsed() < Duration::from_secs(1), "{reply:?} took {:?}", began.elapsed());
    }
}

#[test]
fn a_client_that_never_speaks_still_hears_the_origin() {
    let (heard, spoken) = std::sync::mpsc::channel();
    let spoken = std::sync::Mutex::new(spoken);
    let origin = Origin::raw(move |mut stream| {
        // Each byte only when the client has the one before: none waits for others to go with.
        for n in 0..20 {
            stream.write_all(&[n])?;
            let _ = spoken.lock().unwrap().recv_timeout(Duration::from_secs(10));
        }
        Ok(())
    });
    let world = World::start(&Setup::default());
    let mut wire = Wire::tunnel(world.proxy(), &format!("{NEWS}:{}", origin.port()));
    let began = Instant::now();
    for n in 0..20 {
        assert_eq!(wire.exactly(1), [n]);
        heard.send(()).unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
    assert_eq!(wire.rest().0, b"");
    drop(wire);
    let record = world.only_record();
    assert_eq!((record.number("bytes_down"), record.number("bytes_up")), (20, 0));
}
