//! What is counted, as a scrape shows it.

use super::*;
use crate::base::{CategoryId, Reason, Side};

fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn known() -> Known {
    Known {
        generation: 3,
        listeners: vec![ListenerId::from("staff")],
        routes: vec![(CategoryId::from("social-media"), TubeId::from("social"))],
        actions: vec!["allow", "block"],
        tubes: vec![TubeId::from("clinical"), TubeId::from("social")],
        rules: vec![RuleId::from("security-blocks")],
        blocking: vec![Some(RuleId::from("security-blocks")), None],
        watching: vec![RuleId::from("trial")],
        exceptions: vec![(RuleId::from("security-blocks"), "2027-04-01T00:00:00+01:00".parse().unwrap())],
        egresses: vec![EgressId::from("internet")],
        lists: vec![ListFacts {
            category: CategoryId::from("malware"),
            list: "lists/malware.txt".into(),
            entries: 7,
            rejected: 1,
            refused: true,
            modified: Some("2026-11-24T11:00:00Z".parse().unwrap()),
            fetched: Some(FetchFacts {
                refresh: Duration::from_secs(600),
                asked: Some("2026-11-24T11:30:00Z".parse().unwrap()),
            }),
        }],
    }
}

#[test]
fn everything_the_configuration_makes_possible_is_there_at_zero() {
    let meter = Meter::new().unwrap();
    meter.know(known());
    let text = meter.encode(now());
    for line in [
        concat!("clearway_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        "clearway_config_generation 3",
        r#"clearway_flows_total{action="block",category="social-media",listener="staff",tube="social"} 0"#,
        r#"clearway_flows_total{action="none",category="none",listener="staff",tube="none"} 0"#,
        r#"clearway_flows_open{tube="clinical"} 0"#,
        r#"clearway_flow_ends_total{reason="blocked",side="policy",tube="social"} 0"#,
        r#"clearway_flow_ends_total{reason="slow-head",side="client",tube="none"} 0"#,
        r#"clearway_rule_hits_total{rule="default"} 0"#,
        r#"clearway_rule_hits_total{rule="security-blocks"} 0"#,
        r#"clearway_blocked_total{rule="security-blocks"} 0"#,
        r#"clearway_blocked_total{rule="default"} 0"#,
        r#"clearway_rule_watched_total{otherwise="no",rule="trial"} 0"#,
        r#"clearway_rule_watched_total{otherwise="yes",rule="trial"} 0"#,
        r#"clearway_bytes_total{direction="down",tube="clinical"} 0"#,
        r#"clearway_connect_seconds_count{tube="clinical"} 0"#,
        r#"clearway_first_byte_seconds_count{tube="clinical"} 0"#,
        r#"clearway_flow_seconds_bucket{tube="social",le="+Inf"} 0"#,
        r#"clearway_tube_wait_seconds_bucket{direction="up",tube="social",le="0.001"} 0"#,
        r#"clearway_tube_admission_seconds_count{tube="social"} 0"#,
        r#"clearway_reloads_total{result="applied"} 0"#,
        r#"clearway_reloads_total{result="refused"} 0"#,
        r#"clearway_list_entries{category="malware",list="lists/malware.txt"} 7"#,
        r#"clearway_list_rejected_lines{category="malware",list="lists/malware.txt"} 1"#,
        r#"clearway_list_age_seconds{category="malware",list="lists/malware.txt"} 3600"#,
        r#"clearway_list_refresh_seconds{category="malware",list="lists/malware.txt"} 600"#,
        r#"clearway_list_fetch_age_seconds{category="malware",list="lists/malware.txt"} 1800"#,
        "clearway_journal_dropped_total 0",
        "clearway_config_last_reload_successful 1",
        r#"clearway_exception_expires_timestamp_seconds{rule="security-blocks"} 1806534000"#,
        r#"clearway_egress_failing_hosts{egress="internet"} 0"#,
        r#"clearway_egress_connects_total{egress="internet",result="made"} 0"#,
    ] {
        assert!(text.lines().any(|have| have == line), "{line}\n{text}");
    }
    assert!(text.contains("\nprocess_resident_memory_bytes "));
}

#[test]
fn a_reload_takes_what_is_gone_from_the_gauges_but_not_from_the_counters() {
    let meter = Meter::new().unwrap();
    meter.know(known());
    let social = TubeId::from("social");
    meter.tube_reading(&social, Direction::Down, Some(30_000_000), 12);
    meter.tube(&social).moved(Direction::Down, 5, Duration::ZERO);
    meter.tube(&social).entered();
    meter.know(Known { tubes: vec![TubeId::from("clinical")], ..Known::default() });
    meter.tube_reading(&social, Direction::Down, None, 12);
    let text = meter.encode(now());
    assert!(!text.contains(r#"limit_bits_per_second{direction="down",tube="social"}"#));
    assert!(!text.contains("clearway_list_entries{"));
    assert!(text.contains(r#"clearway_bytes_total{direction="down",tube="social"} 5"#));
    assert!(text.contains(r#"clearway_flows_open{tube="social"} 1"#), "a flow is still in it");
    meter.tube(&social).left();
    assert!(!meter.encode(now()).contains(r#"clearway_flows_open{tube="social"}"#));
}

#[test]
fn a_tube_without_limit_reads_as_infinite() {
    let meter = Meter::new().unwrap();
    meter.know(known());
    meter.tube_reading(&TubeId::from("clinical"), Direction::Up, None, 1_000);
    meter.tube_reading(&TubeId::from("social"), Direction::Up, Some(4_000_000), 0);
    let text = meter.encode(now());
    assert!(text.contains("clearway_tube_limit_bits_per_second{direction=\"up\",tube=\"clinical\"} +Inf\n"));
    assert!(text.contains("clearway_tube_limit_bits_per_second{direction=\"up\",tube=\"social\"} 4000000\n"));
    assert!(text.contains("clearway_tube_used_bits_per_second{direction=\"up\",tube=\"clinical\"} 1000\n"));
}

#[test]
fn what_waits_for_admission_is_told_of_tubes_that_there_are() {
    let meter = Meter::new().unwrap();
    meter.know(known());
    let social = TubeId::from("social");
    meter.admission_reading(&social, 7);
    meter.admission_reading(&TubeId::from("of-another-time"), 8);
    meter.tube(&social).admitted(Duration::from_millis(30));
    let text = meter.encode(now());
    assert!(text.contains("clearway_tube_admission_waiting{tube=\"social\"} 7\n"), "{text}");
    assert!(!text.contains("of-another-time"), "{text}");
    assert!(text.contains("clearway_tube_admission_seconds_bucket{tube=\"social\",le=\"0.025\"} 0\n"), "{text}");
    assert!(text.contains("clearway_tube_admission_seconds_bucket{tube=\"social\",le=\"0.05\"} 1\n"), "{text}");
    meter.know(Known::default());
    assert!(!meter.encode(now()).contains("clearway_tube_admission_waiting{"));
}

#[test]
fn of_the_link_only_what_is_known_is_told() {
    let meter = Meter::new().unwrap();
    let told = |link| {
        Direction::BOTH.into_iter().for_each(|direction| meter.link_reading(direction, link));
        meter.probe_reading(link.queue);
        meter.encode(now())
    };
    let queue = Some(Duration::from_millis(12));
    let text = told(LinkLevel { queue, limit: Some(93_000_000), used: Some(95_500_000) });
    for line in [
        "clearway_link_queue_seconds{direction=\"down\"} 0.012\n",
        "clearway_link_limit_bits_per_second{direction=\"up\"} 93000000\n",
        "clearway_link_used_bits_per_second{direction=\"up\"} 95500000\n",
        "clearway_link_probe_seconds 0.012\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    for _ in 0..2 {
        let text = told(LinkLevel::default());
        assert!(text.contains("clearway_link_limit_bits_per_second{direction=\"down\"} +Inf\n"), "{text}");
        assert!(!text.contains("clearway_link_queue_seconds{"), "{text}");
        assert!(!text.contains("clearway_link_used_bits_per_second{"), "{text}");
        assert!(!text.contains("clearway_link_probe_seconds "), "{text}");
    }
}

#[test]
fn refusals_for_want_of_room_are_told_by_tube_and_in_all() {
    let meter = Meter::new().unwrap();
    meter.know(known());
    let (social, clinical) = (TubeId::from("social"), TubeId::from("clinical"));
    let tube_full = Fault::new(Side::Policy, Reason::TubeFull);
    let process_full = Fault::new(Side::Proxy, Reason::ProcessFull);
    for (tube, fault) in [
        (meter.tube(&social), tube_full),
        (meter.tube(&social), tube_full),
        (meter.tube(&social), process_full),
        (meter.tube(&social), Fault::new(Side::Policy, Reason::Blocked)),
        (meter.none(), process_full),
    ] {
        meter.flow_ended(&tube, fault, Duration::ZERO);
    }
    assert_eq!(meter.refused(&social), Refusals { tube_full: 2, process_full: 1 });
    assert_eq!(meter.refused(&clinical), Refusals::default());
    meter.blocked(None);
    meter.blocked(Some(&RuleId::from("security-blocks")));
    let told: Vec<_> = meter.refusals().into_iter().filter(|refused| refused.count > 0).collect();
    let told: Vec<_> = told.iter().map(|r| (&*r.reason, r.rule.as_deref(), r.tube.as_deref(), r.count)).collect();
    assert_eq!(
        told,
        [
            ("blocked", Some("default"), None, 1),
            ("blocked", Some("security-blocks"), None, 1),
            ("process-full", None, None, 2),
            ("tube-full", None, Some("social"), 2),
        ]
    );
    // A tube that is gone refused what it refused.
    meter.know(Known::default());
    assert_eq!(meter.refused_in_all(), Refusals { tube_full: 2, process_full: 2 });
}

#[test]
fn reloads_are_counted_by_result() {
    let meter = Meter::new().unwrap();
    for applied in [true, false, true] {
        meter.reloaded(applied);
    }
    let text = meter.encode(now());
    assert!(text.contains(r#"clearway_reloads_total{result="applied"} 2"#));
    assert!(text.contains(r#"clearway_reloads_total{result="refused"} 1"#));
    assert!(text.contains("clearway_config_last_reload_successful 1\n"));
    meter.reloaded(false);
    assert!(meter.encode(now()).contains("clearway_config_last_reload_successful 0\n"));
}

#[test]
fn ways_out_are_counted_on_and_those_that_are_gone_leave_the_gauge() {
    let meter = Meter::new().unwrap();
    meter.know(known());
    let level = |failing, made| EgressLevel {
        egress: EgressId::from("internet"),
        failing,
        connects: [("made", made), ("connect-timeout", 7)].into(),
    };
    for made in [3, 5] {
        meter.egress_reading(&level(2, made));
    }
    let text = meter.encode(now());
    assert!(text.contains("clearway_egress_failing_hosts{egress=\"internet\"} 2\n"), "{text}");
    for (result, count) in [("made", 5), ("connect-timeout", 7)] {
        let line = format!("clearway_egress_connects_total{{egress=\"internet\",result=\"{result}\"}} {count}\n");
        assert!(text.contains(&line), "{line}{text}");
    }
    meter.know(Known::default());
    meter.egress_reading(&level(2, 9));
    let text = meter.encode(now());
    assert!(!text.contains("clearway_egress_failing_hosts{"), "{text}");
    assert!(text.contains("clearway_egress_connects_total{egress=\"internet\",result=\"made\"} 5\n"), "{text}");
}

#[test]
fn peaks_turns_and_room_are_told() {
    let meter = Meter::new().unwrap();
    meter.know(known());
    meter.standing_reading(&TubeId::from("social"), 2, true);
    meter.standing_reading(&TubeId::from("of-another-time"), 3, true);
    meter.room_reading(12, 400);
    let text = meter.encode(now());
    for line in [
        "clearway_tube_peak{tube=\"social\"} 1\n",
        "clearway_tube_priority{tube=\"social\"} 2\n",
        "clearway_connections_open 12\n",
        "clearway_connections_limit 400\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    assert!(!text.contains("of-another-time"), "{text}");
}
