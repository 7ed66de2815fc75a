//! Each alert is fired by its cause: a gateway is hurt, and the shipped rules tell of it.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::files::names_are_known;
use crate::prometheus::{Prometheus, shipped};
use crate::world::gateway::clearway;
use crate::world::origin::{Answer, Dead, Deaf, Origin};
use crate::world::setup::{BLOCKED, CLINICAL, NEWS};
use crate::world::wire::{Framing, Reader};
use crate::world::{Certs, Setup, Wire, World, until};

/// The rules are hurried by so much: five minutes are two seconds, an hour 24. Nothing else of them is changed.
const HURRY: u64 = 150;

/// How long a gateway that is well is watched: longer than every window that fires something at once.
const CALM: Duration = Duration::from_secs(6);

/// Long enough for the slowest of them, a list that is refused for an hour, on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);

/// A listener with a certificate, a name in a clear tube that is too narrow, and names whose way out leads through a parent.
const SECURE: &str = "secure";
const THEATRE: &str = "theatre.example";
const AWAY: &str = "away.example";

/// The rules with every window and every `for` shortened, and all expressions as they are.
fn hurried(rules: &str) -> String {
    let mut out = String::new();
    let mut rest = rules;
    while let Some(at) = rest.find(['[', ':']) {
        let (before, after) = rest.split_at(at + 1);
        out.push_str(before);
        rest = after;
        let spaced = if before.ends_with("for:") { " " } else { "" };
        let digits = rest[spaced.len()..].bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = rest[spaced.len()..].split_at(digits);
        let end = if before.ends_with('[') { ']' } else { '\n' };
        let seconds = match unit.get(..2) {
            _ if before.ends_with(':') && spaced.is_empty() => None,
            Some(word) if word.ends_with(end) => ["s", "m", "h"].iter().position(|unit| word.starts_with(unit)),
            _ => None,
        };
        if let (Some(power), Ok(number)) = (seconds, number.parse::<u64>()) {
            let milliseconds = number * 60_u64.pow(power as u32) * 1000 / HURRY;
            out.push_str(&format!("{spaced}{milliseconds}ms"));
            rest = &unit[1..];
        }
    }
    out + rest
}

#[test]
fn only_windows_and_patience_are_hurried() {
    let text = "expr: rate(a{le=\"5m\"}[5m]) > 5 and b[1h] == 1\nfor: 2m\n# [5 m] for 2m: 3m\nx: 5m\n";
    let hurried_text =
        "expr: rate(a{le=\"5m\"}[2000ms]) > 5 and b[24000ms] == 1\nfor: 800ms\n# [5 m] for 2m: 3m\nx: 5m\n";
    assert_eq!(hurried(text), hurried_text);
    let (rules, ours) = (shipped("prometheus/clearway.rules.yml"), hurried(&shipped("prometheus/clearway.rules.yml")));
    let spans = |text: &str| text.matches(['[']).count() + text.matches("for: ").count();
    assert_eq!(ours.matches("00ms]").count() + ours.matches("for: ").count(), spans(&rules));
    assert_eq!(rules.lines().count(), ours.lines().count());
}

/// Work that goes on until it is dropped. What is under way then ends with the gateway, and nobody waits for it.
struct Trouble(Arc<AtomicBool>);

impl Trouble {
    fn new(count: usize, each: impl Fn(usize) + Send + Sync + 'static) -> Trouble {
        let (over, each) = (Arc::<AtomicBool>::default(), Arc::new(each));
        for number in 0..count {
            let (over, each) = (Arc::clone(&over), Arc::clone(&each));
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    each(number);
                }
            });
        }
        Trouble(over)
    }
}

impl Drop for Trouble {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One request; a gateway that has ended, or has no room, is no mistake of the test's.
fn ask(proxy: SocketAddr, url: &str) {
    let Ok(stream) = std::net::TcpStream::connect(proxy) else { return thread::sleep(Duration::from_millis(50)) };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
    let authority = url.split('/').nth(2).unwrap();
    let _ = write!(&stream, "GET {url} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
    let _ = (&stream).read_to_end(&mut Vec::new());
}

/// The server of a list, which has it until it is told otherwise.
struct Library {
    port: u16,
    gone: Arc<AtomicBool>,
}

impl Library {
    fn open(tls: Arc<rustls::ServerConfig>) -> Library {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, gone) = (listener.local_addr().unwrap().port(), Arc::<AtomicBool>::default());
        let said = Arc::clone(&gone);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let Ok(connection) = rustls::ServerConnection::new(Arc::clone(&tls)) else { continue };
                let mut stream = rustls::StreamOwned::new(connection, stream);
                let mut piece = [0; 4096];
                if stream.read(&mut piece).is_ok() {
                    let list: String = (0..200).map(|number| format!("n{number}.listed.example\n")).collect();
                    let (status, body) =
                        if said.load(Ordering::Relaxed) { ("404 Not Found", "") } else { ("200 OK", &*list) };
                    let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            }
        });
        Library { port, gone }
    }
}

/// The gateway: every tube, way out and listener that is to suffer.
fn setup(certs: &Certs, library: &Library, parent: u16, proxy: &Path) -> Setup {
    let env = [("SSL_CERT_FILE", certs.ca.display().to_string()), ("SSL_CERT_DIR", "/nonexistent".to_owned())];
    let mut setup = Setup {
        env: env.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        // It is always noon here: what is on is on for the whole test.
        peak: "peak = [{ when = \"Mon-Sun 00:00-24:00\", ceiling = { down = \"2 Mbit/s\", up = \"2 Mbit/s\" } }]\n\
               [tube.theatre]\npriority = 0\nceiling = { down = \"6 Mbit/s\", up = \"6 Mbit/s\" }\n\
               [tube.away]\npriority = 1\negress = \"away\"\n"
            .to_owned(),
        egress: format!("connect_timeout = \"1 s\"\n[egress.away]\nparent = \"http://127.0.0.1:{parent}\"\n"),
        listener: format!(
            "[[listener]]\nname = \"{SECURE}\"\naddress = \"127.0.0.1:0\"\nclients = [\"127.0.0.0/8\"]\n\
             tls = {{ cert = {:?}, key = {:?} }}\n",
            proxy.join("proxy.pem"),
            proxy.join("proxy.key")
        ),
        // Room for 300 connections.
        descriptors: Some(800),
        ..Setup::default()
    };
    setup.hosts.push((THEATRE.to_owned(), "127.0.0.1".to_owned()));
    setup.policy += &format!(
        "\n[category.theatre]\ntube = \"theatre\"\ndomains = [\"{THEATRE}\"]\n\
         [category.away]\ntube = \"away\"\ndomains = [\"{AWAY}\"]\n\
         [category.listed]\nlists = [{{ path = \"theirs.txt\", format = \"plain\", \
         url = \"https://{NEWS}:{}/\", refresh = \"1 min\" }}]\n\
         [[rule]]\nname = \"not-listed\"\nto = [\"listed\"]\naction = \"block\"\n",
        library.port
    );
    setup
}

/// Puts a certificate that holds for so many days where the listener looks for its own, with its key.
fn certify(dir: &Path, days: i64) {
    let last = jiff::Zoned::now().date().checked_add(jiff::Span::new().days(days)).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["proxy.example".to_owned()]).unwrap();
    let [month, day] = [last.month(), last.day()].map(|number| u8::try_from(number).unwrap());
    params.not_after = rcgen::date_time_ymd(last.year().into(), month, day);
    let certificate = params.self_signed(&key).unwrap().pem();
    for (name, text) in [("proxy.key", key.serialize_pem()), ("proxy.pem", certificate)] {
        std::fs::write(dir.join(name), text).unwrap();
    }
}

/// The same with an exception that ends in three days.
fn with_exception(setup: &Setup) -> Setup {
    let last = jiff::Zoned::now().date().checked_add(jiff::Span::new().days(3)).unwrap();
    let rule = format!(
        "\n[[rule]]\nname = \"for-a-while\"\nto = [\"social-media\"]\naction = \"allow\"\nowner = \"Communications\"\n\
         reason = \"A campaign.\"\nexpires = {last}\n"
    );
    Setup { policy: setup.policy.clone() + &rule, ..setup.clone() }
}

/// Alerts in a state, each by its name and the label that tells which of them it is.
fn alerts(prometheus: &Prometheus, state: &str) -> BTreeSet<String> {
    let told = prometheus.ask("/api/v1/alerts");
    let alerts = told["alerts"].as_array().unwrap();
    alerts
        .iter()
        .filter(|alert| alert["state"] == state)
        .map(|alert| {
            sound(alert);
            let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default().to_owned();
            let which = ["tube", "sli", "egress", "direction", "category", "rule", "listener"].map(label);
            let which: Vec<String> = which.into_iter().filter(|word| !word.is_empty()).collect();
            format!("{} {}", label("alertname"), which.join(" ")).trim().to_owned()
        })
        .collect()
}

/// Its texts came out whole.
#[track_caller]
fn sound(alert: &Value) {
    for text in ["summary", "description", "runbook"] {
        let told = alert["annotations"][text].as_str().unwrap_or_else(|| panic!("no {text}: {alert}"));
        for wrong in ["<error", "<no value", "NaN", "{{", "  "] {
            assert!(!told.contains(wrong), "{wrong} in {told}");
        }
    }
}

/// What must fire, and with what it is told apart.
const EXPECTED: &[&str] = &[
    "ClearwayClinicalSlow clinical first-byte",
    "ClearwayClinicalSlow theatre wait",
    "ClearwayClinicalSlow theatre admission",
    "ClearwayTubeSaturated internet down",
    "ClearwayEgressDown away",
    "ClearwayListStale listed",
    "ClearwayListRefused listed",
    "ClearwayReloadRefused",
    "ClearwayJournalFailing",
    "ClearwayJournalDropping",
    "ClearwayDescriptorsLow",
    "ClearwayExceptionLapsing for-a-while",
    "ClearwayCertificateExpires secure",
];

#[test]
fn every_alert_fires_when_its_cause_comes_and_none_before() {
    let began = Instant::now();
    let certs_dir = tempfile::tempdir().unwrap();
    let certs = Certs::write(certs_dir.path());
    let library = Library::open(certs.server(&certs.leaf));
    let parent = Dead::new();
    // Longer than the longest patience with certificates.
    certify(certs_dir.path(), 60);
    let setup = setup(&certs, &library, parent.port(), certs_dir.path());
    let world = World::alone(&setup);
    let prometheus = Prometheus::start(world.admin(), &hurried(&shipped("prometheus/clearway.rules.yml")));
    let slow = Arc::<AtomicBool>::default();
    let late = Arc::clone(&slow);
    let clinic = Origin::http(move |_| {
        if late.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(1200));
        }
        Answer::ok("hello").closing()
    });
    let proxy = world.proxy();
    let clinical = format!("http://{CLINICAL}:{}/", clinic.port());

    // A gateway that is well and has work. One site that is down is no egress that is.
    let deaf = Deaf::new();
    let well = {
        let dead = format!("http://{NEWS}:{}/", deaf.port());
        Trouble::new(40, move |number| {
            ask(proxy, if number == 0 { &dead } else { &clinical });
            thread::sleep(Duration::from_millis(200));
        })
    };
    // Before its first scrape a Prometheus does not know that there is a gateway.
    until(LIMIT, "the first scrapes", || {
        let known = !prometheus.query("up{job=\"clearway\"} == 1", now()).is_empty();
        (known && ["firing", "pending"].iter().all(|state| alerts(&prometheus, state).is_empty())).then_some(())
    });
    let calm = Instant::now();
    while calm.elapsed() < CALM {
        assert_eq!(alerts(&prometheus, "firing"), BTreeSet::new(), "in a gateway that is well");
        thread::sleep(Duration::from_millis(200));
    }
    let stated = prometheus.query("instance_tube:clearway_flows_answered:increase5m{tube=\"clinical\"} >= 30", now());
    assert_eq!(stated.len(), 1, "there were enough flows to tell, and none was slow");
    let failing = world.scrape().value("clearway_egress_failing_hosts", &[("egress", "internet")]);
    assert!((failing - 1.0).abs() < 0.5, "{failing} hosts fail, and one is no alert");

    slow.store(true, Ordering::Relaxed);
    certify(certs_dir.path(), 3);
    hurt(&world, &setup, &library);
    let troubles = troubles(proxy);
    let mut flood = Some(Trouble::new(3, move |_| flood(proxy)));
    let (mut seen, since) = (BTreeSet::new(), Instant::now());
    while !EXPECTED.iter().all(|alert| seen.contains(*alert)) {
        for alert in alerts(&prometheus, "firing").difference(&seen.clone()) {
            println!("{:5.1} s {alert}", began.elapsed().as_secs_f64());
            seen.insert(alert.clone());
        }
        if seen.contains("ClearwayJournalDropping") {
            flood = None;
        }
        let missing: Vec<&&str> = EXPECTED.iter().filter(|alert| !seen.contains(**alert)).collect();
        assert!(since.elapsed() < LIMIT, "in vain for {missing:?}\n{}", world.scrape().text);
        thread::sleep(Duration::from_millis(200));
    }
    drop(flood);
    // Where one scrape takes over half a second, as on a machine that does much else, the hurried rules miss the gateway.
    seen.remove("ClearwayDown");
    let expected: BTreeSet<String> = EXPECTED.iter().map(|alert| (*alert).to_owned()).collect();
    assert_eq!(seen, expected, "nothing else fired");
    names_are_known(&world.scrape().text);

    drop((well, troubles));
    world.signal(Signal::KILL);
    until(LIMIT, "the gateway to be missed", || alerts(&prometheus, "firing").contains("ClearwayDown").then_some(()));
    println!("{:5.1} s ClearwayDown", began.elapsed().as_secs_f64());
}

fn now() -> f64 {
    jiff::Timestamp::now().as_duration().as_secs_f64()
}

/// What is done to the gateway's files: its log can no longer be written, a list's server has nothing any more and was last
/// asked an hour ago, an exception is granted, and then the policy gets a mistake.
fn hurt(world: &World, setup: &Setup, library: &Library) {
    let log = world.dir().join("state/access.log");
    std::fs::remove_file(&log).unwrap();
    std::os::unix::fs::symlink("/dev/full", &log).unwrap();
    library.gone.store(true, Ordering::Relaxed);
    let note = find(&world.dir().join("state"), "fetched.json").expect("a list that was fetched");
    let mut told: Value = serde_json::from_slice(&std::fs::read(&note).unwrap()).unwrap();
    told["asked"] = Value::from((jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1)).to_string());
    std::fs::write(&note, told.to_string()).unwrap();
    world.reload(&with_exception(setup));
    until(Duration::from_secs(20), "the list to be refused", || {
        (world.scrape().value("clearway_list_refused", &[("category", "listed")]) > 0.0).then_some(())
    });
    Setup { policy: "default = \"perhaps\"\n".to_owned(), ..setup.clone() }.write(world.dir());
    let ran = clearway(&["reload", "-c", world.file().to_str().unwrap()]);
    assert_ne!(ran.code, Some(0), "{}", ran.text());
}

/// A file somewhere under a folder.
fn find(dir: &Path, name: &str) -> Option<std::path::PathBuf> {
    std::fs::read_dir(dir).ok()?.filter_map(Result::ok).find_map(|entry| {
        let path = entry.path();
        if path.is_dir() { find(&path, name) } else { (entry.file_name() == name).then_some(path) }
    })
}

/// What is asked of it: more than a narrow clear tube and a peak hold, names behind a parent that is gone, and so many tunnels
/// at once that there is little room left.
fn troubles(proxy: SocketAddr) -> (Vec<Trouble>, Vec<Wire>, Vec<Origin>) {
    let body = "x".repeat(24 << 10);
    let theatre = Origin::http(move |_| Answer::ok(&body).closing());
    let (film, idle) = (Origin::streams(), Origin::echo());
    let operation = format!("http://{THEATRE}:{}/", theatre.port());
    let video = format!("http://{NEWS}:{}/40000000/1", film.port());
    let authority = format!("{CLINICAL}:{}", idle.port());
    let tunnels = (0..120).map(|_| Wire::tunnel(proxy, &authority)).collect();
    let troubles = vec![
        Trouble::new(50, move |_| ask(proxy, &operation)),
        Trouble::new(4, move |_| ask(proxy, &video)),
        Trouble::new(1, move |_| {
            for name in 0..8 {
                ask(proxy, &format!("http://n{name}.{AWAY}/"));
            }
            thread::sleep(Duration::from_millis(300));
        }),
    ];
    (troubles, tunnels, vec![theatre, film, idle])
}

/// A few thousand flows that are refused, as fast as one connection gives answers.
fn flood(proxy: SocketAddr) {
    const BATCH: usize = 200;
    let Ok(stream) = std::net::TcpStream::connect(proxy) else { return thread::sleep(Duration::from_millis(50)) };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
    let one = format!("GET http://{BLOCKED}/ HTTP/1.1\r\nhost: {BLOCKED}\r\naccept: application/json\r\n\r\n");
    let batch = one.repeat(BATCH);
    let mut reader = Reader::new(&stream);
    for _ in 0..20 {
        if (&stream).write_all(batch.as_bytes()).is_err() {
            return;
        }
        for _ in 0..BATCH {
            let Ok(Some(head)) = reader.head() else { return };
            if reader.body(Framing::of_answer(&head, "GET"), &mut |_| {}).is_err() {
                return;
            }
        }
    }
}
