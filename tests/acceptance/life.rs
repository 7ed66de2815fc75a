//! Start, drain, stop: what a process owes to those who run it.

use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use crate::world::load::{Meter, Sink, Tunnel, Way, runtime};
use crate::world::setup::{NEWS, SOCIAL};
use crate::world::{Answer, Origin, Setup, Wire, World, until};

#[test]
fn a_drain_lets_open_flows_finish_and_takes_no_new_ones() {
    for by_command in [false, true] {
        let origin = Origin::echo();
        let world = World::start(&Setup::default());
        let mut wire = Wire::tunnel(world.proxy(), &format!("{NEWS}:{}", origin.port()));
        if by_command {
            world.command("drain").ok();
        } else {
            world.signal(Signal::TERM);
        }
        until(Duration::from_secs(10), "the listener to close", || {
            TcpStream::connect(world.proxy()).is_err().then_some(())
        });
        wire.send("still served");
        assert_eq!(wire.exactly(12), b"still served");
        assert!(world.exit().is_none(), "it waits for the open flow");
        drop(wire);
        assert_eq!(world.ended(Duration::from_secs(10)).code(), Some(0));
        let records = world.records();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].text("reason"), "finished");
    }
}

#[test]
fn a_drain_does_not_wait_for_idle_keep_alive_connections() {
    let origin = Origin::http(|_| Answer::ok("hello"));
    let world = World::start(&Setup::default());
    let mut wire = Wire::connect(world.proxy());
    assert_eq!(wire.get(&format!("http://{NEWS}:{}/", origin.port())).status, 200);
    world.signal(Signal::TERM);
    assert_eq!(world.ended(Duration::from_secs(10)).code(), Some(0));
    assert!(wire.try_answer("GET").is_ok_and(|answer| answer.is_none()), "closed in good order");
}

#[test]
fn a_moving_tunnel_survives_the_drain_to_its_end() {
    runtime().block_on(async {
        let sink = Sink::start().await;
        let world = World::start(&Setup::default());
        let authority = format!("{NEWS}:{}", sink.address.port());
        let tunnel = Tunnel::open(world.proxy(), &authority, Way::Both, 1, &Meter::new()).await.unwrap();
        world.signal(Signal::TERM);
        let limit = Duration::from_secs(10);
        tokio::task::block_in_place(|| {
            until(limit, "the listener to close", || TcpStream::connect(world.proxy()).is_err().then_some(()));
            let before = (tunnel.meter.total(), sink.meter.total());
            until(limit, "the tunnel to move on both ways", || {
                (tunnel.meter.total() > before.0 && sink.meter.total() > before.1).then_some(())
            });
        });
        let (client, origin) = (tunnel.close().await, tokio::task::block_in_place(|| sink.end(1)));
        assert_eq!((client.sent, client.received), (origin.received, origin.sent));
        assert!(client.intact && client.whole && origin.intact && client.received > 0, "{client:?} {origin:?}");
        assert_eq!(tokio::task::block_in_place(|| world.ended(Duration::from_secs(10))).code(), Some(0));
    });
}

#[test]
fn an_interrupt_stops_at_once() {
    let origin = Origin::echo();
    let world = World::start(&Setup::default());
    let mut wire = Wire::tunnel(world.proxy(), &format!("{NEWS}:{}", origin.port()));
    world.signal(Signal::INT);
    world.ended(Duration::from_secs(5));
    assert_eq!(wire.rest().0, b"");
}

#[test]
fn a_broken_file_stops_the_start_with_every_mistake() {
    let mut setup = Setup { ports: "[\"99999\"]".to_owned(), ..Setup::default() };
    setup.policy.push_str("\n[[rule]]\nname = \"x\"\naction = \"sometimes\"\n\n[[rule]]\nname = \"y\"\nto = [\"nosuch\"]\naction = \"allow\"\n");
    let ran = World::refused(&setup);
    assert_eq!(ran.code, Some(78), "{}", ran.stderr);
    for word in ["99999", "sometimes", "nosuch", "clearway.toml", "policy.toml"] {
        assert!(ran.stderr.contains(word), "{word} is not named:\n{}", ran.stderr);
    }
    assert!(ran.stdout.is_empty());
}

#[test]
fn a_port_in_use_is_said_clearly() {
    let taken = Origin::echo();
    for (listen, admin) in
        [(taken.address.to_string(), "127.0.0.1:0".to_owned()), ("127.0.0.1:0".to_owned(), taken.address.to_string())]
    {
        let ran = World::refused(&Setup { listen, admin, ..Setup::default() });
        assert_eq!(ran.code, Some(70), "{}", ran.stderr);
        let said = ran.stderr.to_ascii_lowercase();
        assert!(said.contains(&taken.address.to_string()) && said.contains("in use"), "{}", ran.stderr);
    }
}

#[test]
fn commands_without_a_running_gateway_say_so() {
    let dir = tempfile::tempdir().unwrap();
    Setup::default().write(dir.path());
    let file = dir.path().join("clearway.toml");
    for command in ["status", "reload", "drain"] {
        let ran = crate::world::gateway::clearway(&[command, "-c", file.to_str().unwrap()]);
        assert_eq!(ran.code, Some(1), "{command}: {}", ran.stderr);
        assert!(ran.stderr.contains("running") || ran.stderr.contains("admin.sock"), "{command}: {}", ran.stderr);
    }
}

/// The minute after this one, or the next where this one is all but over, as the gateway's clock on the wall reads it.
fn soon() -> jiff::Zoned {
    let now = jiff::Zoned::now().in_tz("Europe/London").unwrap();
    let minutes = if now.second() > 55 { 2 } else { 1 };
    let minute = jiff::ZonedRound::new().smallest(jiff::Unit::Minute).mode(jiff::RoundMode::Trunc);
    now.round(minute).unwrap() + jiff::ToSpan::minutes(minutes)
}

#[test]
fn a_window_that_opens_ends_what_it_blocks_and_narrows_what_it_holds() {
    let origin = Origin::echo();
    let opens = soon();
    let window = format!("{}-{}", opens.strftime("%H:%M"), (&opens + jiff::ToSpan::minutes(5)).strftime("%H:%M"));
    let rule =
        format!("\n[[rule]]\nname = \"lunch\"\nto = [\"social-media\"]\nwhen = \"{window}\"\naction = \"block\"\n");
    let mut setup = Setup::with_ceiling("40 Mbit/s", "40 Mbit/s");
    setup.policy += &rule;
    setup.peak =
        format!("peak = [{{ when = \"{window}\", ceiling = {{ down = \"8 Mbit/s\", up = \"8 Mbit/s\" }} }}]\n");
    let world = World::start(&setup);
    let limit =
        || world.scrape().value("clearway_tube_limit_bits_per_second", &[("tube", "internet"), ("direction", "down")]);
    let mut blocked = Wire::tunnel(world.proxy(), &format!("{SOCIAL}:{}", origin.port()));
    let mut kept = Wire::tunnel(world.proxy(), &format!("{NEWS}:{}", origin.port()));
    assert!((limit() - 40e6).abs() < 1.0);
    blocked.patience(Duration::from_secs(130));
    let (bytes, _) = blocked.rest();
    let ended = jiff::Zoned::now();
    assert!(bytes.is_empty() && ended >= opens, "ended at {ended}, before {opens}");
    assert!(ended.duration_since(&opens).as_secs() < 2, "ended at {ended}, long after {opens}");
    let record = world.record("the blocked tunnel", |record| record.text("host") == SOCIAL);
    assert_eq!((record.end().as_str(), record.text("rule")), ("policy: blocked", "lunch"));
    assert!((limit() - 8e6).abs() < 1.0);
    kept.send("still here");
    assert_eq!(kept.exactly(10), b"still here");
}
