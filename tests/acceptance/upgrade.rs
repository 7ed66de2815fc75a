//! A running gateway is replaced by another program: nobody on the network notices, and both together keep the rules.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::world::gateway::{place_program, program};
use crate::world::load::{Meter, Sink, Tunnel, Way, runtime};
use crate::world::setup::{CLINICAL, NEWS, NO_SOCIAL, SOCIAL};
use crate::world::{Answer, Origin, Scrape, Setup, Wire, World, until};

const PATIENCE: Duration = Duration::from_secs(20);
const SECOND: Duration = Duration::from_secs(1);
const MBIT: f64 = 1e6;

fn estate(internet: &str, social: &str) -> Setup {
    Setup {
        own_program: true,
        internet: Some((internet.to_owned(), internet.to_owned())),
        social: Some((social.to_owned(), social.to_owned())),
        ..Setup::default()
    }
}

fn status(world: &World) -> serde_json::Value {
    let told = world.command("status --json").ok().text();
    serde_json::from_str::<serde_json::Value>(&told).unwrap()["status"].clone()
}

fn alive(pid: u32) -> bool {
    test_kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap()).is_ok()
}

/// An origin that answers every request with the same few bytes, and closes.
async fn small_origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { continue };
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
                let _ = stream.write_all(answer).await;
            });
        }
    });
    address
}

/// One connection with one request; what went wrong, if anything did.
async fn visit(proxy: SocketAddr, url: String) -> Result<(), String> {
    let work = async {
        let mut stream = TcpStream::connect(proxy).await.map_err(|error| format!("refused: {error}"))?;
        let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let request = format!("GET {url} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.map_err(|error| format!("broken: {error}"))?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.map_err(|error| format!("broken: {error}"))?;
        let whole = answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello");
        if whole { Ok(()) } else { Err(format!("not served: {answer:?}")) }
    };
    tokio::time::timeout(PATIENCE, work).await.unwrap_or(Err("no answer".to_owned()))
}

/// Visitors who come at an even pace until they are told to stop; how many came, and what went wrong.
struct Visitors {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<(usize, Vec<String>)>,
}

impl Visitors {
    /// So many a second, to these URLs in turn.
    fn begin(proxy: SocketAddr, urls: Vec<String>, a_second: u32) -> Visitors {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(SECOND / a_second);
            let mut visits = tokio::task::JoinSet::new();
            let mut came = 0;
            while !stopped.load(Ordering::Relaxed) {
                ticks.tick().await;
                visits.spawn(visit(proxy, urls[came % urls.len()].clone()));
                came += 1;
            }
            let outcomes = visits.join_all().await;
            (came, outcomes.into_iter().filter_map(Result::err).collect())
        });
        Visitors { stop, task }
    }

    async fn end(self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

/// What a tube carried: no more than its ceiling, and as much after as before, whatever this machine can do.
fn keeps(what: &str, meters: &[&Arc<Meter>], ceiling: f64, spans: &[(Duration, Duration)]) {
    let mean =
        |(from, to): (Duration, Duration)| meters.iter().map(|meter| meter.rate(from, to)).sum::<f64>() / ceiling;
    let first = mean(spans[0]);
    let whole = (spans[0].0, spans[spans.len() - 1].1);
    let most = |width: Duration| {
        let rate = |(at, _): (Duration, f64)| mean((at, at + width));
        meters[0].windows(whole.0, whole.1, width).into_iter().map(rate).fold(0.0f64, f64::max)
    };
    let [one, three] = [SECOND, 3 * SECOND].map(most);
    println!("{what}: at most {one:.3} of the ceiling in one second, {three:.3} in three");
    for span in spans {
        println!("{what}: {:.3} of the ceiling between {span:?}", mean(*span));
    }
    // Bytes are counted where they arrive: in one second there may be what came in the one before, when this test was late.
    assert!(three <= 1.03, "{what}: {one:.3} of its ceiling in one second, {three:.3} in three");
    for span in &spans[1..] {
        assert!(mean(*span) >= 0.85 * first.min(1.0), "{what}: {:.3} of the ceiling after {first:.3}", mean(*span));
    }
    assert!(first >= 0.6, "{what}: {first:.3} of its ceiling is too little to tell anything");
}

/// What the gateway says of the internet tube's last second, asked again and again: the new process tells of both.
fn used(admin: SocketAddr, sampling: &AtomicBool) -> Vec<f64> {
    let mut samples = Vec::new();
    while sampling.load(Ordering::Relaxed) {
        let scrape = Scrape::take(admin);
        for direction in ["down", "up"] {
            let labels = [("tube", "internet"), ("direction", direction)];
            assert_eq!(scrape.value("clearway_tube_limit_bits_per_second", &labels), INTERNET);
            samples.push(scrape.value("clearway_tube_used_bits_per_second", &labels));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    samples
}

const TUNNELS: u64 = 500;
const INTERNET: f64 = 20.0 * MBIT;
const NEW_TUNNELS: u64 = 40;

/// Most go to the news, ten to social media, which yields to them, and some forty are clinical.
fn kind_of(seed: u64) -> usize {
    match seed {
        0..10 => 1,
        10..TUNNELS if seed.is_multiple_of(12) => 2,
        _ => 0,
    }
}

#[test]
fn five_hundred_tunnels_and_two_hundred_connections_a_second_notice_nothing_and_ceilings_hold() {
    runtime().block_on(async {
        let (news, social, clinic) = (Sink::start().await, Sink::start().await, Sink::start().await);
        let small = small_origin().await;
        let world = World::alone(&estate("20 Mbit/s", "8 Mbit/s"));
        let down = [Meter::new(), Meter::new(), Meter::new()];
        let open = async |seed: u64, kind: usize| {
            let (name, sink) = [(NEWS, &news), (SOCIAL, &social), (CLINICAL, &clinic)][kind];
            let way = if kind == 2 { Way::Trickle } else { Way::Both };
            Tunnel::open(world.proxy(), &format!("{name}:{}", sink.address.port()), way, seed, &down[kind]).await
        };
        let mut tunnels = Vec::new();
        for seed in 0..TUNNELS {
            tunnels.push(open(seed, kind_of(seed)).await.unwrap());
        }
        let urls = [CLINICAL, NEWS].map(|name| format!("http://{name}:{}/", small.port()));
        let (sampling, admin) = (Arc::new(AtomicBool::new(true)), world.admin());
        let samples = tokio::task::spawn_blocking({
            let sampling = Arc::clone(&sampling);
            move || used(admin, &sampling)
        });
        let visitors = Visitors::begin(world.proxy(), urls.to_vec(), 200);
        tokio::time::sleep(SECOND).await;
        let from = down[0].elapsed();
        tokio::time::sleep(2 * SECOND).await;
        let before = down[0].elapsed();
        let old = world.pid();
        let new = tokio::task::block_in_place(|| world.upgrade());
        let took = down[0].elapsed() - before;
        tokio::time::sleep(2 * SECOND).await;
        let opened = down[0].elapsed();
        for seed in TUNNELS..TUNNELS + NEW_TUNNELS {
            tunnels.push(open(seed, 0).await.unwrap());
        }
        tokio::time::sleep(4 * SECOND).await;

        let until_now = down[0].elapsed();
        sampling.store(false, Ordering::Relaxed);
        let samples = samples.await.unwrap();
        let (came, wrong) = visitors.end().await;
        println!("{came} visits, {} wrong; the upgrade took {took:?}", wrong.len());
        let spans = [(from, before), (before, opened), (opened, until_now)];
        keeps("internet down", &[&down[0], &down[1]], INTERNET, &spans);
        // The meters of what goes up began before the gateway did.
        let earlier = news.meter.elapsed() - down[0].elapsed();
        let spans = spans.map(|(from, to)| (from + earlier, to + earlier));
        keeps("internet up", &[&news.meter, &social.meter], INTERNET, &spans);
        let most = samples.iter().copied().fold(0.0f64, f64::max) / INTERNET;
        println!("{} scrapes, at most {most:.3} of the ceiling in the second before", samples.len());
        // A grant counts when the flow takes it up, which on a busy machine is some time later.
        assert!(samples.len() >= 40 && most <= 1.1, "{most:.3} of {} scrapes", samples.len());
        assert!(wrong.is_empty(), "{} of {came} visits: {:#?}", wrong.len(), &wrong[..wrong.len().min(10)]);
        assert!(old != new && alive(old) && alive(new));
        let told = tokio::task::block_in_place(|| status(&world));
        assert_eq!((told["pid"].as_u64(), told["before"]["pid"].as_u64()), (Some(new.into()), Some(old.into())));
        assert_eq!(told["before"]["flows"].as_u64(), Some(TUNNELS), "{told}");
        assert_eq!(told["flows"]["internet"].as_u64(), Some(NEW_TUNNELS), "{told}");
        assert!(
            tunnels.iter().all(|tunnel| !tunnel.is_over() && tunnel.meter.total() > 0),
            "a tunnel starved or broke"
        );

        // All of them come to a proper end, of which the first process hears by a reload of the second.
        tokio::task::block_in_place(|| world.reload(&estate("10 Gbit/s", "10 Gbit/s")));
        let closing: tokio::task::JoinSet<_> =
            tunnels.into_iter().map(|tunnel| async move { (tunnel.seed, tunnel.close().await) }).collect();
        for (seed, here) in closing.join_all().await {
            let there = [&news, &social, &clinic][kind_of(seed)].end(seed);
            assert!(here.whole && here.intact && there.whole && there.intact, "{seed}: {here:?} {there:?}");
            assert_eq!((here.sent, there.sent), (there.received, here.received), "{seed}");
        }
        tokio::task::block_in_place(|| {
            assert_eq!(world.ended(PATIENCE).code(), Some(0));
            until(PATIENCE, "the new one to be alone", || status(&world)["before"].is_null().then_some(()));
            let records = world.records();
            let numbers: BTreeSet<_> = records.iter().map(|record| record.text("flow").to_owned()).collect();
            assert_eq!(numbers.len(), records.len(), "no two flows have one name");
            let tunnels = records.iter().filter(|record| record.text("method") == "CONNECT").count() as u64;
            assert_eq!(tunnels, TUNNELS + NEW_TUNNELS);
        });
    });
}

#[test]
fn what_fails_to_take_over_leaves_the_gateway_as_it_was_and_is_told_why() {
    let origin = Origin::echo();
    let world = World::start(&Setup { own_program: true, ..Setup::default() });
    let mut wire = Wire::tunnel(world.proxy(), &format!("{NEWS}:{}", origin.port()));
    let own = world.dir().join("clearway");
    let good = world.dir().join("good");
    std::fs::hard_link(&own, &good).unwrap();
    let mistake = Setup { policy: "default = \"maybe\"\n".to_owned(), ..Setup::default() };
    for (what, expected) in [
        ("a mistake in the policy", "`default`"),
        ("a program that ends", "exit status: 3"),
        ("what is no program", "cannot be started"),
        ("no program", "cannot be started"),
    ] {
        match what {
            "a mistake in the policy" => mistake.write(world.dir()),
            "a program that ends" => place_program(b"#!/bin/sh\nexit 3\n", world.dir()),
            "what is no program" => place_program(b"\x7fELF and then nothing", world.dir()),
            _ => std::fs::remove_file(&own).unwrap(),
        }
        let ran = crate::world::gateway::clearway(&["upgrade", "-c", world.file().to_str().unwrap()]);
        assert_eq!(ran.code, Some(1), "{what}: {ran:?}");
        assert!(ran.stderr.contains(expected), "{what}: {}", ran.stderr);
        Setup { own_program: true, ..Setup::default() }.write(world.dir());
        wire.send("as ever");
        assert_eq!(wire.exactly(7), b"as ever", "{what}");
        assert_eq!(status(&world)["pid"].as_u64(), Some(world.pid().into()), "{what}");
        drop(Wire::tunnel(world.proxy(), &format!("{NEWS}:{}", origin.port())));
    }
    // And then one that is whole.
    std::fs::rename(&good, &own).unwrap();
    assert_ne!(world.upgrade(), world.pid());
    wire.send("as ever");
    assert_eq!(wire.exactly(7), b"as ever");
}

#[test]
fn the_process_before_obeys_new_rules_and_ceilings_and_another_upgrade_waits_for_it() {
    runtime().block_on(async {
        let (news, origin) = (Sink::start().await, Origin::echo());
        let setup = estate("16 Mbit/s", "8 Mbit/s");
        let world = World::alone(&setup);
        let authority = format!("{NEWS}:{}", news.address.port());
        let down = Meter::new();
        let old = Tunnel::open(world.proxy(), &authority, Way::Down, 1, &down).await.unwrap();
        let mut social = Wire::tunnel(world.proxy(), &format!("{SOCIAL}:{}", origin.port()));
        tokio::time::sleep(SECOND).await;
        let before = down.elapsed();
        tokio::time::sleep(2 * SECOND).await;
        tokio::task::block_in_place(|| world.upgrade());
        let new = Tunnel::open(world.proxy(), &authority, Way::Down, 2, &down).await.unwrap();
        tokio::time::sleep(SECOND).await;
        let full = down.elapsed();
        let totals = || [old.meter.total() as f64, new.meter.total() as f64];
        let at_first = totals();
        tokio::time::sleep(3 * SECOND).await;
        let lowered = down.elapsed();
        let carried = totals();
        tokio::task::block_in_place(|| {
            let low = Setup { policy: setup.policy.clone() + NO_SOCIAL, ..estate("8 Mbit/s", "8 Mbit/s") };
            world.reload(&low);
            let record = world.record("of the social tunnel", |record| record.text("host") == SOCIAL);
            assert_eq!((record.end().as_str(), record.text("rule")), ("policy: blocked", "no-social"));
            assert!(social.rest().0.is_empty());
            until(PATIENCE, "the first process to have one flow left", || {
                let refused = world.command("upgrade");
                assert_eq!(refused.code, Some(1), "{refused:?}");
                refused.stderr.contains("still carries 1 open flow;").then_some(())
            });
        });
        tokio::time::sleep(SECOND).await;
        let low = down.elapsed();
        tokio::time::sleep(3 * SECOND).await;
        keeps("both at first", &[&down], 16.0 * MBIT, &[(before, full), (full, lowered)]);
        keeps("both after the reload", &[&down], 8.0 * MBIT, &[(low, down.elapsed())]);
        let halves = [carried[0] - at_first[0], carried[1] - at_first[1]];
        assert!((0.7..1.4).contains(&(halves[1] / halves[0])), "as much for the one as for the other: {halves:?}");
        assert!(old.close().await.whole);
        tokio::task::block_in_place(|| {
            world.ended(PATIENCE);
            world.upgrade();
            world.command("status").ok();
        });
        assert!(new.close().await.whole);
    });
}

#[test]
fn who_is_connected_but_has_not_asked_is_served_and_who_asks_again_comes_to_the_new_process() {
    let origin = Origin::http(|_| Answer::ok("hello"));
    let url = format!("http://{NEWS}:{}/", origin.port());
    let world = World::start(&Setup { own_program: true, ..Setup::default() });
    let (mut fresh, mut kept) = (Wire::connect(world.proxy()), Wire::connect(world.proxy()));
    let first = kept.get(&url);
    assert!(first.status == 200 && !first.head.lists("connection", "close"));
    // The old one has accepted it when it answers one that came later.
    world.upgrade();
    for wire in [&mut kept, &mut fresh] {
        let last = wire.get(&url);
        assert!(last.status == 200 && last.head.lists("connection", "close"), "{last:?}");
    }
    assert_eq!(world.ended(PATIENCE).code(), Some(0));
    let mut next = Wire::connect(world.proxy());
    let answer = next.get(&url);
    assert!(answer.status == 200 && !answer.head.lists("connection", "close"), "{answer:?}");
}

#[test]
fn by_hand_another_terminal_takes_over_and_its_stop_is_the_stop_of_both() {
    let origin = Origin::echo();
    let world = World::start(&Setup { gateway: "drain = \"1 s\"".to_owned(), ..Setup::default() });
    let mut wire = Wire::tunnel(world.proxy(), &format!("{NEWS}:{}", origin.port()));
    let nobody = tempfile::tempdir().unwrap();
    Setup::default().write(nobody.path());
    let run = |dir: &std::path::Path| -> Command {
        let mut command = Command::new(program());
        command.args(["run", "--take-over", "-c"]).arg(dir.join("clearway.toml")).stdin(Stdio::null());
        command
    };
    let alone = crate::world::tool::run(&mut run(nobody.path()), PATIENCE);
    assert!(alone.code == Some(70) && alone.stderr.contains("start without --take-over"), "{alone:?}");
    let mut new = run(world.dir()).stderr(Stdio::null()).spawn().unwrap();
    until(PATIENCE, "the new one to serve", || (status(&world)["pid"].as_u64() == Some(new.id().into())).then_some(()));
    wire.send("hello");
    assert_eq!(wire.exactly(5), b"hello");
    assert!(world.exit().is_none());
    kill_process(Pid::from_child(&new), Signal::TERM).unwrap();
    let ended = until(PATIENCE, "the new one to end", || new.try_wait().unwrap());
    assert_eq!((ended.code(), world.ended(PATIENCE).code()), (Some(0), Some(0)));
    assert_eq!(world.record("of the tunnel", |record| record.text("host") == NEWS).text("reason"), "drained");
}

#[test]
fn the_process_before_goes_on_when_its_successor_dies() {
    let origin = Origin::echo();
    let world = World::start(&Setup { own_program: true, ..Setup::default() });
    let mut wire = Wire::tunnel(world.proxy(), &format!("{NEWS}:{}", origin.port()));
    let new = world.upgrade();
    kill_process(Pid::from_raw(new.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
    until(PATIENCE, "the old one to notice", || {
        world.said().contains("carries its open flows on by itself").then_some(())
    });
    wire.send("hello");
    assert_eq!(wire.exactly(5), b"hello");
    drop(wire);
    assert_eq!(world.ended(PATIENCE).code(), Some(0));
    assert_eq!(world.records().len(), 1);
}

/// One side of what a gateway and its successor say to each other, which breaks off when a test wants it.
struct Line(UnixStream);

impl Line {
    fn say(&mut self, word: &serde_json::Value) {
        let text = word.to_string();
        let length = u32::try_from(text.len()).unwrap().to_be_bytes();
        self.0.write_all(&[&length, text.as_bytes()].concat()).unwrap();
    }

    fn hear(&mut self) -> serde_json::Value {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).unwrap();
        let mut text = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut text).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}

#[test]
fn a_successor_that_breaks_off_at_the_last_moment_changes_nothing() {
    let origin = Origin::echo();
    let world = World::start(&Setup { own_program: true, ..Setup::default() });
    let mut line = Line(UnixStream::connect(world.dir().join("state/upgrade.sock")).unwrap());
    line.say(&serde_json::json!({ "protocol": 1, "version": "9", "pid": std::process::id() }));
    let offer = line.hear();
    let sockets = offer["Offer"]["listeners"].as_array().unwrap().len() + 1;
    // Each comes with one byte.
    line.0.read_exact(&mut vec![0; sockets]).unwrap();
    line.say(&"Ready".into());
    assert!(line.hear()["drain_ms"].is_u64());
    // Killed when it had taken the places of both sockets, and could not give them back.
    for name in ["admin", "upgrade"] {
        let [socket, before] = ["sock", "before"].map(|end| world.dir().join(format!("state/{name}.{end}")));
        std::fs::hard_link(&socket, &before).unwrap();
        std::fs::remove_file(&socket).unwrap();
        drop(UnixListener::bind(&socket).unwrap());
    }
    drop(line);
    until(PATIENCE, "the gateway to notice", || world.said().contains("a successor did not take over").then_some(()));
    let mut wire = Wire::tunnel(world.proxy(), &format!("{NEWS}:{}", origin.port()));
    wire.send("as ever");
    assert_eq!(wire.exactly(7), b"as ever");
    assert_eq!(status(&world)["pid"].as_u64(), Some(world.pid().into()));
    assert_ne!(world.upgrade(), world.pid());
}

#[test]
fn a_gateway_that_breaks_off_at_the_last_moment_keeps_its_sockets() {
    let home = tempfile::tempdir().unwrap();
    Setup::default().write(home.path());
    let state = home.path().join("state");
    std::fs::create_dir_all(&state).unwrap();
    let [admin, upgrade] = ["admin.sock", "upgrade.sock"].map(|name| UnixListener::bind(state.join(name)).unwrap());
    let mut command = Command::new(program());
    command.args(["run", "--take-over", "-c"]).arg(home.path().join("clearway.toml")).stdin(Stdio::null());
    let successor = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = Line(upgrade.accept().unwrap().0);
    assert_eq!(line.hear()["pid"].as_u64(), Some(successor.id().into()));
    line.say(&serde_json::json!({ "Offer": { "version": "0", "pid": std::process::id(), "listeners": [] } }));
    assert_eq!(line.hear(), "Ready");
    // It lets go, and is gone before it hears that all is in place: that may not be taken for done.
    let none = serde_json::json!({ "passed": 0, "clear": 0, "clear_waits": false, "tubes": [] });
    line.say(&serde_json::json!({ "told": { "at_ns": 0, "ways": [none, none] }, "flows": 0, "drain_ms": 1000 }));
    drop(line);
    let ended = successor.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.code() == Some(70) && said.contains("the other process broke off"), "{said}");
    for (name, socket) in [("admin.sock", admin), ("upgrade.sock", upgrade)] {
        let _here = UnixStream::connect(state.join(name)).unwrap();
        socket.set_nonblocking(true).unwrap();
        assert!(socket.accept().is_ok(), "{name} is another's");
    }
    let mut left: Vec<_> = std::fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.retain(|name| [".new", ".before"].iter().any(|end| name.to_string_lossy().ends_with(end)));
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_reload_that_reaches_the_process_before_is_passed_on() {
    let origin = Origin::echo();
    let setup = Setup { own_program: true, ..Setup::default() };
    let world = World::start(&setup);
    let wire = Wire::tunnel(world.proxy(), &format!("{SOCIAL}:{}", origin.port()));
    world.upgrade();
    let generation = status(&world)["generation"].as_u64().unwrap();
    Setup { policy: setup.policy.clone() + NO_SOCIAL, ..setup }.write(world.dir());
    world.signal(Signal::HUP);
    until(PATIENCE, "the new one to reload", || {
        (status(&world)["generation"].as_u64() > Some(generation)).then_some(())
    });
    let record = world.record("of the social tunnel", |record| record.text("host") == SOCIAL);
    assert_eq!((record.end().as_str(), record.text("rule")), ("policy: blocked", "no-social"));
    drop(wire);
    assert_eq!(world.ended(PATIENCE).code(), Some(0));
}

#[test]
fn who_asks_for_an_upgrade_need_not_stay_to_hear_what_came_of_it() {
    let world = World::start(&Setup { own_program: true, ..Setup::default() });
    let own = world.dir().join("clearway");
    let good = world.dir().join("good");
    std::fs::rename(&own, &good).unwrap();
    let started = world.dir().join("started");
    let script = format!(
        "#!/bin/sh\necho $$ >{0}.new; mv {0}.new {0}\nread -r go <{1}\nexit 3\n",
        started.display(),
        started.with_extension("go").display()
    );
    let go = started.with_extension("go");
    assert!(Command::new("mkfifo").arg(&go).status().unwrap().success());
    place_program(script.as_bytes(), world.dir());
    let mut asks = Command::new(program());
    asks.args(["upgrade", "-c"]).arg(world.file()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut asks = asks.spawn().unwrap();
    let pid = until(PATIENCE, "the successor to begin", || std::fs::read_to_string(&started).ok());
    asks.kill().unwrap();
    asks.wait().unwrap();
    let refused = world.command("upgrade");
    assert!(refused.code == Some(1) && refused.stderr.contains("under way"), "{refused:?}");
    std::fs::write(&go, "go\n").unwrap();
    until(PATIENCE, "the successor to be reaped", || (!alive(pid.trim().parse().unwrap())).then_some(()));
    std::fs::rename(&good, &own).unwrap();
    until(PATIENCE, "the try to be over", || (!world.command("upgrade").stderr.contains("under way")).then_some(()));
    until(PATIENCE, "the first one to end", || world.exit());
}

#[test]
fn who_is_told_to_stop_while_it_prepares_to_take_over_takes_nothing() {
    let home = tempfile::tempdir().unwrap();
    Setup::default().write(home.path());
    let state = home.path().join("state");
    std::fs::create_dir_all(&state).unwrap();
    let upgrade = UnixListener::bind(state.join("upgrade.sock")).unwrap();
    let mut command = Command::new(program());
    command.args(["run", "--take-over", "-c"]).arg(home.path().join("clearway.toml")).stdin(Stdio::null());
    let mut successor = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = Line(upgrade.accept().unwrap().0);
    line.hear();
    line.say(&serde_json::json!({ "Offer": { "version": "0", "pid": std::process::id(), "listeners": [] } }));
    assert_eq!(line.hear(), "Ready");
    kill_process(Pid::from_child(&successor), Signal::TERM).unwrap();
    let ended = until(PATIENCE, "the successor to end", || successor.try_wait().unwrap());
    let said = successor.wait_with_output().unwrap().stderr;
    let said = String::from_utf8_lossy(&said);
    assert!(ended.code() == Some(70) && said.contains("told to stop before anything was taken over"), "{said}");
    assert!(line.0.read(&mut [0]).is_ok_and(|read| read == 0), "it has said no more");
}

#[test]
fn another_who_fails_to_take_over_is_not_taken_for_the_one_that_was_started() {
    let world = World::start(&Setup { own_program: true, ..Setup::default() });
    let own = world.dir().join("clearway");
    let good = world.dir().join("good");
    std::fs::rename(&own, &good).unwrap();
    let go = world.dir().join("go");
    assert!(Command::new("mkfifo").arg(&go).status().unwrap().success());
    let begun = world.dir().join("begun");
    let wait =
        format!("#!/bin/sh\n: >{}\nread -r go <{}\nexec {} \"$@\"\n", begun.display(), go.display(), good.display());
    place_program(wait.as_bytes(), world.dir());
    let mut asks = Command::new(program());
    asks.args(["upgrade", "-c"]).arg(world.file()).stdin(Stdio::null()).stdout(Stdio::piped());
    let asks = asks.spawn().unwrap();
    until(PATIENCE, "the successor to begin", || begun.exists().then_some(()));
    let mut line = Line(UnixStream::connect(world.dir().join("state/upgrade.sock")).unwrap());
    line.say(&serde_json::json!({ "protocol": 1, "version": "9", "pid": std::process::id() }));
    line.hear();
    drop(line);
    until(PATIENCE, "the gateway to notice", || world.said().contains("a successor did not take over").then_some(()));
    std::fs::write(&go, "go\n").unwrap();
    let asked = asks.wait_with_output().unwrap();
    assert!(asked.status.success(), "{}", world.said());
    assert_eq!(world.ended(PATIENCE).code(), Some(0));
    world.command("status").ok();
}
