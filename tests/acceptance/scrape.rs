//! The admin listener: what Prometheus and people read, also while the data plane is busy.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::world::load::{Meter, Sink, Tunnel, Way, runtime};
use crate::world::metrics::fetch;
use crate::world::setup::{BLOCKED, NEWS};
use crate::world::{Answer, Origin, Setup, Wire, World, tool};

/// The one thing promtool's style check says of these names: they count bits, as links are sold. The names are the
/// contract's.
const IN_BITS: [&str; 2] = ["clearway_tube_limit_bits_per_second", "clearway_tube_used_bits_per_second"];

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
        "clearway_tube_limit_bits_per_second",
        "clearway_tube_used_bits_per_second",
        "clearway_reloads_total",
        "clearway_list_entries",
        "clearway_list_rejected_lines",
        "clearway_list_age_seconds",
        "clearway_journal_dropped_total",
        "process_resident_memory_bytes",
    ] {
        // The lists' metrics have no series in a world without lists.
        let there = text.contains(&format!("# TYPE {name} ")) || name.starts_with("clearway_list_");
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
}
