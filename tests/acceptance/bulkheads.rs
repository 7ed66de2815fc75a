//! What clinical work needs is its own: however many others there are and whatever they do, it is served as if alone.
//! `cargo test --release --test acceptance bulkheads -- --nocapture` tells the figures.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getpriority_process, getrlimit, setpriority_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::world::origin::SomeNames;
use crate::world::setup::{CLINICAL, SOCIAL};
use crate::world::{Origin, Setup, World, until};

/// Clinical look-ups are due this far apart, whether the last was answered or not, for so long.
const EVERY: Duration = Duration::from_millis(20);
const LASTS: Duration = Duration::from_secs(5);
/// What a look-up sends, and has echoed.
const BYTES: usize = 1024;
/// How long one is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// A drip.
const DRIP: Duration = Duration::from_secs(1);
/// What connects again and again at once.
const STORM: u32 = 64;
/// Descriptors of this process that are for other things than the crowd.
const SPARE: u64 = 2_000;
/// The most of a crowd; each has a descriptor at both ends here, and two in the gateway.
const CROWD: u64 = 20_000;

/// How long look-ups took from when they were due, in order.
struct Took(Vec<Duration>);

impl Took {
    fn percentile(&self, of: f64) -> Duration {
        self.0[((self.0.len() - 1) as f64 * of) as usize]
    }

    /// Holds it to what it was alone, with room for a program that is not optimised, and a machine that others use too:
    /// twice what was then seen. Without bulkheads look-ups failed.
    #[track_caller]
    fn is_much_like(&self, alone: &Took) {
        let usual = alone.percentile(0.5);
        assert!(self.percentile(0.5) < 5 * usual, "{} against {}", self.text(), alone.text());
        assert!(self.percentile(0.99) < 40 * usual, "{} against {}", self.text(), alone.text());
    }

    fn text(&self) -> String {
        let ms = |of| self.percentile(of).as_secs_f64() * 1e3;
        format!("p50 {:.2} ms, p99 {:.2} ms, most {:.2} ms of {}", ms(0.5), ms(0.99), ms(1.0), self.0.len())
    }
}

/// Runs something before the other threads of this program, where that is permitted: what is measured is the gateway,
/// and not how long the one who asks waits for a processor.
fn before_others<T: Send>(what: impl FnOnce() -> T + Send) -> T {
    let first = || {
        let _ = getpriority_process(None).and_then(|nice| setpriority_process(None, nice - 10));
        what()
    };
    thread::scope(|scope| scope.spawn(first).join().unwrap())
}

/// Asks and is answered, through the gateway or not; every look-up must go well.
fn look_ups(through: Option<SocketAddr>, name: &str, origin: SocketAddr) -> Took {
    before_others(|| {
        let began = Instant::now();
        let mut took = Vec::new();
        for number in 0..(LASTS.as_millis() / EVERY.as_millis()) as u32 {
            let due = began + EVERY * number;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            look_up(through, name, origin);
            took.push(due.elapsed());
        }
        took.sort();
        Took(took)
    })
}

fn look_up(through: Option<SocketAddr>, name: &str, origin: SocketAddr) {
    let mut stream = TcpStream::connect_timeout(&through.unwrap_or(origin), PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    if through.is_some() {
        write!(stream, "CONNECT {name}:{0} HTTP/1.1\r\nhost: {name}:{0}\r\n\r\n", origin.port()).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
    }
    stream.write_all(&[0x42; BYTES]).unwrap();
    stream.read_exact(&mut [0; BYTES]).unwrap();
}

/// Sends a byte now and then on each connection, for ever.
async fn dripping() -> SocketAddr {
    let listener = TcpSocket::new_v4().unwrap();
    listener.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = listener.listen(4096).unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(drip(listener));
    address
}

async fn drip(listener: TcpListener) {
    let mut open = JoinSet::new();
    while let Ok((mut stream, _)) = listener.accept().await {
        open.spawn(async move {
            while stream.write_all(b".").await.is_ok() {
                tokio::time::sleep(DRIP).await;
            }
        });
        while open.try_join_next().is_some() {}
    }
}

/// Asks for a tunnel, and gives the connection when it has one.
async fn tunnel(proxy: SocketAddr, from: u32, authority: &str) -> Option<tokio::net::TcpStream> {
    let (stream, granted) = ask(proxy, from, authority).await?;
    granted.then_some(stream)
}

/// Asks for a tunnel, and says whether it was given.
async fn ask(proxy: SocketAddr, from: u32, authority: &str) -> Option<(tokio::net::TcpStream, bool)> {
    let socket = TcpSocket::new_v4().ok()?;
    // Each has many ports, and is a client of its own.
    let client = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 1, 1)) + from % 200);
    socket.bind((client, 0).into()).ok()?;
    let mut stream = socket.connect(proxy).await.ok()?;
    stream.write_all(format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n\r\n").as_bytes()).await.ok()?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.ok()?;
    Some((stream, head.ends_with(b"200")))
}

/// Opens tunnels, so many of them at once, until there are so many, and reads what drips.
async fn crowd(proxy: SocketAddr, authority: Arc<str>, (many, at_once): (u64, usize), open: Arc<AtomicU64>) {
    let mut people = JoinSet::new();
    let gate = Arc::new(tokio::sync::Semaphore::new(at_once));
    for number in 0..many {
        let (authority, open, gate) = (Arc::clone(&authority), Arc::clone(&open), Arc::clone(&gate));
        people.spawn(async move {
            let place = gate.acquire().await;
            let Some(mut stream) = tunnel(proxy, number as u32, &authority).await else { return };
            drop(place);
            open.fetch_add(1, Ordering::Relaxed);
            let mut drops = [0; 64];
            while stream.read(&mut drops).await.is_ok_and(|bytes| bytes > 0) {}
            open.fetch_sub(1, Ordering::Relaxed);
        });
    }
    while people.join_next().await.is_some() {}
}

/// Connects, asks and goes, again and again.
async fn storm(proxy: SocketAddr, authority: Arc<str>, asked: Arc<AtomicU64>) {
    let mut people = JoinSet::new();
    for number in 0..STORM {
        let (authority, asked) = (Arc::clone(&authority), Arc::clone(&asked));
        people.spawn(async move {
            loop {
                let answered = ask(proxy, number, &authority).await.is_some();
                asked.fetch_add(u64::from(answered), Ordering::Relaxed);
            }
        });
    }
    while people.join_next().await.is_some() {}
}

/// Waits until everybody of a crowd is in or refused; how many are in.
#[track_caller]
fn settled(world: &World, open: &AtomicU64, many: u64) -> u64 {
    let labels = [("reason", "process-full"), ("tube", "social")];
    until(Duration::from_secs(120), "everybody to be in or refused", || {
        let refused = world.scrape().value("clearway_flow_ends_total", &labels);
        let open = open.load(Ordering::Relaxed);
        (open + refused as u64 == many).then_some(open)
    })
}

/// The others: they have one thread for all.
fn others() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn a_crowd_that_drips_and_a_storm_of_connections_leave_clinical_work_alone() {
    let crowd_of = (getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX).saturating_sub(SPARE) / 2).min(CROWD);
    let world = World::alone(&Setup::default());
    let (proxy, origin) = (world.proxy(), before_others(Origin::echo));
    let alone = look_ups(Some(proxy), CLINICAL, origin.address);
    println!("alone                 {}", alone.text());

    let others = others();
    let social = others.block_on(dripping());
    let authority: Arc<str> = format!("{SOCIAL}:{}", social.port()).into();
    let (open, asked) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    others.spawn(crowd(proxy, Arc::clone(&authority), (crowd_of, 200), Arc::clone(&open)));
    let last = settled(&world, &open, crowd_of);
    let dripped = look_ups(Some(proxy), CLINICAL, origin.address);
    println!("beside {last:5} that drip {}", dripped.text());
    assert!(last >= crowd_of * 7 / 10, "only {last} of {crowd_of} are there");
    dripped.is_much_like(&alone);

    others.spawn(storm(proxy, authority, Arc::clone(&asked)));
    let stormed = look_ups(Some(proxy), CLINICAL, origin.address);
    let rate = asked.load(Ordering::Relaxed) as f64 / LASTS.as_secs_f64();
    println!("and a storm of {rate:5.0}/s {}", stormed.text());
    assert!(rate > 100.0, "{rate:.0} a second are no storm");
    let machine = look_ups(None, CLINICAL, origin.address);
    println!("the same, no gateway  {}", machine.text());
    stormed.is_much_like(&alone);
    others.shutdown_background();
}

#[test]
fn servers_that_are_silent_about_social_names_do_not_keep_clinical_names_waiting() {
    let names = before_others(|| SomeNames::start("wales.nhs.uk"));
    let setup = Setup { hosts: Vec::new(), servers: vec![names.address], ..Setup::default() };
    let world = World::alone(&setup);
    let (proxy, origin) = (world.proxy(), before_others(Origin::echo));
    let alone = look_ups(Some(proxy), CLINICAL, origin.address);
    println!("alone                 {}", alone.text());
    let others = others();
    others.spawn(async move {
        let mut people = JoinSet::new();
        for number in 0..3_000 {
            people.spawn(async move { tunnel(proxy, number, &format!("a{number}.{SOCIAL}:443")).await.is_some() });
        }
        while people.join_next().await.is_some() {}
    });
    let waiting = || world.scrape().value("clearway_flows_open", &[("tube", "social")]);
    until(Duration::from_secs(60), "social names to be waited for", || (waiting() > 2_500.0).then_some(()));
    let beside = look_ups(Some(proxy), CLINICAL, origin.address);
    println!("beside silent servers {}", beside.text());
    let machine = look_ups(None, CLINICAL, origin.address);
    println!("the same, no gateway  {}", machine.text());
    beside.is_much_like(&alone);
    others.shutdown_background();
}

/// A gateway that may open so many descriptors holds a quarter back, and has room for so many connections.
const DESCRIPTORS: u32 = 2048;
const ROOM: u64 = 768;
/// Those who have connected and not been answered count too, so these are few.
const AT_ONCE: u64 = 8;

#[test]
fn a_full_process_refuses_social_first_and_keeps_places_for_clinical_work() {
    let world = World::alone(&Setup { descriptors: Some(DESCRIPTORS), ..Setup::default() });
    let (proxy, origin) = (world.proxy(), before_others(Origin::echo));
    let others = others();
    let social = others.block_on(dripping());
    let authority: Arc<str> = format!("{SOCIAL}:{}", social.port()).into();
    let open = Arc::new(AtomicU64::new(0));
    others.spawn(crowd(proxy, Arc::clone(&authority), (ROOM, AT_ONCE as usize), Arc::clone(&open)));
    let share = settled(&world, &open, ROOM) as f64 / ROOM as f64;
    let least = 0.8 - AT_ONCE as f64 / ROOM as f64;
    assert!((least..=0.81).contains(&share), "social has {share:.2} of all places");
    for _ in 0..10 {
        look_up(Some(proxy), CLINICAL, origin.address);
    }
    // Whoever only connects takes all places that are left, and more.
    let silent: Vec<TcpStream> = (0..ROOM).map(|_| TcpStream::connect(proxy).unwrap()).collect();
    for _ in 0..10 {
        look_up(Some(proxy), CLINICAL, origin.address);
    }
    assert_eq!(open.load(Ordering::Relaxed) as f64 / ROOM as f64, share, "tunnels were ended for it");
    drop(silent);
    others.shutdown_background();
}
