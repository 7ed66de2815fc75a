//! A reload of all those names under tunnels that move: how long a message waits at most, and the memory at its height.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use super::{CATEGORIES, MOST, kib, text};

const TUNNELS: usize = 2_000;
/// Each tunnel sends a message so often; the messages of all are spread over that time.
const EVERY: Duration = Duration::from_millis(100);
/// Look before the reload, and after it.
const CALM: Duration = Duration::from_secs(4);

/// When each message was answered, and how long it took.
type Trips = Arc<Mutex<Vec<(Instant, Duration)>>>;

/// A gateway, ended when it is dropped.
struct Gateway(Child);

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn play() {
    let dir = tempfile::tempdir().unwrap();
    write_files(dir.path());
    let runtime = Runtime::new().unwrap();
    let began = Instant::now();
    let gateway = start(dir.path());
    address(dir.path());
    let up = began.elapsed();
    drop(gateway);
    fs::remove_file(dir.path().join("state/addresses.json")).unwrap();
    let again = Instant::now();
    let gateway = start(dir.path());
    let proxy = address(dir.path());
    println!(
        "start with {MOST} names: {:.2} s from text, {:.2} s from the kept copies",
        up.as_secs_f64(),
        again.elapsed().as_secs_f64()
    );
    let trips: Trips = Arc::default();
    runtime.block_on(tunnels(proxy, &trips));
    let status = format!("/proc/{}/status", gateway.0.id());
    std::thread::sleep(CALM);
    let before = kib(&status, "VmRSS:");
    let calm = trips.lock().unwrap().split_off(0);
    // Writing 5 has the kernel forget the height so far (proc(5), clear_refs).
    fs::write(format!("/proc/{}/clear_refs", gateway.0.id()), "5").unwrap();
    for category in 0..CATEGORIES {
        let file = dir.path().join(format!("{category}.txt"));
        fs::write(&file, [fs::read(&file).unwrap(), b"one-more.example\n".to_vec()].concat()).unwrap();
    }
    let began = Instant::now();
    let told = Command::new(env!("CARGO_BIN_EXE_clearway"))
        .args(["reload", "-c"])
        .arg(dir.path().join("clearway.toml"))
        .output();
    assert!(told.unwrap().status.success(), "the reload went wrong");
    let took = began.elapsed();
    let height = kib(&status, "VmHWM:");
    std::thread::sleep(Duration::from_secs(1));
    let moved = trips.lock().unwrap().split_off(0);
    let during: Vec<_> = moved.into_iter().filter(|(at, _)| *at >= began && *at <= began + took + EVERY).collect();
    println!(
        "reload of {MOST} changed names under {TUNNELS} moving tunnels: {:.2} s; round trips at most {:.1} ms ({} of them, p99 {:.1} ms), \
         without a reload {:.1} ms ({}, p99 {:.1} ms); memory {:.2} times as much at its height ({:.0} MB, {:.0})",
        took.as_secs_f64(),
        most(&during),
        during.len(),
        p99(&during),
        most(&calm),
        calm.len(),
        p99(&calm),
        height / before,
        height / 1024.0,
        before / 1024.0,
    );
}

fn most(trips: &[(Instant, Duration)]) -> f64 {
    trips.iter().map(|(_, trip)| trip.as_secs_f64() * 1e3).fold(0.0, f64::max)
}

fn p99(trips: &[(Instant, Duration)]) -> f64 {
    let mut all: Vec<_> = trips.iter().map(|(_, trip)| trip.as_secs_f64() * 1e3).collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() * 99 / 100).copied().unwrap_or_default()
}

fn write_files(dir: &Path) {
    let gateway = "[gateway]\nname = \"bench\"\ntimezone = \"Europe/London\"\npolicy = \"policy.toml\"\n\
                   [admin]\naddress = \"127.0.0.1:0\"\n[[listener]]\nname = \"staff\"\naddress = \"127.0.0.1:0\"\n\
                   clients = [\"127.0.0.0/8\"]\n[tube.clinical]\npriority = 0\n[tube.internet]\npriority = 1\n\
                   [guard]\ndeny = []\nports = [\"1-65535\"]\n";
    fs::write(dir.join("clearway.toml"), gateway).unwrap();
    let mut policy =
        "default = \"allow\"\n[category.clinical]\ntube = \"clinical\"\nnetworks = [\"127.0.0.0/8\"]\n".to_owned();
    for category in 0..CATEGORIES {
        fs::write(dir.join(format!("{category}.txt")), text(category, MOST)).unwrap();
        policy += &format!(
            "[category.c{category}]\ntube = \"internet\"\nlists = [{{ path = \"{category}.txt\", format = \"plain\" }}]\n"
        );
    }
    fs::write(dir.join("policy.toml"), policy).unwrap();
}

fn start(dir: &Path) -> Gateway {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clearway"));
    command.args(["run", "-c"]).arg(dir.join("clearway.toml")).env("RUST_LOG", "error").stderr(Stdio::null());
    Gateway(command.spawn().unwrap())
}

/// Where it listens, once it does.
fn address(dir: &Path) -> SocketAddr {
    let began = Instant::now();
    loop {
        let text = fs::read_to_string(dir.join("state/addresses.json")).unwrap_or_default();
        let told: Option<serde_json::Value> = serde_json::from_str(&text).ok();
        if let Some(address) = told.as_ref().and_then(|told| told["listeners"]["staff"].as_str()) {
            return address.parse().unwrap();
        }
        assert!(began.elapsed() < Duration::from_secs(120), "the gateway did not start: {text}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Opens all tunnels to an echo of its own; each sends and waits for as long as the runtime lives.
async fn tunnels(proxy: SocketAddr, trips: &Trips) {
    let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = echo.local_addr().unwrap();
    tokio::task::spawn(async move {
        loop {
            let (mut stream, _) = echo.accept().await.unwrap();
            tokio::task::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    for number in 0..TUNNELS {
        let mut stream = TcpStream::connect(proxy).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(format!("CONNECT {origin} HTTP/1.1\r\nHost: {origin}\r\n\r\n").as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let trips = Arc::clone(trips);
        tokio::task::spawn(async move {
            tokio::time::sleep(EVERY * u32::try_from(number).unwrap() / u32::try_from(TUNNELS).unwrap()).await;
            let mut beat = tokio::time::interval(EVERY);
            let mut message = [7; 64];
            loop {
                beat.tick().await;
                let sent = Instant::now();
                let trip = async {
                    stream.write_all(&message).await?;
                    stream.read_exact(&mut message).await
                };
                // At the end the gateway is gone.
                if trip.await.is_err() {
                    return;
                }
                trips.lock().unwrap().push((Instant::now(), sent.elapsed()));
            }
        });
    }
}
