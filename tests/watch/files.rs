//! The files that are shipped: promtool accepts them, and each alert has its page.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use crate::prometheus::{deploy, shipped};
use crate::world::tool;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn promtool_accepts_rules_their_tests_and_the_example_of_a_configuration() {
    for (what, file) in [
        (&["check", "rules"], "clearway.rules.yml"),
        (&["check", "config"], "prometheus.yml"),
        (&["test", "rules"], "clearway.rules.test.yml"),
    ] {
        let mut promtool = Command::new("promtool");
        promtool.args(what).arg(file).current_dir(deploy().join("prometheus"));
        let ran = tool::run(&mut promtool, LIMIT);
        assert_eq!(ran.code, Some(0), "{file}\n{}\n{}", ran.text(), ran.stderr);
    }
}

/// The names after `key` in the rules.
fn named(rules: &str, key: &str) -> BTreeSet<String> {
    rules.lines().filter_map(|line| line.trim().strip_prefix(key)).map(|rest| rest.trim().to_owned()).collect()
}

#[test]
fn each_alert_has_a_page_tests_of_its_own_and_a_severity_that_is_explained() {
    let rules = shipped("prometheus/clearway.rules.yml");
    let tests = shipped("prometheus/clearway.rules.test.yml");
    let alerts = named(&rules, "- alert:");
    assert!(alerts.len() >= 10, "{alerts:?}");
    for alert in &alerts {
        assert!(tests.contains(&format!("alertname: {alert}\n        exp_alerts: []")), "{alert} is never seen silent");
        assert!(tests.contains(&format!("alertname: {alert}\n        exp_alerts:\n")), "{alert} is never seen firing");
    }
    let pages = named(&rules, "runbook:");
    for page in &pages {
        let name = page.strip_prefix("deploy/").unwrap_or_else(|| panic!("{page} is no path of this repository"));
        let text = shipped(name);
        for part in ["## What it means", "## See it", "## Causes", "## Over when"] {
            assert!(text.contains(part), "{page} has no `{part}`");
        }
    }
    let told: BTreeSet<String> = std::fs::read_dir(deploy().join("alerts"))
        .unwrap()
        .map(|file| format!("deploy/alerts/{}", file.unwrap().file_name().to_str().unwrap()))
        .filter(|page| !page.ends_with("README.md"))
        .collect();
    assert_eq!(told, pages, "a page that no alert names, or the reverse");
    for severity in named(&rules, "labels: { severity:") {
        let word = severity.trim_end_matches([' ', '}']);
        assert!(["critical", "warning", "info"].contains(&word), "{severity}");
    }
}
