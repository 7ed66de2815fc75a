//! `clearway gateway tc`: its script as it is printed, in namespaces of a real kernel, under real packets.

use std::fs::{self, File};
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

const BINARY: &str = env!("CARGO_BIN_EXE_clearway");

const GATEWAY: &str = r#"
[gateway]
name = "gw1"
timezone = "Europe/London"
policy = "policy.toml"
[[listener]]
name = "staff"
address = "127.0.0.1:3128"
clients = ["127.0.0.0/8"]
[link]
down = "40 Mbit/s"
up = "20 Mbit/s"
interface = "wan0"
rest = { down = "8 Mbit/s", up = "4 Mbit/s" }
[tube.clinical]
priority = 0
[tube.internet]
priority = 1
ceiling = { down = "20 Mbit/s", up = "10 Mbit/s" }
egress = "internet"
peak = [{ when = "Mon-Fri 12:00-14:00", ceiling = { up = "5 Mbit/s" } }]
[tube.social]
within = "internet"
priority = 2
ceiling = { down = "10 Mbit/s", up = "3 Mbit/s" }
egress = "social"
[egress.internet]
fwmark = 32
[egress.social]
fwmark = 33
"#;

/// Marks as an operator gives them to what passes by: guests' port 5032 shares the internet tube's lane, 5033 social's.
const MARKS: &str = "table inet guests {\n chain early {\n type filter hook prerouting priority mangle;\n \
    udp dport 5032 meta mark set 32\n udp dport 5033 meta mark set 33\n }\n}\n";

const INTERNET: u16 = 5032;
const SOCIAL: u16 = 5033;
const REST: u16 = 5000;
const CLINICAL: u16 = 5001;

/// What a datagram carries, and what it is on the wire: with headers of UDP, IP and Ethernet.
const PAYLOAD: usize = 1_400;
const WIRE: f64 = 1_442.0 * 8.0;
/// How long a rate is measured: a class's burst is a hundredth of what it carries in this time.
const WINDOW: Duration = Duration::from_millis(1_500);

/// A network namespace, gone when it is dropped; and a minute after whoever had it was killed.
struct Space(Child);

impl Space {
    fn new() -> Self {
        let child = Command::new("unshare").args(["--net", "sleep", "60"]).spawn().expect("unshare, of util-linux");
        let space = Space(child);
        let own = fs::read_link("/proc/self/ns/net").unwrap();
        let start = Instant::now();
        while fs::read_link(space.file()).is_ok_and(|theirs| theirs == own) {
            assert!(start.elapsed() < Duration::from_secs(10), "no namespace; this test wants root");
            std::thread::yield_now();
        }
        space
    }

    fn file(&self) -> String {
        format!("/proc/{}/ns/net", self.0.id())
    }

    /// Runs a shell script in it.
    fn sh(&self, script: &str) -> Output {
        let net = format!("--net={}", self.file());
        Command::new("nsenter").args([&net, "sh", "-c", script]).stdin(Stdio::null()).output().unwrap()
    }

    fn must(&self, script: &str) -> String {
        let output = self.sh(script);
        assert!(output.status.success(), "{script}\n{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Calls something on a thread that is in it.
    fn within<T: Send + 'static>(&self, what: impl FnOnce() -> T + Send + 'static) -> std::thread::JoinHandle<T> {
        let space = File::open(self.file()).unwrap();
        std::thread::spawn(move || {
            move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            what()
        })
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Staff and what lies beyond the link, with the gateway between.
struct World {
    home: tempfile::TempDir,
    staff: Space,
    gateway: Space,
    far: Space,
}

impl World {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("clearway.toml"), GATEWAY).unwrap();
        fs::write(home.path().join("policy.toml"), "default = \"allow\"\n[category.c]\ntube = \"clinical\"\n").unwrap();
        let (staff, gateway, far) = (Space::new(), Space::new(), Space::new());
        let wires = format!(
            "set -e\nip link add wan0 type veth peer name far0 netns {}\n\
             ip link add lan0 type veth peer name pc0 netns {}\nip link add lan1 type veth peer name none1\n\
             ip addr add 192.0.2.1/24 dev wan0\nip addr add 10.9.0.1/24 dev lan0\n\
             for i in lo wan0 lan0 lan1 none1; do ip link set $i up; done\nsysctl -qw net.ipv4.ip_forward=1",
            far.0.id(),
            staff.0.id(),
        );
        gateway.must(&wires);
        far.must("set -e; ip addr add 192.0.2.2/24 dev far0; ip link set far0 up; ip route add default via 192.0.2.1");
        staff.must("set -e; ip addr add 10.9.0.2/24 dev pc0; ip link set pc0 up; ip route add default via 10.9.0.1");
        gateway.must(&format!("nft -f - <<'END'\n{MARKS}END"));
        World { home, staff, gateway, far }
    }

    /// The script that the command prints.
    fn script(&self, arguments: &[&str]) -> String {
        let file = self.home.path().join("clearway.toml");
        let output = Command::new(BINARY).args(["gateway", "tc", "-c"]).arg(file).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let path = self.home.path().join("script");
        fs::write(&path, output.stdout).unwrap();
        path.display().to_string()
    }

    /// Everything that a script may touch, as the kernel tells it; numbers of queues that count up are left out.
    fn state(&self) -> String {
        let told = "tc qdisc show; for i in wan0 lan0 lan1 clearway-down; do tc class show dev $i; \
            tc filter show dev $i egress; done 2>&1; ip -o link show | cut -d: -f2 | sort; nft list ruleset";
        self.gateway.must(told)
    }

    /// What the class of this number may use at most, as the kernel has it.
    fn ceil(&self, device: &str, class: &str) -> f64 {
        let told = self.gateway.must(&format!("tc class show dev {device} classid c1ea:{class}"));
        let ceil = told.split_once(" ceil ").and_then(|(_, rest)| rest.split_once("bit")).expect(&told).0;
        let (number, scale) = match ceil.strip_suffix(['K', 'M', 'G']) {
            Some(number) => (number, ceil),
            None => (ceil, "-"),
        };
        let scale = match scale.chars().last() {
            Some('K') => 1e3,
            Some('M') => 1e6,
            Some('G') => 1e9,
            _ => 1.0,
        };
        number.parse::<f64>().unwrap() * scale
    }
}

/// A stream of datagrams at a rate, until it is dropped; and what of it arrives.
struct Stream {
    over: Arc<AtomicBool>,
    arrived: Arc<AtomicU64>,
    /// Dropped with their sockets.
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Stream {
    /// From one namespace to an address in another, which answers nothing.
    fn start(from: &Space, to: &Space, target: (&str, u16), mbit: f64) -> Stream {
        Stream::between(from, to, target, mbit, false)
    }

    /// The other way: what is called answers with a stream of its own, on the same connection.
    fn answer(caller: &Space, called: &Space, target: (&str, u16), mbit: f64) -> Stream {
        Stream::between(caller, called, target, mbit, true)
    }

    fn between(caller: &Space, called: &Space, target: (&str, u16), mbit: f64, answers: bool) -> Stream {
        let (host, port) = (target.0.to_owned(), target.1);
        let there = called.within(move || UdpSocket::bind(("0.0.0.0", port)).unwrap()).join().unwrap();
        let here = caller
            .within(move || {
                let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
                socket.connect((host.as_str(), port)).unwrap();
                socket
            })
            .join()
            .unwrap();
        if answers {
            there.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            // An earlier stream's queue may still be full, or what is left of it come first.
            let asked = |_| {
                here.send(b"?").unwrap();
                there.recv_from(&mut [0; 16]).ok().and_then(|(length, from)| (length == 1).then_some(from))
            };
            let caller = (0..10_000).find_map(asked).unwrap();
            there.connect(caller).unwrap();
        }
        let (sender, receiver) = if answers { (there, here) } else { (here, there) };
        let (over, arrived) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let sending = std::thread::spawn({
            let over = Arc::clone(&over);
            move || send(&sender, mbit, &over)
        });
        let receiving = std::thread::spawn({
            let (over, arrived) = (Arc::clone(&over), Arc::clone(&arrived));
            move || receive(&receiver, &over, &arrived)
        });
        let stream = Stream { over, arrived, threads: vec![sending, receiving] };
        let start = Instant::now();
        while stream.arrived.load(Relaxed) < 10 {
            assert!(start.elapsed() < Duration::from_secs(10), "nothing arrives at {target:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
        stream
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

fn send(socket: &UdpSocket, mbit: f64, over: &AtomicBool) {
    let (start, mut sent) = (Instant::now(), 0.0);
    while !over.load(Relaxed) {
        let due = start.elapsed().as_secs_f64() * mbit * 1e6 / WIRE;
        // A queue of this machine's own that is full is a datagram lost, like any other.
        while sent < due {
            let _ = socket.send(&[0; PAYLOAD]);
            sent += 1.0;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn receive(socket: &UdpSocket, over: &AtomicBool, arrived: &AtomicU64) {
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    while !over.load(Relaxed) {
        if socket.recv(&mut [0; PAYLOAD]).is_ok_and(|length| length == PAYLOAD) {
            arrived.fetch_add(1, Relaxed);
        }
    }
}

/// Bits a second of each stream on the wire, over a window that begins when queues have filled.
fn rates<const N: usize>(streams: [&Stream; N]) -> [f64; N] {
    std::thread::sleep(Duration::from_millis(300));
    let (start, before) = (Instant::now(), streams.map(|stream| stream.arrived.load(Relaxed)));
    std::thread::sleep(WINDOW);
    let (took, after) = (start.elapsed().as_secs_f64(), streams.map(|stream| stream.arrived.load(Relaxed)));
    std::array::from_fn(|at| (after[at] - before[at]) as f64 * WIRE / took)
}

#[track_caller]
fn holds(what: &str, rate: f64, ceil: f64) {
    println!("{what}: {:.2} of {:.2} Mbit/s, {:+.1}%", rate / 1e6, ceil / 1e6, (rate / ceil - 1.0) * 100.0);
    assert!((rate / ceil - 1.0).abs() <= 0.05, "{what}: {rate:.0} bit/s, and {ceil:.0} is what it may use");
}

#[test]
fn classes_hold_what_goes_past_the_proxy_and_clinical_passes_it_all() {
    let world = World::new();
    let script = world.script(&["--staff", "lan0"]);
    let bare = world.state();
    world.gateway.must(&format!("sh {script}"));
    let (staff, gateway, far) = (&world.staff, &world.gateway, &world.far);
    let beyond = |port| ("192.0.2.2", port);
    {
        let internet = Stream::start(staff, far, beyond(INTERNET), 30.0);
        let rest = Stream::start(staff, far, beyond(REST), 30.0);
        let [internet_rate, rest_rate] = rates([&internet, &rest]);
        holds("internet up", internet_rate, world.ceil("wan0", "10"));
        holds("the rest up", rest_rate, world.ceil("wan0", "fff0"));

        let social = Stream::start(staff, far, beyond(SOCIAL), 10.0);
        let [internet_rate, social_rate] = rates([&internet, &social]);
        assert!(social_rate <= 1.05 * world.ceil("wan0", "12"), "social has {social_rate:.0} bit/s");
        holds("internet and social within it, up", internet_rate + social_rate, world.ceil("wan0", "10"));

        let clinical = Stream::start(gateway, far, beyond(CLINICAL), 16.0);
        let [clinical_rate, internet_rate, trickle] = rates([&clinical, &internet, &rest]);
        holds("clinical under all of them", clinical_rate, 16e6);
        assert!(internet_rate < 5e6, "internet has {internet_rate:.0} bit/s beside clinical");
        assert!(trickle > 0.2e6, "the rest has {trickle:.0} bit/s beside clinical");
    }
    {
        let social = Stream::answer(staff, far, beyond(SOCIAL), 30.0);
        let rest = Stream::answer(staff, far, beyond(REST), 30.0);
        let clinical = Stream::start(gateway, staff, ("10.9.0.2", CLINICAL), 25.0);
        let [social_rate, rest_rate, clinical_rate] = rates([&social, &rest, &clinical]);
        holds("the proxy's own, down", clinical_rate, 25e6);
        holds("social down", social_rate, world.ceil("lan0", "12").min(40e6 - 25e6 - 0.8e6));
        assert!(rest_rate <= 1.05 * world.ceil("lan0", "fff0"), "the rest down has {rest_rate:.0} bit/s");
    }
    world.gateway.must(&format!("sh {script} --undo"));
    assert_eq!(world.state(), bare);
}

#[test]
fn a_script_run_again_changes_nothing_and_its_undoing_leaves_nothing_whatever_was_run_before() {
    let world = World::new();
    let bare = world.state();
    let apply = |arguments: &[&str]| {
        let script = world.script(arguments);
        world.gateway.must(&format!("sh {script}"));
        let state = world.state();
        world.gateway.must(&format!("sh {script}"));
        assert_eq!(world.state(), state, "{arguments:?} again");
        state
    };
    apply(&["--staff", "lan0"]);
    let ordinary = world.ceil("wan0", "11");
    apply(&["--staff", "lan0", "--at", "2026-11-24 12:30"]);
    assert!(world.ceil("wan0", "11") < 0.6 * ordinary, "the peak has another ceiling");
    let shared = apply(&["--staff", "lan0", "--staff", "lan1"]);
    assert!(shared.contains("clearway-down"), "{shared}");
    {
        let rest = Stream::answer(&world.staff, &world.far, ("192.0.2.2", REST), 30.0);
        let [rate] = rates([&rest]);
        holds("the rest down, by way of two interfaces", rate, world.ceil("clearway-down", "fff0"));
    }
    let up_alone = apply(&[]);
    assert!(!up_alone.contains("dev lan0 parent"), "{up_alone}");
    let undo = world.script(&["--undo"]);
    for _ in 0..2 {
        world.gateway.must(&format!("sh {undo}"));
        assert_eq!(world.state(), bare);
    }
    // An interface that is not there, or has a queue of somebody else's, takes nothing from what is in force.
    world.gateway.must("tc qdisc replace dev lan1 root tbf rate 1mbit burst 3000 latency 10ms");
    let shaped = apply(&["--staff", "lan0"]);
    for (staff, says) in [
        ("lan9", "this machine has no interface lan9, see ip link; nothing was changed"),
        ("lan1", "lan1 has a queue of its own, tbf 8"),
    ] {
        let script = world.script(&["--staff", staff]);
        let refused = world.gateway.sh(&format!("sh {script}"));
        let told = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && told.contains(says), "{told}");
        assert_eq!(world.state(), shaped, "{staff}");
    }
    world.gateway.must("tc qdisc del dev lan1 root");
    let undo = world.script(&["--undo"]);
    world.gateway.must(&format!("sh {undo}"));
    assert_eq!(world.state(), bare);
    // What somebody else has put there is left alone, and nothing stays half done.
    world.gateway.must("tc qdisc replace dev lan0 root tbf rate 1mbit burst 3000 latency 10ms");
    let theirs = world.state();
    let script = world.script(&["--staff", "lan0"]);
    let refused = world.gateway.sh(&format!("sh {script}"));
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && told.contains("lan0 has a queue of its own, tbf"), "{told}");
    assert_eq!(world.state(), theirs);
}

#[test]
fn the_timers_unit_names_the_file_wherever_it_is_run() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("clearway.toml"), GATEWAY).unwrap();
    fs::write(home.path().join("policy.toml"), "default = \"allow\"\n[category.c]\ntube = \"clinical\"\n").unwrap();
    let mut command = Command::new(BINARY);
    let output = command.args(["gateway", "tc", "-c", "clearway.toml"]).current_dir(home.path()).output().unwrap();
    let script = String::from_utf8(output.stdout).unwrap();
    let unit = script.lines().find(|line| line.contains("ExecStart=")).unwrap_or_else(|| panic!("{script}"));
    let file = home.path().canonicalize().unwrap().join("clearway.toml");
    assert!(unit.contains(&format!("clearway gateway tc -c {})", file.display())), "{unit}");
}
