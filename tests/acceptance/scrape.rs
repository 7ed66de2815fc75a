//! The admin listener: what Prometheus and people read, also while the data plane is busy.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::world::gateway::clearway;
use crate::world::load::{Meter, Sink, Tunnel, Way, runtime};
use crate::world::metrics::fetch;
use crate::world::setup::{BLOCKED, NEWS};
use crate::world::{Answer, Origin, Setup, Wire, World, tool, until};

/// The one thing promtool's style check says of these names: they count bits, as links are sold. The first two are the
/// contract's, and the link's are named as the tubes'.
const IN_BITS: [&str; 4] = [
    "clearway_tube_limit_bits_per_second",
    "clearway_tube_used_bits_per_second",
    "clearway_link_limit_bits_per_second",
    "clearway_link_used_bits_per_second",
];

#[test]
fn promtool_accepts_the_metrics() {
    let origin = Origin::http(|_| Answer::ok("hello"));
    let world = World::start(&Setup::default());
    for name in [NEWS, BLOCKED] {
        Wire::connect(world.proxy()).get(&format!("http://{name}:{}/", origin.port()));
    }
    world.record("the last flow", |r| r.text("host") == BLOCKED);
    let text = world.scrape().text;
    let mut promtool = Command::new("promtool");
    let ran = tool::run_with(promtool.args(["check", "metrics"]), Duration::from_secs(30), text.clone().into_bytes());
    let said = format!("{}{}", ran.text(), ran.stderr);
    let in_bits =
        |line: &str| IN_BITS.iter().any(|name| line.starts_with(name) && line.ends_with("instead of \"bits\""));
    let complaints: Vec<&str> = said.lines().filter(|line| !line.is_empty() && !in_bits(line)).collect();
    assert!(complaints.is_empty(), "{complaints:#?}\n{text}");
    // 3: read without a mistake, with remarks on style (only those above are left).
    assert!(matches!(ran.code, Some(0 | 3)), "{:?} {said}", ran.code);
    for name in [
        "clearway_build_info",
        "clearway_config_generation",
        "clearway_flows_total",
        "clearway_flows_open",
        "clearway_flow_ends_total",
        "clearway_rule_hits_total",
        "clearway_bytes_total",
        "clearway_connect_seconds",
        "clearway_first_byte_seconds",
        "clearway_flow_seconds",
        "clearway_tube_wait_seconds",
        "clearway_tube_admission_waiting",
        "clearway_tube_admission_seconds",
        "clearway_link_queue_seconds",
        "clearway_link_limit_bits_per_second",
        "clearway_link_used_bits_per_second",
        "clearway_link_probe_seconds",
        "clearway_tube_limit_bits_per_second",
        "clearway_tube_used_bits_per_second",
        "clearway_reloads_total",
        "clearway_list_entries",
        "clearway_list_rejected_lines",
        "clearway_list_age_seconds",
        "clearway_journal_dropped_total",
        "clearway_journal_failing",
        "clearway_config_last_reload_successful",
        "clearway_config_in_force_timestamp_seconds",
        "clearway_connections_open",
        "clearway_connections_limit",
        "clearway_tube_peak",
        "clearway_tube_priority",
        "clearway_egress_connects_total",
        "clearway_egress_failing_hosts",
        "process_resident_memory_bytes",
    ] {
        // In this world there are no lists, and no interface or probe is named.
        let link = ["clearway_link_used_bits_per_second", "clearway_link_probe_seconds"];
        let absent = name.starts_with("clearway_list_") || link.contains(&name);
        let there = text.contains(&format!("# TYPE {name} ")) != absent;
        assert!(there, "no {name} in\n{text}");
    }
    assert!(!text.contains("127.0.0.1") && !text.contains("example"), "no hosts and no addresses in\n{text}");
}

#[test]
fn a_scrape_under_load_takes_less_than_fifty_milliseconds() {
    runtime().block_on(async {
        let sink = Sink::start().await;
        let world = World::alone(&Setup::with_ceiling("200 Mbit/s", "200 Mbit/s"));
        let authority = format!("{NEWS}:{}", sink.address.port());
        let meter = Meter::new();
        let mut tunnels = Vec::new();
        for seed in 0..100 {
            tunnels.push(Tunnel::open(world.proxy(), &authority, Way::Both, seed, &meter).await.unwrap());
        }
        let mut times: Vec<Duration> = (0..31)
            .map(|_| {
                let began = Instant::now();
                tokio::task::block_in_place(|| world.scrape());
                began.elapsed()
            })
            .collect();
        times.sort();
        println!("scrapes under load: median {:?}, slowest {:?}", times[15], times[30]);
        assert!(times[15] < Duration::from_millis(50), "median {:?} of {times:?}", times[15]);
        assert!(meter.total() > 0 && tunnels.iter().all(|tunnel| !tunnel.is_over()));
    });
}

/// A tube that is slow and small: connections wait to be made until it has room for what they bring, and the one that is
/// too many is refused.
#[test]
fn what_waits_and_what_is_refused_is_there_to_see() {
    const FLOWS: u32 = 10;
    runtime().block_on(async {
        let sink = Sink::start().await;
        let link = "interface = \"lo\"\n".to_owned();
        let world =
            World::start(&Setup { flows: Some(FLOWS), link, ..Setup::with_ceiling("400 kbit/s", "400 kbit/s") });
        let authority = format!("{NEWS}:{}", sink.address.port());
        let (meter, proxy) = (Meter::new(), world.proxy());
        let opening: Vec<_> = (0..FLOWS)
            .map(|seed| {
                let (authority, meter) = (authority.clone(), std::sync::Arc::clone(&meter));
                tokio::spawn(async move { Tunnel::open(proxy, &authority, Way::Down, seed.into(), &meter).await })
            })
            .collect();
        let internet = [("tube", "internet")];
        let bound = Duration::from_secs(20);
        tokio::task::block_in_place(|| {
            until(bound, "connections that wait to be made", || {
                (world.scrape().value("clearway_tube_admission_waiting", &internet) > 0.0).then_some(())
            });
        });
        let mut tunnels = Vec::new();
        for opening in opening {
            tunnels.push(opening.await.unwrap().unwrap());
        }
        let refused = Tunnel::open(proxy, &authority, Way::Down, 99, &meter).await.err().unwrap().to_string();
        assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
        tokio::time::sleep(Duration::from_secs(1)).await;
        tokio::task::block_in_place(|| {
            shows_in_metrics(&world, FLOWS);
            shows_in_the_api(world.admin(), FLOWS);
        });
    });
}

fn shows_in_metrics(world: &World, flows: u32) {
    let scrape = world.scrape();
    let internet = [("tube", "internet")];
    assert!(scrape.value("clearway_tube_admission_waiting", &internet).abs() < 0.5, "all are made\n{}", scrape.text);
    let let_in = scrape.value("clearway_tube_admission_seconds_count", &internet);
    assert!((let_in - f64::from(flows)).abs() < 0.5, "{let_in} were let in");
    // What ten connections bring takes the tube 0.7 s. Of that the last waited most, the first nothing.
    let waited = scrape.value("clearway_tube_admission_seconds_sum", &internet);
    assert!((0.5..30.0).contains(&waited), "they waited {waited} s together");
    let clinical = scrape.value("clearway_tube_admission_seconds_count", &[("tube", "clinical")]);
    assert!(clinical.abs() < 0.5, "{clinical}");
    let full = scrape.value("clearway_flow_ends_total", &[("tube", "internet"), ("reason", "tube-full")]);
    assert!((full - 1.0).abs() < 0.5, "{full} were refused");
    for direction in ["down", "up"] {
        let link = |what: &str| scrape.value(&format!("clearway_link_{what}"), &[("direction", direction)]);
        assert!((0.0..1.0).contains(&link("queue_seconds")), "{}", scrape.text);
        assert!((50e9..=100e9).contains(&link("limit_bits_per_second")), "{}", scrape.text);
        // At least what the tube carries, and on the loopback everybody else's too.
        assert!(link("used_bits_per_second") > 200_000.0, "{}", scrape.text);
    }
}

fn shows_in_the_api(admin: SocketAddr, flows: u32) {
    let json = |path| -> serde_json::Value { serde_json::from_slice(&fetch(admin, path).body).unwrap() };
    let told = json("/api/v1/tubes");
    let tube = |name: &str| told["tubes"].as_array().unwrap().iter().find(|tube| tube["tube"] == name).unwrap();
    let internet = tube("internet");
    assert_eq!(internet["flows"], flows, "{told}");
    assert!(internet["waiting"].as_u64().unwrap() > 0, "{told}");
    assert!(internet["down"]["wait_ms"].as_f64().unwrap() > 1.0, "{told}");
    assert!(internet["admission"]["wait_ms"].as_f64().unwrap() > 1.0, "{told}");
    assert_eq!(internet["refused"]["tube_full"], 1, "{told}");
    assert!(tube("clinical")["down"]["wait_ms"].is_null(), "{told}");
    for way in ["down", "up"] {
        let link = &told["link"][way];
        assert!(link["queue_ms"].is_number() && link["limit"].is_u64() && link["used"].is_u64(), "{told}");
    }
    let status = json("/api/v1/status");
    assert_eq!(status["refused"], serde_json::json!({ "tube_full": 1, "process_full": 0 }), "{status}");
    assert_eq!(status["admission_waiting"], 0, "{status}");
}

/// Echoes tell of the link without a flow, and follow the configuration. Where the machine permits no pings, the gateway
/// says so and goes on.
#[test]
fn a_probe_is_timed_while_nothing_flows() {
    let with = |link: &str| Setup { link: format!("{link}\n"), ..Setup::default() };
    let world = World::start(&with("probe = \"127.0.0.1\""));
    let probe = || world.scrape().find("clearway_link_probe_seconds", &[]);
    let limit = Duration::from_secs(10);
    let took = until(limit, "an echo, or a word of why there is none", || {
        let took = probe();
        (took.is_some() || world.said().contains("is not timed")).then_some(took)
    });
    let Some(took) = took else {
        let said = world.said();
        println!("no echo is tried, for the machine permits none: {said}");
        assert!(said.matches("ping_group_range").count() == 1 && said.contains("CAP_NET_RAW"), "{said}");
        return;
    };
    assert!((0.0..1.0).contains(&took), "{took} s to this machine and back");
    let queue = world.scrape().value("clearway_link_queue_seconds", &[("direction", "down")]);
    assert!((0.0..0.1).contains(&queue), "{queue} s of queue where nothing flows");
    let told = fetch(world.admin(), "/api/v1/tubes").text();
    assert!(told.contains("\"probe_ms\":") && !told.contains("\"probe_ms\":null"), "{told}");

    world.reload(&with("probe = \"127.0.0.1\"\nadapt = false"));
    until(limit, "the echoes to cease", || probe().is_none().then_some(()));
    world.reload(&with("probe = \"127.0.0.2\""));
    until(limit, "another probe to be timed", probe);
    world.reload(&with(""));
    until(limit, "the echoes to cease", || probe().is_none().then_some(()));
    assert!(!world.said().contains("is not timed"), "{}", world.said());
}

#[test]
fn health_and_status_are_there() {
    let world = World::start(&Setup::default());
    for path in ["/healthz", "/readyz", "/"] {
        assert_eq!(fetch(world.admin(), path).status, 200, "{path}");
    }
    assert_eq!(fetch(world.admin(), "/nothing-here").status, 404);
    for path in ["/api/v1/status", "/api/v1/tubes"] {
        let answer = fetch(world.admin(), path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.head.field("content-type").unwrap_or_default().starts_with("application/json"), "{path}");
        let value: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(value.is_object() || value.is_array(), "{path}: {value}");
    }
    let status = fetch(world.admin(), "/api/v1/status").text();
    assert!(status.contains(&world.proxy().to_string()), "the status names the bound listener: {status}");
    let ran = world.command("status").ok();
    assert!(ran.text().contains("staff") && ran.text().contains("internet"), "{}", ran.text());
    let link = ran.text().lines().filter(|line| line.contains("100 Gbit/s") && line.ends_with("0 ms")).count();
    assert_eq!(link, 2, "the link each way: {}", ran.text());
    // The command tells what the API does.
    let told = clearway(&["status", "--json", "-c", world.file().to_str().unwrap()]).ok().text();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let tubes: serde_json::Value = serde_json::from_slice(&fetch(world.admin(), "/api/v1/tubes").body).unwrap();
    assert_eq!((&told["link"], &told["tubes"]), (&tubes["link"], &tubes["tubes"]), "{told}");
    assert_eq!(told["status"]["refused"], serde_json::json!({ "tube_full": 0, "process_full": 0 }), "{told}");
}
