//! `diff`: what a change does, told before it is made, and a real log judged by both.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::world::gateway::clearway;

const OLD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/example");

/// The example with some texts of its policy changed.
fn changed(dir: &Path, changes: &[(&str, &str)]) -> String {
    fs::create_dir_all(dir.join("lists")).unwrap();
    for name in ["clearway.toml", "lists/malware.txt"] {
        fs::copy(Path::new(OLD).join(name), dir.join(name)).unwrap();
    }
    let mut policy = fs::read_to_string(Path::new(OLD).join("policy.toml")).unwrap();
    for (from, to) in changes {
        assert!(policy.contains(from), "{from}");
        policy = policy.replace(from, to);
    }
    fs::write(dir.join("policy.toml"), policy).unwrap();
    dir.display().to_string()
}

const NO_VIDEO: &str = "[[rule]]\nname = \"press-office\"\nto = [\"social-media\"]\nfrom = [\"communications\"]\n\
                        action = \"block\"\nexpires = 2027-01-31\n\n[[rule]]\nname   = \"clinical-always\"";

#[test]
fn a_change_is_told_in_rules_names_and_protected_names() {
    let dir = tempfile::tempdir().unwrap();
    let new = changed(
        dir.path(),
        &[
            ("\"Mon-Fri 09:00-12:00\"", "\"Mon-Fri 09:00-13:00\""),
            ("\"tiktok.com\"]", "\"tiktok.com\", \"reddit.com\"]"),
            ("\"nhs.net\", ", ""),
            ("[[rule]]\nname   = \"clinical-always\"", NO_VIDEO),
        ],
    );
    let told = clearway(&["diff", OLD, &new]);
    assert_eq!(told.code, Some(1), "{}", told.stderr);
    let text = told.text();
    for line in [
        "exception  press-office: block social-media for communications, always, until 2027-01-31",
        "changed    social-in-working-hours: when: Mon-Fri 09:00-13:00 instead of Mon-Fri 09:00-12:00",
        "block by rule social-in-working-hours instead of allow",
        "reddit.com",
        "tube internet instead of clinical, category other instead of clinical, by default instead of by rule clinical-always",
        "nhs.net IS NOT PROTECTED ANY MORE: category none instead of clinical",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let elsewhere = tempfile::tempdir().unwrap();
    for same in [OLD, &changed(elsewhere.path(), &[])] {
        let same = clearway(&["diff", OLD, same]);
        assert_eq!((same.code, same.text().contains("as they were")), (Some(0), true), "{}", same.text());
    }
    let object: Value = serde_json::from_str(&clearway(&["diff", OLD, &new, "--json"]).text()).unwrap();
    assert_eq!(object["names"]["protected"][0]["name"], "nhs.net");
    assert_eq!(object["rules"]["added"][0]["rule"], "press-office");
}

#[test]
fn rules_that_change_places_are_told_by_the_fewest_moves() {
    let dir = tempfile::tempdir().unwrap();
    let policy = fs::read_to_string(Path::new(OLD).join("policy.toml")).unwrap();
    let start = policy.find("[[rule]]\nname   = \"security-blocks\"").unwrap();
    let end = policy.find("[[rule]]\nname   = \"clinical-always\"").unwrap();
    let block = policy[start..end].to_owned();
    let new = changed(
        dir.path(),
        &[(&block, ""), ("[[test]]                                # clearway test", &format!("{block}[[test]]"))],
    );
    let text = clearway(&["diff", OLD, &new]).text();
    assert!(text.contains("moved      security-blocks: after social-in-working-hours instead of first"), "{text}");
    assert_eq!(text.matches("moved").count(), 1, "{text}");
}

/// A log of a working day: a record of each host from each client, the hours in turn.
fn log(path: &Path) -> Vec<Value> {
    let hosts = [
        "www.facebook.com",
        "news.example.org",
        "referrals.wales.nhs.uk",
        "x.com",
        "mail.nhs.net",
        "198.51.100.7",
        "reddit.com",
    ];
    let clients = ["10.4.1.1", "10.9.9.9", "c0ffee00"];
    let record = |number: usize| {
        let (host, client) = (hosts[number % hosts.len()], clients[number % clients.len()]);
        serde_json::json!({
            "time": format!("2026-11-24T{:02}:{:02}:30.250Z", number % 24, number % 60), "flow": format!("{number:08x}-000000"),
            "listener": "staff", "client": client, "user": null, "method": "CONNECT", "host": host, "port": 443,
            "category": "other", "tube": "internet", "rule": null, "action": "allow", "egress": "internet", "status": 200,
            "side": "client", "reason": "closed", "bytes_up": 1, "bytes_down": 2, "wait_ms": 0.0, "connect_ms": 1.0,
            "first_byte_ms": 2.0, "duration_ms": 90_250.0,
        })
    };
    let records: Vec<Value> = (0..1_000).map(record).collect();
    let mut text: String = records.iter().map(|record| format!("{record}\n")).collect();
    text.push_str("{\"time\":\"2026-11-24T");
    fs::write(path, text).unwrap();
    records
}

#[test]
fn a_replay_answers_as_explain_does_for_every_flow_at_its_own_time() {
    let dir = tempfile::tempdir().unwrap();
    let new = changed(
        dir.path(),
        &[
            ("\"Mon-Fri 09:00-12:00\"", "\"Mon-Fri 09:00-13:00\""),
            ("\"tiktok.com\"]", "\"tiktok.com\", \"reddit.com\"]"),
        ],
    );
    let path = dir.path().join("access.log");
    let records = log(&path);
    let object: Value =
        serde_json::from_str(&clearway(&["diff", OLD, &new, "--replay", path.to_str().unwrap(), "--json"]).text())
            .unwrap();
    let replay = &object["replay"];
    assert_eq!((replay["flows"].as_u64(), replay["skipped"].as_u64()), (Some(1_000), Some(1)));
    let each = clearway(&["diff", OLD, &new, "--replay", path.to_str().unwrap(), "--each"]).text();
    let each: Vec<Value> = each.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(replay["changed"].as_u64(), Some(each.len() as u64));
    assert!(!each.is_empty() && each.len() < 500, "{}", each.len());
    for record in records.iter().step_by(17) {
        // It opened a minute and a half before it ended; in November the clock on the wall is UTC.
        let ended = record["time"].as_str().unwrap();
        let opened: jiff::Timestamp =
            ended.parse::<jiff::Timestamp>().unwrap() - jiff::SignedDuration::from_millis(90_250);
        let at = opened.strftime("%Y-%m-%d %H:%M:%S").to_string();
        let explain = |side: &str| -> Value {
            let file = format!("{side}/clearway.toml");
            let mut args = vec!["explain", "-c", &file, record["host"].as_str().unwrap(), "--at", &at, "--json"];
            if let Some(client) = record["client"].as_str().filter(|client| client.starts_with("10.")) {
                args.extend(["--from", client]);
            }
            let told: Value = serde_json::from_str(&clearway(&args).text()).unwrap();
            let rule = told["rule"]["name"].as_str().unwrap_or("default").to_owned();
            serde_json::json!({ "action": told["action"], "category": told["category"], "tube": told["tube"], "rule": rule })
        };
        let (old, new) = (explain(OLD), explain(&new));
        let found = each.iter().find(|each| each["flow"] == record["flow"]);
        assert_eq!(found.is_some(), old != new, "{record}");
        if let Some(found) = found {
            assert_eq!((&found["old"], &found["new"]), (&old, &new), "{record}");
        }
    }
}
