//! A lunch hour in small, under a real Prometheus: what each panel of the dashboard shows when it is over is what the access
//! log says, to 2%.
//!
//! The figures can be equal and not only alike: Prometheus sees every counter at 0 before anything flows, each panel is asked at
//! the very moment of its last sample, when all flows have ended, and the span goes back beyond the first. So `increase` has
//! nothing to guess at either end. A histogram's quantile is known to its bucket only, and there it must lie in the bucket in
//! which the log's is. Gauges are asked in the middle of the hour, and compared with the flows that the log has open then.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::dashboard::{Query, dashboard, queries};
use crate::prometheus::{Prometheus, shipped};
use crate::world::load::{Meter, Sink, Tunnel, Way, runtime};
use crate::world::origin::{Answer, Dead, Origin};
use crate::world::setup::{BLOCKED, CLINICAL, NEWS, SOCIAL};
use crate::world::{Record, Setup, World, until};

/// How far a panel may be from the log.
const NEAR: f64 = 0.02;

/// How long the films run at least, beside which all else happens.
const HOUR: Duration = Duration::from_secs(8);

/// For what comes within a second on a machine that is not busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a second the gateway is scraped.
const A_SECOND: f64 = 2.0;

/// Bucket bounds of `clearway_first_byte_seconds`, as /metrics has them.
const BUCKETS: &[f64] =
    &[0.0, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// What a panel showed: legends and values.
type Shown = BTreeMap<String, f64>;

/// A moment, in seconds since 1970.
fn seconds(time: jiff::Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}

/// The moments at which flows began and ended.
fn span(record: &Record) -> (f64, f64) {
    let end = seconds(record.text("time").parse().unwrap());
    (end - record.number("duration_ms") as f64 / 1000.0, end)
}

/// Sums over records, by what tells them apart.
fn sums(records: &[Record], by: impl Fn(&Record) -> Option<String>, of: impl Fn(&Record) -> f64) -> Shown {
    let mut shown = Shown::new();
    for record in records {
        if let Some(key) = by(record) {
            *shown.entry(key).or_default() += of(record);
        }
    }
    shown.retain(|_, value| *value > 0.0);
    shown
}

fn or_none(text: &str) -> String {
    if text.is_empty() { "none" } else { text }.to_owned()
}

fn tube(record: &Record) -> Option<String> {
    Some(or_none(record.text("tube")))
}

fn count(_: &Record) -> f64 {
    1.0
}

fn first_byte(record: &Record) -> Option<f64> {
    Some(record.0.get("first_byte_ms")?.as_u64()? as f64 / 1000.0)
}

fn only(value: f64) -> Shown {
    [(String::new(), value)].into()
}

/// The hour as it was.
struct Hour {
    records: Vec<Record>,
    /// When the films had found their rate, and not yet ended.
    midst: Vec<f64>,
    /// The first sample, before anything flowed, and the last, when all was over; and a span that holds both, in milliseconds.
    first: f64,
    last: f64,
    whole: u64,
}

impl Hour {
    fn clear(&self) -> Vec<Record> {
        self.records.iter().filter(|record| record.text("tube") == "clinical").cloned().collect()
    }

    /// How many of these were open at a moment.
    fn open_at(&self, moment: f64) -> Shown {
        let open: Vec<Record> = self
            .records
            .iter()
            .filter(|record| {
                let (began, ended) = span(record);
                began <= moment && moment < ended
            })
            .cloned()
            .collect();
        sums(&open, tube, count)
    }

    /// What the log says that this query shows, where the log knows.
    fn says(&self, query: &Query) -> Option<Shown> {
        let (records, clear) = (&self.records, self.clear());
        let whole = self.whole as f64 / 1000.0;
        let refused = |record: &Record| ["policy", "proxy"].contains(&record.text("side"));
        let broken = |record: &Record| !refused(record) && record.text("reason") != "finished";
        let end = |record: &Record| format!("{}: {}", record.text("side"), record.text("reason"));
        let bits = |field: &'static str| {
            let bits = move |record: &Record| record.number(field) as f64 * 8.0 / whole;
            sums(records, tube, bits)
        };
        Some(match (query.panel.as_str(), query.letter.as_str()) {
            ("Slow clear flows", _) => {
                let times: Vec<f64> = clear.iter().filter_map(first_byte).collect();
                only(times.iter().filter(|time| **time > 1.0).count() as f64 / times.len() as f64)
            }
            ("Clear flows", _) => only(clear.len() as f64),
            ("Down, by tube", "A") => bits("bytes_down"),
            ("Up, by tube", "A") => bits("bytes_up"),
            ("Flows, by category", _) => sums(records, |record| Some(or_none(record.text("category"))), count),
            ("Flows that wait, by tube", _) => {
                sums(records, tube, |record| record.number("wait_ms") as f64 / 1000.0 / whole)
            }
            ("Refused, by reason", _) => {
                sums(records, |record| refused(record).then(|| record.text("reason").to_owned()), count)
            }
            ("Flows, by rule", _) => sums(
                records,
                |record| {
                    let judged = !record.text("tube").is_empty();
                    judged.then(|| {
                        if record.text("rule").is_empty() { "default" } else { record.text("rule") }.to_owned()
                    })
                },
                count,
            ),
            ("Broken off, by side and reason", _) => sums(records, |record| broken(record).then(|| end(record)), count),
            ("Connections tried, by egress and result", _) => sums(
                records,
                |record| {
                    let made = record.0.get("connect_ms").is_some_and(|ms| !ms.is_null());
                    let tried = made || record.end() == "origin: connect-refused";
                    let result = if made { "made" } else { "connect-refused" };
                    tried.then(|| format!("{}: {result}", record.text("egress")))
                },
                |_| 1.0 / whole,
            ),
            _ => return None,
        })
    }
}

/// What the panel shows at a moment; each series by the words of its labels.
fn shown(prometheus: &Prometheus, query: &Query, at: f64, span: u64) -> Shown {
    let series = prometheus.query(&query.over(span), at).into_iter();
    series
        .map(|(labels, value)| {
            let words: Vec<String> = ["egress", "side", "category", "rule", "tube", "direction", "result", "reason"]
                .iter()
                .filter_map(|name| labels[*name].as_str().map(str::to_owned))
                .collect();
            (words.join(": "), value)
        })
        .filter(|(_, value)| *value != 0.0)
        .collect()
}

/// The same series, each to 2%.
#[track_caller]
fn near(query: &Query, shown: &Shown, said: &Shown) {
    let title = &query.panel;
    for (key, value) in said {
        let told = shown.get(key).copied().unwrap_or_default();
        println!("{title:42} {key:32} shows {told:14.4}, the log says {value:14.4}");
        assert!((told - value).abs() <= NEAR * value, "{title} {key}: shows {told}, the log says {value}");
    }
    // What is next to nothing in the panel may be nothing in the log, which has whole milliseconds.
    let most = said.values().copied().fold(0.0, f64::max);
    let more: Vec<_> = shown.iter().filter(|(key, value)| !said.contains_key(*key) && **value > NEAR * most).collect();
    assert!(more.is_empty(), "{title} shows what the log does not say: {more:?}");
}

/// The quantile of what the log says lies in the same bucket.
#[track_caller]
fn in_bucket(query: &Query, told: f64, mut times: Vec<f64>, quantile: f64) {
    times.sort_by(f64::total_cmp);
    let rank = (quantile * times.len() as f64).ceil() as usize;
    let said = times[rank.clamp(1, times.len()) - 1];
    let bound = BUCKETS.iter().position(|bound| told <= *bound).unwrap();
    println!("{:42} {quantile} shows {told:.4}, the log says {said:.3}", query.panel);
    // The log has whole milliseconds.
    let within = BUCKETS[bound - 1] - 0.001 <= said && said <= BUCKETS[bound] + 0.001;
    assert!(within, "{}: {quantile} shows {told}, the log says {said}", query.panel);
}

#[test]
fn what_the_dashboard_shows_of_a_lunch_hour_is_what_the_access_log_says() {
    // A machine that has no time for a scrape twice a second has no means of a gauge to compare.
    let played = (0..3).find_map(|_| play());
    let (world, prometheus, hour) = played.expect("three times scrapes were left out: this machine is too busy");
    let told = queries(&dashboard()).iter().filter(|query| compare(&prometheus, &world, &hour, query)).count();
    assert!(told >= 17, "only {told} queries were held against the log");
}

/// One hour with all its gateway and Prometheus saw of it; nothing, where scrapes were left out.
fn play() -> Option<(World, Prometheus, Hour)> {
    let world = World::alone(&setup());
    let prometheus = Prometheus::start(world.admin(), &shipped("prometheus/clearway.rules.yml"));
    let first = until(PATIENCE, "the first scrape", || sample(&prometheus));
    let (midst, fed) = runtime().block_on(hour(&world, &prometheus));
    until(PATIENCE, "the last record", || (world.records().len() >= fed).then_some(()));
    let over = now();
    // What a tube used is over a second after it was used.
    let last = until(PATIENCE, "a scrape after all", || sample(&prometheus).filter(|at| *at > over + 1.2));
    let whole = ((last - first) * 1000.0) as u64 + 5_000;
    let records = world.records();
    assert_eq!(records.len(), fed, "no more and no fewer records than flows");
    let scrapes = prometheus.query(&format!("count_over_time(up[{whole}ms])"), last)[0].1;
    let regular = scrapes > (last - first) * A_SECOND * (1.0 - NEAR / 2.0);
    regular.then_some((world, prometheus, Hour { records, midst, first, last, whole }))
}

/// When the gateway was last scraped.
fn sample(prometheus: &Prometheus) -> Option<f64> {
    prometheus.query("timestamp(clearway_build_info)", now()).first().map(|(_, at)| *at)
}

/// The estate: films have a narrow tube, a list and a rule of each kind.
fn setup() -> Setup {
    let lists = "domains = [\"blocked.example\"]\nlists = [{ path = \"more.txt\", format = \"plain\" }]";
    let mut setup = Setup {
        internet: Some(("60 Mbit/s".to_owned(), "20 Mbit/s".to_owned())),
        social: Some(("2 Mbit/s".to_owned(), "1 Mbit/s".to_owned())),
        beside: vec![("more.txt".to_owned(), "tracker.example\nspy.example\n".to_owned())],
        ..Setup::default()
    };
    setup.policy = setup.policy.replace("domains = [\"blocked.example\"]", lists);
    setup.policy += "\n[[rule]]\nname = \"for-a-while\"\nto = [\"social-media\"]\naction = \"allow\"\nowner = \"Comms\"\n\
                     reason = \"A campaign.\"\nexpires = 2999-01-01\n";
    setup
}

/// Whether the log says anything of this query; it shows that then, and something in any case.
fn compare(prometheus: &Prometheus, world: &World, hour: &Hour, query: &Query) -> bool {
    if let Some(said) = hour.says(query) {
        assert!(!said.is_empty(), "{}: the hour had nothing of it", query.panel);
        near(query, &shown(prometheus, query, hour.last, hour.whole), &said);
        return true;
    }
    let at_last = || shown(prometheus, query, hour.last, hour.whole);
    match (query.panel.as_str(), query.letter.as_str()) {
        ("First byte of clear flows", letter) => {
            let quantile = if letter == "A" { 0.5 } else { 0.95 };
            in_bucket(query, at_last()[""], hour.clear().iter().filter_map(first_byte).collect(), quantile);
        }
        ("First byte, by tube", _) => {
            for (tube, told) in at_last().into_iter().filter(|(_, told)| !told.is_nan()) {
                let of = hour.records.iter().filter(|record| record.text("tube") == tube);
                in_bucket(query, told, of.filter_map(first_byte).collect(), 0.95);
            }
        }
        ("Open flows, by tube" | "Flows open now", _) => {
            for moment in &hour.midst {
                let said = hour.open_at(*moment);
                let said = if query.panel == "Flows open now" { only(said.values().sum()) } else { said };
                near(query, &shown(prometheus, query, *moment, hour.whole), &said);
            }
        }
        ("Use of each tube's limit", _) => {
            let bits = |tubes: &[&str]| {
                let of = hour.records.iter().filter(|record| tubes.contains(&record.text("tube")));
                of.map(|record| record.number("bytes_down") as f64 * 8.0).sum::<f64>()
            };
            // A gauge of the last second, seen twice a second: each bit is in two samples, so their mean over all of them is
            // that of the whole time. What flows in a tube flows in the one around it too.
            let time = hour.last - hour.first + 1.0 / A_SECOND;
            let limit = |tube: &str| {
                world.scrape().value("clearway_tube_limit_bits_per_second", &[("tube", tube), ("direction", "down")])
            };
            let said = [("social", bits(&["social"])), ("internet", bits(&["social", "internet"]))];
            let said = said.map(|(tube, bits)| (format!("{tube}: down"), bits / time / limit(tube)));
            let mut shown = at_last();
            shown.retain(|key, _| said.iter().any(|(of, _)| of == key));
            near(query, &shown, &said.into());
        }
        ("The link down, used", _) => {
            let bytes: f64 = hour.records.iter().map(|record| record.number("bytes_down") as f64).sum();
            let limit = world.scrape().value("clearway_link_limit_bits_per_second", &[("direction", "down")]);
            near(query, &at_last(), &only(bytes * 8.0 / (hour.whole as f64 / 1000.0) / limit));
        }
        _ => {
            beyond_the_log(prometheus, world, hour, query);
            return false;
        }
    }
    true
}

/// What no log says: it is what the gateway's own endpoints say, or at least something where there must be something.
fn beyond_the_log(prometheus: &Prometheus, world: &World, hour: &Hour, query: &Query) {
    let series = prometheus.query(&query.over(hour.whole), hour.last);
    let values: Vec<f64> = series.iter().map(|(_, value)| *value).collect();
    println!("{:42} {} shows {values:?}", query.panel, query.letter);
    let metric = |name: &str| world.scrape().value(name, &[]);
    match (query.panel.as_str(), query.letter.as_str()) {
        // Nothing is wrong, no probe is named, and no list is refused.
        ("Alerts" | "Records lost" | "Lists refused" | "Hosts an egress cannot reach", _) => {
            assert_eq!(values, [0.0], "{query:?}");
        }
        ("Queue on the link", "B") => assert!(values.is_empty(), "{query:?}: {values:?}"),
        ("Gateways" | "Last reload", _) => assert_eq!(values, [1.0], "{query:?}"),
        ("Lists", "A") => assert_eq!(values, [2.0], "{query:?}"),
        ("Lists", "C") => assert_eq!(values, [0.0], "{query:?}"),
        ("Lists", "B") => assert!((0.0..600.0).contains(&values[0]), "{query:?}: {values:?}"),
        ("Next exception ends in", _) => assert!(values[0] > 9e8, "{query:?}: {values:?}"),
        ("Room", letter) => {
            let (open, most) = match letter {
                "A" => ("clearway_connections_open", "clearway_connections_limit"),
                _ => ("process_open_fds", "process_max_fds"),
            };
            assert!((values[0] - metric(open) / metric(most)).abs() < 0.01, "{query:?}: {values:?}");
        }
        ("Queue on the link" | "Down, by tube" | "Up, by tube" | "Memory and processor", _) => {
            assert!(!values.is_empty() && values.iter().all(|value| *value >= 0.0), "{query:?}: {values:?}");
        }
        _ => panic!("nobody has said what {query:?} is held against"),
    }
}

fn now() -> f64 {
    seconds(jiff::Timestamp::now())
}

/// The hour: films fill the social tube, uploads and idle tunnels stand beside them, clinical work goes on, pages are read, and
/// some of what is asked is refused or not there. Gives moments in its midst, and how many flows there were.
async fn hour(world: &World, prometheus: &Prometheus) -> (Vec<f64>, usize) {
    let (proxy, meter, sink) = (world.proxy(), Meter::new(), Sink::start().await);
    let films: Vec<Tunnel> = tunnels(proxy, SOCIAL, sink.address.port(), Way::Down, 0..4, &meter).await;
    let others = tunnels(proxy, CLINICAL, sink.address.port(), Way::Trickle, 10..13, &meter).await;
    let uploads = tunnels(proxy, NEWS, sink.address.port(), Way::Up, 20..23, &meter).await;
    let standing = films.len() + others.len() + uploads.len();
    let asked = tokio::task::spawn_blocking(move || small_work(proxy));
    tokio::time::sleep(HOUR).await;
    let asked = asked.await.unwrap();
    // Samples that were taken while the tunnels stood and nothing else was open.
    let mut midst: Vec<f64> = Vec::new();
    let since = now() + 0.2;
    tokio::task::block_in_place(|| {
        while midst.len() < 4 {
            let after = midst.last().copied().unwrap_or(since);
            midst.push(until(PATIENCE, "another scrape", || sample(prometheus).filter(|at| *at > after)));
        }
    });
    // The last of them was asked a moment after its time.
    tokio::time::sleep(Duration::from_millis(500)).await;
    for tunnel in films.into_iter().chain(others).chain(uploads) {
        tunnel.close().await;
    }
    (midst, standing + asked)
}

async fn tunnels(
    proxy: SocketAddr,
    name: &str,
    port: u16,
    way: Way,
    seeds: std::ops::Range<u64>,
    meter: &Arc<Meter>,
) -> Vec<Tunnel> {
    let mut open = Vec::new();
    for seed in seeds {
        open.push(Tunnel::open(proxy, &format!("{name}:{port}"), way, seed, meter).await.unwrap());
    }
    open
}

/// Requests side by side: to a clinic that is slow one time in twenty, to pages, to what is blocked, and to what is not there.
fn small_work(proxy: SocketAddr) -> usize {
    let clinic = Origin::http(|request| {
        let slow = request.head.line.contains("/slow");
        thread::sleep(Duration::from_millis(if slow { 1_300 } else { 60 }));
        Answer::ok(&"r".repeat(9_000)).closing()
    });
    let pages = Origin::http(|_| Answer::ok(&"p".repeat(70_000)).closing());
    let dead = Dead::new();
    let (clinic_at, pages_at, dead_at) = (clinic.port(), pages.port(), dead.port());
    let workers: Vec<_> = (0..5)
        .map(|worker| {
            thread::spawn(move || {
                for turn in 0..12 {
                    let slow = if turn == worker { "slow" } else { "" };
                    ask(proxy, &format!("http://{CLINICAL}:{clinic_at}/{slow}"));
                    ask(proxy, &format!("http://{CLINICAL}:{clinic_at}/"));
                    ask(proxy, &format!("http://{NEWS}:{pages_at}/"));
                    ask(proxy, &format!("http://{BLOCKED}/"));
                    ask(proxy, "http://www.tracker.example/");
                }
                ask(proxy, &format!("http://{NEWS}:{dead_at}/"));
                5 * 12 + 1
            })
        })
        .collect();
    workers.into_iter().map(|worker| worker.join().unwrap()).sum()
}

fn ask(proxy: SocketAddr, url: &str) {
    let mut stream = TcpStream::connect(proxy).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let authority = url.split('/').nth(2).unwrap();
    write!(stream, "GET {url} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n").unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}
