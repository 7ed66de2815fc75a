//! Changes while flows are open: nothing is lost that the change does not concern, and what it concerns obeys at once.

use std::time::Duration;

use rustix::process::Signal;

use crate::world::load::{End, Meter, Sink, Tunnel, Way, runtime};
use crate::world::setup::{CLINICAL, NEWS, NO_SOCIAL, SOCIAL};
use crate::world::{Origin, Setup, Wire, World, until};

const TUNNELS: u64 = 200;
const RELOADS: usize = 50;

/// The file of reload `n`: ceilings and the social category's tube change; one of the fifty is broken.
fn nth(n: usize) -> Setup {
    let rates = [("40 Mbit/s", "40 Mbit/s"), ("25 Mbit/s", "30 Mbit/s"), ("60 Mbit/s", "20 Mbit/s")];
    let (down, up) = rates[n % rates.len()];
    let mut setup = Setup::with_ceiling(down, up);
    if n % 4 == 1 {
        setup.policy = setup.policy.replace("tube = \"social\"", "tube = \"internet\"");
    }
    if n == BROKEN {
        setup.policy.push_str("\n[[rule]]\nname = \"broken\"\naction = \"sometimes\"\n");
    }
    setup
}

const BROKEN: usize = 25;

/// Clinical has no ceiling and goes before all others: at full speed it would leave them nothing.
fn way_to(name: &str) -> Way {
    if name == CLINICAL { Way::Trickle } else { Way::Both }
}

#[test]
fn fifty_reloads_lose_no_byte_of_two_hundred_moving_tunnels() {
    let runtime = runtime();
    let sink = runtime.block_on(Sink::start());
    let world = World::alone(&nth(0));
    let meter = Meter::new();
    let tunnels = runtime.block_on(async {
        let mut tunnels = Vec::new();
        for seed in 0..TUNNELS {
            let name = [NEWS, SOCIAL, CLINICAL, SOCIAL][seed as usize % 4];
            let authority = format!("{name}:{}", sink.address.port());
            tunnels.push(Tunnel::open(world.proxy(), &authority, way_to(name), seed, &meter).await.unwrap());
        }
        tunnels
    });
    let reloads = |result: &str| world.scrape().find("clearway_reloads_total", &[("result", result)]).unwrap_or(0.0);
    let (applied, refused) = (reloads("applied"), reloads("refused"));
    for n in 1..=RELOADS {
        nth(n).write(world.dir());
        let before = (reloads("applied"), reloads("refused"));
        if n % 2 == 0 {
            world.command("reload").ok();
        } else {
            world.signal(Signal::HUP);
            until(Duration::from_secs(10), "the reload to be counted", || {
                ((reloads("applied"), reloads("refused")) != before).then_some(())
            });
        }
        assert!(tunnels.iter().all(|tunnel| !tunnel.is_over()), "a tunnel ended at reload {n}");
    }
    assert_eq!(reloads("applied") - applied, RELOADS as f64 - 1.0);
    assert_eq!(reloads("refused") - refused, 1.0);
    let before: Vec<u64> = tunnels.iter().map(|tunnel| tunnel.meter.total()).collect();
    until(Duration::from_secs(30), "every tunnel to move on", || {
        tunnels.iter().zip(&before).all(|(tunnel, before)| tunnel.meter.total() > *before).then_some(())
    });
    // Everything under way may now arrive soon.
    world.reload(&Setup::with_ceiling("1 Gbit/s", "1 Gbit/s"));
    runtime.block_on(async {
        let closing: Vec<_> = tunnels.into_iter().map(|tunnel| (tunnel.seed, tokio::spawn(tunnel.close()))).collect();
        for (seed, closing) in closing {
            let (client, origin) = (closing.await.unwrap(), sink.end(seed));
            let wanted = End { sent: origin.received, received: origin.sent, intact: true, whole: true };
            assert_eq!(client, wanted, "tunnel {seed}; the origin: {origin:?}");
            assert!(
                origin.intact && origin.whole && client.sent > 0 && client.received > 0,
                "tunnel {seed}: {origin:?}"
            );
        }
    });
    let records = world.finish();
    assert_eq!(records.len() as u64, TUNNELS);
    assert!(records.iter().all(|r| r.text("reason") == "finished"), "{records:#?}");
}

#[test]
fn a_new_ceiling_holds_within_a_second_on_open_tunnels() {
    runtime().block_on(async {
        let sink = Sink::start().await;
        let world = World::alone(&Setup::with_ceiling("40 Mbit/s", "40 Mbit/s"));
        let authority = format!("{NEWS}:{}", sink.address.port());
        let down = Meter::new();
        let mut tunnels = Vec::new();
        for seed in 0..16 {
            tunnels.push(Tunnel::open(world.proxy(), &authority, Way::Both, seed, &down).await.unwrap());
        }
        // A second at the full rate each way.
        let second = 40_000_000 / 8;
        tokio::task::block_in_place(|| {
            until(Duration::from_secs(10), "the tunnels to be at their rate", || {
                (down.total() > second && sink.meter.total() > second).then_some(())
            });
        });
        for (text, rate) in [("10 Mbit/s", 10e6), ("30 Mbit/s", 30e6)] {
            tokio::task::block_in_place(|| world.reload(&Setup::with_ceiling(text, text)));
            let (from, up_from) =
                (down.elapsed() + Duration::from_secs(1), sink.meter.elapsed() + Duration::from_secs(1));
            tokio::time::sleep(Duration::from_secs(4)).await;
            for (way, meter, from) in [("down", &down, from), ("up", &sink.meter, up_from)] {
                for (at, found) in meter.windows(from, from + Duration::from_millis(2_900), Duration::from_secs(2)) {
                    assert!((0.9..=1.05).contains(&(found / rate)), "{way} at {at:?}: {found:.0} of {rate:.0} bit/s");
                }
            }
        }
        assert!(tunnels.iter().all(|tunnel| !tunnel.is_over()));
    });
}

#[test]
fn blocking_a_category_ends_its_open_tunnels_within_a_second_and_no_others() {
    runtime().block_on(async {
        let sink = Sink::start().await;
        let setup = Setup::with_ceiling("40 Mbit/s", "40 Mbit/s");
        let world = World::alone(&setup);
        let meter = Meter::new();
        let (mut social, mut others) = (Vec::new(), Vec::new());
        for seed in 0..30 {
            let name = [SOCIAL, NEWS, CLINICAL][seed as usize % 3];
            let authority = format!("{name}:{}", sink.address.port());
            let tunnel = Tunnel::open(world.proxy(), &authority, way_to(name), seed, &meter).await.unwrap();
            if name == SOCIAL { social.push(tunnel) } else { others.push(tunnel) }
        }
        tokio::task::block_in_place(|| {
            until(Duration::from_secs(5), "every social tunnel to move", || {
                social.iter().all(|tunnel| tunnel.meter.total() > 0).then_some(())
            });
        });
        let blocked = Setup { policy: setup.policy.clone() + NO_SOCIAL, ..setup };
        tokio::task::block_in_place(|| {
            world.reload(&blocked);
            until(Duration::from_secs(1), "the social tunnels to end", || {
                social.iter().all(Tunnel::is_over).then_some(())
            });
        });
        let before: Vec<u64> = others.iter().map(|tunnel| tunnel.meter.total()).collect();
        tokio::task::block_in_place(|| {
            until(Duration::from_secs(5), "the others to move on", || {
                others.iter().zip(&before).all(|(tunnel, before)| tunnel.meter.total() > *before).then_some(())
            });
            for _ in 0..2 {
                let answer = Wire::connect(world.proxy()).connect_to(&format!("{SOCIAL}:{}", sink.address.port()));
                assert_eq!(answer.status, 403, "a new tunnel to a blocked category: {answer:?}");
            }
            world.record("an ended tunnel", |r| r.text("host") == SOCIAL && r.number("status") == 200);
        });
        let cut: Vec<_> = world.records().into_iter().filter(|r| r.number("status") == 200).collect();
        assert_eq!(cut.len(), 10, "{cut:#?}");
        for record in cut {
            assert_eq!((record.end().as_str(), record.text("rule")), ("policy: blocked", "no-social"), "{record:?}");
            assert!(record.number("bytes_down") > 0, "{record:?}");
        }
    });
}

#[test]
fn a_tunnel_moves_to_the_tube_its_category_now_has() {
    let origin = Origin::echo();
    let world = World::start(&Setup::default());
    let mut wire = Wire::tunnel(world.proxy(), &format!("{SOCIAL}:{}", origin.port()));
    let open = |tube: &str| world.scrape().value("clearway_flows_open", &[("tube", tube)]);
    assert_eq!((open("social"), open("internet")), (1.0, 0.0));
    let policy = Setup::default().policy.replace("tube = \"social\"", "tube = \"internet\"");
    world.reload(&Setup { policy, ..Setup::default() });
    until(Duration::from_secs(1), "the tunnel to change tubes", || {
        (open("social") == 0.0 && open("internet") == 1.0).then_some(())
    });
    wire.send("still here");
    assert_eq!(wire.exactly(10), b"still here");
    drop(wire);
    assert_eq!(world.only_record().text("tube"), "internet");
}

#[test]
fn a_broken_file_changes_nothing_and_is_explained() {
    let origin = Origin::echo();
    let world = World::start(&Setup::default());
    let authority = format!("{NEWS}:{}", origin.port());
    let mut wire = Wire::tunnel(world.proxy(), &authority);
    let generation = world.scrape().value("clearway_config_generation", &[]);
    nth(BROKEN).write(world.dir());
    let ran = world.command("reload");
    assert_ne!(ran.code, Some(0), "{}", ran.text());
    assert!(ran.stderr.contains("policy.toml:") && ran.stderr.contains("sometimes"), "{}", ran.stderr);
    world.signal(Signal::HUP);
    until(Duration::from_secs(10), "the refusal to be counted", || {
        (world.scrape().find("clearway_reloads_total", &[("result", "refused")]) >= Some(1.0)).then_some(())
    });
    assert_eq!(world.scrape().value("clearway_config_generation", &[]), generation);
    wire.send("hello");
    assert_eq!(wire.exactly(5), b"hello");
    drop(Wire::tunnel(world.proxy(), &authority));
    assert!(world.said().contains("policy.toml"), "the refusal is in the log");
}

#[test]
fn a_keep_alive_connection_is_judged_by_the_newest_plan() {
    let origin = Origin::http(|_| crate::world::Answer::ok("hello"));
    let world = World::start(&Setup::default());
    let url = format!("http://{SOCIAL}:{}/", origin.port());
    let mut wire = Wire::connect(world.proxy());
    assert_eq!(wire.get(&url).status, 200);
    world.reload(&Setup { policy: Setup::default().policy + NO_SOCIAL, ..Setup::default() });
    assert_eq!(wire.get(&url).status, 403);
    world.reload(&Setup::default());
    assert_eq!(Wire::connect(world.proxy()).get(&url).status, 200);
}

#[test]
fn a_blocked_answer_that_nobody_reads_is_ended_too() {
    let origin = Origin::http(|_| crate::world::Answer::ok(&"x".repeat(64 << 20)));
    let world = World::start(&Setup::default());
    let mut wire = Wire::connect(world.proxy());
    wire.send(format!("GET http://{SOCIAL}:{}/ HTTP/1.1\r\nhost: {SOCIAL}\r\n\r\n", origin.port()));
    until(Duration::from_secs(5), "the answer to fill the client's window", || {
        (world.scrape().value("clearway_bytes_total", &[("tube", "social"), ("direction", "down")]) > 0.0).then_some(())
    });
    world.reload(&Setup { policy: Setup::default().policy + NO_SOCIAL, ..Setup::default() });
    let record = world.record("the blocked answer", |record| record.text("host") == SOCIAL);
    assert_eq!((record.end().as_str(), record.number("status")), ("policy: blocked", 200), "{record:?}");
    assert!(record.number("bytes_down") < 64 << 20);
    let (bytes, _) = wire.rest();
    assert!(bytes.len() < 64 << 20, "a part was passed off as the whole");
}
