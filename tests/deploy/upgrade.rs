//! An upgrade at noon: five hundred tunnels move bytes and two hundred connections a second arrive while the package of a
//! rebuilt program is installed, and nobody notices.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::acceptance::load::{self, Meter, Sink, Tunnel, Way};
use crate::acceptance::{tool, until};
use crate::world::{FIRST, INSTALL, Machine, Wire};

const TUNNELS: u64 = 500;
/// Two hundred a second.
const EVERY: Duration = Duration::from_millis(5);
/// The internet tube's, which all tunnels ride in, and what may be seen above it.
const DOWN: f64 = 40e6;
const UP: f64 = 20e6;
const ABOVE: f64 = 1.03;
/// How wide a look at a rate is. Each of 250 flows may hold a grant of a packet or two that it has not moved yet, as the gateway and
/// this test's ends share few processors: all of these at once are less than two hundredths of what five seconds carry.
const WIDTH: Duration = Duration::from_secs(5);
/// How often a wire is looked at, and for how long before and after the upgrade.
const LOOK: Duration = Duration::from_millis(50);
const BESIDE: Duration = Duration::from_secs(6);
/// A client's patience. A processor that is busy with this test's own ends takes most of what a connection waits.
const ANSWERED: Duration = Duration::from_secs(30);
/// The one before ends when its last tunnel has.
const GONE: Duration = Duration::from_secs(60);
const CLINICAL: &str = "results.wales.nhs.uk";
/// Takes the ceilings away.
const WIDE: &str = r#"cd /etc/clearway
    sed -i -e 's/^ceiling .*//' -e 's/^\(down\|up  \) = .*/\1 = "1 Gbit\/s"/' clearway.toml
    clearway reload"#;

/// A machine's gateway, opened to this machine, with a ceiling to hold; and a wire for origins alone, so that what goes up is
/// told from what comes down.
fn gateway() -> (Machine, Wire) {
    let machine = Machine::boot_alone();
    machine.install(FIRST);
    let origins = machine.wire("eth1");
    let outside = origins.outside;
    machine.says(&format!(
        r#"cd /etc/clearway
        sed -i -e 's/^address = "127.0.0.1:3128"/address = "0.0.0.0:3128"/' -e 's/^clients = .*/clients = ["198.18.0.0\/15"]/' \
            -e 's/^ports = .*/ports = ["1-65535"]/' -e 's/^hosts   = .*/hosts = {{ "{CLINICAL}" = "{outside}" }}/' \
            -e 's/^ceiling  = {{ down = "60 Mbit\/s", up = "20 Mbit\/s" }}/ceiling = {{ down = "40 Mbit\/s", up = "20 Mbit\/s" }}/' \
            -e '/^peak /d' clearway.toml
        clearway check && systemctl reload clearway"#
    ));
    (machine, origins)
}

/// Answers four bytes with the same.
async fn echo(address: IpAddr) -> SocketAddr {
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { continue };
            tokio::spawn(async move {
                let mut four = [0; 4];
                if stream.read_exact(&mut four).await.is_ok() {
                    let _ = stream.write_all(&four).await;
                }
            });
        }
    });
    address
}

/// Connects at its pace until it is told to stop; says how many were answered, what befell others, and the longest wait.
async fn arrivals(proxy: SocketAddr, target: String, over: Arc<AtomicBool>) -> (usize, Vec<String>, Duration) {
    let mut ticks = tokio::time::interval(EVERY);
    let mut all = tokio::task::JoinSet::new();
    while !over.load(Ordering::Relaxed) {
        ticks.tick().await;
        let target = target.clone();
        all.spawn(async move {
            let began = Instant::now();
            let asked = async {
                let mut stream = load::connect(proxy, &target).await?;
                stream.write_all(b"noon").await?;
                let mut four = [0; 4];
                stream.read_exact(&mut four).await?;
                Ok::<_, std::io::Error>(four)
            };
            let answer = asked.await.map_err(|error| error.to_string()).map(|four| assert_eq!(&four, b"noon"));
            (answer, began.elapsed())
        });
    }
    let done = all.join_all().await;
    let longest = done.iter().map(|(_, took)| *took).max().unwrap_or_default();
    let failed: Vec<_> = done.iter().filter_map(|(answer, _)| answer.clone().err()).collect();
    (done.len() - failed.len(), failed, longest)
}

/// What a wire has carried, looked at until it is over. Not what arrives: a test that has to wait for a processor reads late, and
/// then much at once, of what a gateway sent evenly.
fn watch(wire: Wire, over: Arc<AtomicBool>) -> std::thread::JoinHandle<Vec<(Instant, u64)>> {
    std::thread::spawn(move || {
        let mut looks = Vec::new();
        while !over.load(Ordering::Relaxed) {
            looks.push((Instant::now(), wire.carried()));
            std::thread::sleep(LOOK);
        }
        looks
    })
}

/// Every look at a rate within its ceiling, and the tube filled.
fn holds(what: &str, looks: &[(Instant, u64)], ceiling: f64) {
    let rate = |(from, before): (Instant, u64), (to, after): (Instant, u64)| {
        (after - before) as f64 * 8.0 / (to - from).as_secs_f64()
    };
    let over = |width: Duration| -> Vec<f64> {
        let until = |from: &(Instant, u64)| looks.iter().find(|to| to.0 >= from.0 + width).copied();
        looks.iter().filter_map(|from| Some(rate(*from, until(from)?))).collect()
    };
    let rates = over(WIDTH);
    let [most, in_a_second] =
        [&rates, &over(Duration::from_secs(1))].map(|rates| rates.iter().copied().fold(0.0, f64::max));
    let mean = rate(looks[0], *looks.last().unwrap());
    let [ceiled, mbit, second, average] = [ceiling, most, in_a_second, mean].map(|rate| rate / 1e6);
    println!("{what}: at most {mbit:.1} of {ceiled:.0} Mbit/s, {second:.1} in one second, {average:.1} on average");
    assert!(most <= ceiling * ABOVE, "{what}: {rates:.0?}");
    assert!(mean >= ceiling * 0.8, "{what}: {rates:.0?}");
}

#[test]
fn five_hundred_tunnels_and_two_hundred_connections_a_second_notice_nothing_of_an_upgrade() {
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).unwrap();
    let (machine, origins) = gateway();
    let before = machine.unit("MainPID");
    let proxy = SocketAddr::new(machine.first().address.into(), 3128);
    let runtime = load::runtime();
    runtime.block_on(async {
        let outside: IpAddr = origins.outside.into();
        let sink = Sink::start_at(outside).await;
        let port = echo(outside).await.port();
        let down = Meter::new();
        let mut tunnels = Vec::new();
        for seed in 0..TUNNELS {
            let way = if seed % 2 == 0 { Way::Down } else { Way::Up };
            tunnels.push(Tunnel::open(proxy, &sink.address.to_string(), way, seed * 2, &down).await.unwrap());
        }
        let over = Arc::new(AtomicBool::new(false));
        let arriving = tokio::spawn(arrivals(proxy, format!("{CLINICAL}:{port}"), Arc::clone(&over)));
        tokio::time::sleep(BESIDE).await;
        // What stood in sockets when the ceilings began to hold has come by now.
        let watched = [watch(machine.first().clone(), Arc::clone(&over)), watch(origins, Arc::clone(&over))];
        let began = Instant::now();
        tokio::time::sleep(BESIDE).await;
        let mut install = machine.installing("1.0.1");
        let said = tokio::task::spawn_blocking(move || tool::run(&mut install, INSTALL).ok().text()).await.unwrap();
        let took = began.elapsed() - BESIDE;
        tokio::time::sleep(BESIDE).await;
        over.store(true, Ordering::Relaxed);
        let (answered, failed, longest) = arriving.await.unwrap();
        println!("installed in {took:?}; {answered} connections answered, the slowest in {longest:?}\n{said}");

        assert!(failed.is_empty(), "{} of {} failed: {:?}", failed.len(), answered, &failed[..failed.len().min(5)]);
        assert!(longest < ANSWERED, "{longest:?}");
        assert!(answered as u128 >= 150 * (BESIDE * 3).as_millis() / 1000, "only {answered} arrived");
        assert!(!tunnels.iter().any(Tunnel::is_over), "tunnels ended");
        let [down, up] = watched.map(|looks| looks.join().unwrap());
        holds("down", &down, DOWN);
        holds("up", &up, UP);

        // The new one is what was installed; the one before is still there for its tunnels.
        let after = machine.unit("MainPID");
        assert_ne!(after, before);
        assert_eq!(machine.says(&format!("readlink /proc/{after}/exe")), "/usr/bin/clearway");
        assert!(machine.says(&format!("readlink /proc/{before}/exe")).contains("deleted"));
        // The one before heeds a reload too; so what is under way comes in seconds.
        machine.says(WIDE);
        let mut ends = tokio::task::JoinSet::new();
        for tunnel in tunnels {
            ends.spawn(async { (tunnel.seed, tunnel.close().await) });
        }
        for (seed, client) in ends.join_all().await {
            let origin = sink.end(seed);
            assert!(client.intact && client.whole && origin.intact && origin.whole, "{seed}: {client:?} {origin:?}");
            assert_eq!((client.sent, client.received), (origin.received, origin.sent), "{seed}");
        }
        until(GONE, "the end of the gateway before", || {
            (machine.says("pgrep -x clearway | wc -l") == "1").then_some(())
        });
    });
    assert_eq!((machine.unit("ActiveState"), machine.unit("NRestarts")), ("active".to_owned(), "0".to_owned()));
}
