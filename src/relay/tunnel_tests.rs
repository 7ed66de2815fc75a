//! Tunnels over real sockets.

use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::tz::TimeZone;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::*;
use crate::base::{Calendar, Rate, TubeId};
use crate::tube::{Driver, Limit, Link, ShareBy, Sharer, Spec, Tube, Tubes};

/// Far longer than anything here takes: a test that reaches it is broken.
const NEVER: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Counts {
    moved: [AtomicU64; 2],
    ended: Mutex<Vec<(Direction, Result<(), Fault>)>>,
}

impl Counts {
    fn of(&self, direction: Direction) -> u64 {
        self.moved[usize::from(direction == Direction::Up)].load(Ordering::Relaxed)
    }
}

impl Tally for Counts {
    fn moved(&self, direction: Direction, bytes: u64, _: Duration) {
        self.moved[usize::from(direction == Direction::Up)].fetch_add(bytes, Ordering::Relaxed);
    }

    fn ended(&self, direction: Direction, result: Result<(), Fault>) {
        self.ended.lock().unwrap().push((direction, result));
    }
}

/// Tubes `free`, `slow` (20 Mbit/s each way) and `slower` (8 Mbit/s), and a task that drives them.
struct World {
    tubes: Tubes,
    _driver: Driver,
}

impl World {
    fn new() -> World {
        let tube = |name: &str, ceiling: Option<&str>| {
            let rate: Option<Rate> = ceiling.map(|rate| rate.parse().unwrap());
            Tube {
                id: TubeId::from(name),
                within: None,
                priority: 1,
                ceiling: Limit { down: rate, up: rate },
                floor: Limit::default(),
                share_by: ShareBy::Flow,
                flows: None,
                egress: None,
                peak: Vec::new(),
            }
        };
        let spec = Spec {
            link: Link::default(),
            tubes: vec![tube("free", None), tube("slow", Some("20 Mbit/s")), tube("slower", Some("8 Mbit/s"))],
        };
        let calendar = Calendar { zone: TimeZone::UTC, bank_holidays: [].into() };
        let tubes = Tubes::new(&spec, &calendar, "2026-11-24T12:30:00Z".parse().unwrap());
        let driver = tubes.drive(|| None).unwrap();
        World { tubes, _driver: driver }
    }

    fn pass(&self, tube: &str) -> Pass {
        self.tubes.admit(&TubeId::from(tube), Sharer { client: IpAddr::from([127, 0, 0, 1]), user: None }).unwrap()
    }
}

/// Two ends of one connection over loopback.
async fn wire() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

/// The client's end, the tunnel, the origin's end.
async fn tunnel() -> (TcpStream, Tunnel<TcpStream, TcpStream>, TcpStream) {
    let (client, inner) = wire().await;
    let (outer, origin) = wire().await;
    (client, Tunnel::new(inner, outer), origin)
}

/// Bytes in which a lost, doubled or swapped piece shows.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

/// Sends all, ends, and reads to the other's end.
async fn exchange(stream: TcpStream, bytes: Vec<u8>) -> Vec<u8> {
    let (mut reader, mut writer) = stream.into_split();
    let send = async {
        writer.write_all(&bytes).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let mut answer = Vec::new();
    let (_, read) = tokio::join!(send, reader.read_to_end(&mut answer));
    read.unwrap();
    answer
}

fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

const fn fault(side: Side, reason: Reason) -> Fault {
    Fault::new(side, reason)
}

#[tokio::test]
async fn bytes_arrive_whole_both_ways_at_once_and_are_counted() {
    let world = World::new();
    for (tube, size) in [("free", 8_000_000), ("slow", 700_001), ("free", 0), ("free", 1)] {
        let (client, mut tunnel, origin) = tunnel().await;
        let (pass, counts) = (world.pass(tube), Counts::default());
        let (up, down) = (noise(1, size), noise(2, size / 2 + 1));
        let (at_client, at_origin, fault) =
            tokio::join!(exchange(client, up.clone()), exchange(origin, down.clone()), tunnel.run(&pass, &counts));
        assert!(at_client == down && at_origin == up, "{tube} {size}");
        assert_eq!(fault.reason, Reason::Finished);
        assert_eq!((counts.of(Direction::Up), counts.of(Direction::Down)), (up.len() as u64, down.len() as u64));
        assert_eq!(counts.ended.lock().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn one_side_may_end_and_go_on_listening() {
    let world = World::new();
    for first in [Side::Client, Side::Origin] {
        let (client, mut tunnel, origin) = tunnel().await;
        let (mut one, mut other) = if first == Side::Client { (client, origin) } else { (origin, client) };
        let talk = async {
            one.write_all(b"question").await.unwrap();
            one.shutdown().await.unwrap();
            let mut question = Vec::new();
            other.read_to_end(&mut question).await.unwrap();
            assert_eq!(question, b"question");
            other.write_all(b"a long answer").await.unwrap();
            other.shutdown().await.unwrap();
            let mut answer = Vec::new();
            one.read_to_end(&mut answer).await.unwrap();
            assert_eq!(answer, b"a long answer");
        };
        let pass = world.pass("free");
        let counts = Counts::default();
        let (over, ()) = tokio::join!(tunnel.run(&pass, &counts), talk);
        assert_eq!(over, fault(first, Reason::Finished));
    }
}

#[tokio::test]
async fn whose_stream_breaks_is_named() {
    let world = World::new();
    for (side, busy) in [(Side::Client, false), (Side::Client, true), (Side::Origin, false), (Side::Origin, true)] {
        let (client, mut tunnel, origin) = tunnel().await;
        let (mut breaks, mut stays) = if side == Side::Client { (client, origin) } else { (origin, client) };
        let pass = world.pass("slow");
        let counts = Counts::default();
        let script = async {
            breaks.write_all(b"hello").await.unwrap();
            let mut hello = [0; 5];
            stays.read_exact(&mut hello).await.unwrap();
            if busy {
                // Fills the way towards the side that breaks, so that a write fails there, or a read, or both.
                let _ = timeout(Duration::from_millis(50), stays.write_all(&noise(3, 1_000_000))).await;
            }
            reset(breaks);
            stays
        };
        let (over, mut stays) = tokio::join!(tunnel.run(&pass, &counts), script);
        assert_eq!(over, fault(side, Reason::Reset), "busy: {busy}");
        assert_eq!(counts.ended.lock().unwrap().len(), 2);
        // Asked again it says the same, and gone it closes the other side.
        assert_eq!(tunnel.run(&pass, &counts).await, over);
        assert_eq!(counts.ended.lock().unwrap().len(), 2);
        drop(tunnel);
        let mut rest = Vec::new();
        let _ = timeout(NEVER, stays.read_to_end(&mut rest)).await.unwrap();
    }
}

#[tokio::test]
async fn an_origin_that_speaks_first_is_heard_while_the_client_is_silent() {
    let world = World::new();
    let (mut client, mut tunnel, mut origin) = tunnel().await;
    let (pass, counts) = (world.pass("free"), Counts::default());
    let talk = async {
        origin.write_all(b"220 mail.example ready\r\n").await.unwrap();
        let mut greeting = [0; 24];
        client.read_exact(&mut greeting).await.unwrap();
        client.write_all(b"EHLO").await.unwrap();
    };
    let mut seen = Vec::new();
    let mut look = |bytes: &[u8]| {
        seen = bytes.to_vec();
        Look::Enough
    };
    let (opened, ()) = tokio::join!(tunnel.opening(&pass, &counts, Opening::default(), &mut look), talk);
    assert_eq!(opened, Ok(()));
    assert_eq!((seen.as_slice(), tunnel.first_bytes()), (&b"EHLO"[..], &b"EHLO"[..]));
    assert_eq!((counts.of(Direction::Down), counts.of(Direction::Up)), (24, 0));
    // Too late: this one has already been heard.
    assert!(tunnel.replace_origin(wire().await.0).is_err());
}

#[tokio::test]
async fn a_hello_in_pieces_is_collected_and_goes_whole_to_the_origin_then_chosen() {
    let world = World::new();
    for (prefix, size) in [(0, 517), (100, 17_000), (0, 17_408), (0, 40_000)] {
        let (mut client, tunnel, origin) = tunnel().await;
        let hello = noise(4, size);
        let mut tunnel = tunnel.with_prefix(&hello[..prefix]);
        let (pass, counts) = (world.pass("free"), Counts::default());
        let send = async {
            for piece in hello[prefix..].chunks(1 + size / 7) {
                client.write_all(piece).await.unwrap();
                sleep(Duration::from_millis(2)).await;
            }
            client.shutdown().await.unwrap();
            client
        };
        let mut longest = 0;
        let mut look = |bytes: &[u8]| {
            assert!(bytes.len() > longest && hello.starts_with(bytes));
            longest = bytes.len();
            if bytes.len() < size { Look::More } else { Look::Enough }
        };
        let (opened, _client) = tokio::join!(
            async {
                let opened = tunnel.opening(&pass, &counts, Opening::default(), &mut look).await;
                let (outer, chosen) = wire().await;
                drop(tunnel.replace_origin(outer).unwrap());
                let mut bytes = Vec::new();
                let mut chosen = chosen;
                let read = async {
                    chosen.read_to_end(&mut bytes).await.unwrap();
                    chosen.shutdown().await.unwrap();
                };
                let (over, ()) = tokio::join!(tunnel.run(&pass, &counts), read);
                assert_eq!(over, fault(Side::Client, Reason::Finished));
                assert!(bytes == hello, "{size}");
                opened
            },
            send
        );
        assert_eq!(opened, Ok(()));
        assert_eq!(longest, size.min(Opening::default().bytes));
        drop(origin);
    }
}

#[tokio::test]
async fn who_begins_a_hello_and_stalls_is_not_waited_for() {
    let world = World::new();
    let (mut client, mut tunnel, _origin) = tunnel().await;
    let (pass, counts) = (world.pass("free"), Counts::default());
    let opening = Opening { time: Duration::from_millis(50), ..Opening::default() };
    client.write_all(&[22, 3, 1]).await.unwrap();
    let opened = tunnel.opening(&pass, &counts, opening, &mut |_| Look::More).await;
    assert_eq!(opened, Err(fault(Side::Client, Reason::SlowHead)));
    assert_eq!(tunnel.run(&pass, &counts).await, fault(Side::Client, Reason::SlowHead));
}

#[tokio::test]
async fn who_hangs_up_without_a_word_ends_the_opening() {
    let world = World::new();
    let (pass, counts) = (world.pass("free"), Counts::default());
    let opening = Opening { time: Duration::from_millis(10), ..Opening::default() };
    let (client, mut gone, origin) = tunnel().await;
    drop(client);
    assert_eq!(gone.opening(&pass, &counts, opening, &mut |_| Look::More).await, Ok(()));
    drop(origin);
    assert_eq!(gone.run(&pass, &counts).await.reason, Reason::Finished);
}

#[tokio::test]
async fn dropped_and_called_again_with_another_pass_nothing_is_lost() {
    let world = World::new();
    let (client, mut tunnel, origin) = tunnel().await;
    let counts = Counts::default();
    let (up, down) = (noise(5, 900_000), noise(6, 900_000));
    let relay = async {
        for turn in 0.. {
            let pass = world.pass(if turn % 2 == 0 { "slow" } else { "slower" });
            if let Ok(over) = timeout(Duration::from_millis(7), tunnel.run(&pass, &counts)).await {
                return over;
            }
        }
        unreachable!()
    };
    let (at_client, at_origin, over) =
        tokio::join!(exchange(client, up.clone()), exchange(origin, down.clone()), relay);
    assert!(at_client == down && at_origin == up);
    assert_eq!(over.reason, Reason::Finished);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_moves_to_another_tube_in_the_middle_and_keeps_every_byte() {
    let world = World::new();
    let (client, mut tunnel, origin) = tunnel().await;
    let (pass, counts) = (world.pass("slower"), Counts::default());
    let (up, down) = (noise(7, 3_000_000), noise(8, 3_000_000));
    let moves = async {
        for turn in 0..40 {
            sleep(Duration::from_millis(5)).await;
            pass.move_to(&TubeId::from(["slow", "slower"][turn % 2])).unwrap();
        }
        pass.move_to(&TubeId::from("free")).unwrap();
    };
    let (at_client, at_origin, over, ()) =
        tokio::join!(exchange(client, up.clone()), exchange(origin, down.clone()), tunnel.run(&pass, &counts), moves);
    assert!(at_client == down && at_origin == up);
    assert_eq!(over.reason, Reason::Finished);
    let readings = world.tubes.readings(clock::now());
    assert!(readings.iter().all(|reading| reading.flows == u32::from(reading.tube.as_str() == "free")));
}

/// Sixteen tunnels that want all there is, one way; what the far ends counted, in Mbit/s.
async fn saturate(world: &World, direction: Direction) -> f64 {
    let received = std::sync::Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let (client, mut tunnel, origin) = tunnel().await;
        let pass = world.pass("slow");
        tasks.spawn(async move {
            tunnel.run(&pass, &Counts::default()).await;
        });
        let (mut from, mut to) = if direction == Direction::Down { (origin, client) } else { (client, origin) };
        tasks.spawn(async move {
            let piece = noise(9, 65_536);
            while from.write_all(&piece).await.is_ok() {}
        });
        let received = std::sync::Arc::clone(&received);
        tasks.spawn(async move {
            let mut piece = vec![0; 65_536];
            while let Ok(bytes) = to.read(&mut piece).await {
                received.fetch_add(bytes as u64, Ordering::Relaxed);
            }
        });
    }
    sleep(Duration::from_millis(300)).await;
    let (from, before) = (clock::now(), received.load(Ordering::Relaxed));
    sleep(Duration::from_secs(2)).await;
    let bytes = received.load(Ordering::Relaxed) - before;
    bytes as f64 * 8e-6 / from.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_flows_are_held_to_the_ceiling_and_reach_it_each_way() {
    let world = World::new();
    for direction in Direction::BOTH {
        let rate = saturate(&world, direction).await;
        assert!((19.4..=20.6).contains(&rate), "{direction:?}: {rate}");
        let readings = world.tubes.readings(clock::now());
        let used = readings[1].way(direction).used as f64 / 1e6;
        assert!((19.0..=21.0).contains(&used), "{direction:?}: {used}");
    }
}
