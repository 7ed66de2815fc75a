//! The files that are shipped: promtool accepts them, and each alert has its page.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use crate::prometheus::{deploy, shipped};
use crate::world::gateway::clearway;
use crate::world::tool;

/// The rules' tests take six seconds of a processor.
const LIMIT: Duration = Duration::from_secs(180);

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

/// The blocks of a language in a page.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

fn pages() -> Vec<(String, String)> {
    let files = std::fs::read_dir(deploy().join("alerts")).unwrap().map(|file| file.unwrap().path());
    files.map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap())).collect()
}

#[test]
fn every_query_and_command_of_a_page_can_be_typed_as_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let (mut rules, mut commands) = ("groups:\n  - name: pages\n    rules:\n".to_owned(), BTreeSet::new());
    for (page, text) in pages() {
        for (number, query) in blocks(&text, "promql").iter().enumerate() {
            let name = page.rsplit('/').next().unwrap().trim_end_matches(".md");
            rules += &format!("      - record: {name}:query{number}\n        expr: |\n          {}\n", query.trim());
        }
        for line in blocks(&text, "sh").iter().flat_map(|block| block.lines()).flat_map(|line| line.split("&&")) {
            if let Some(words) = line.trim().strip_prefix("clearway ") {
                commands.insert(words.split(' ').next().unwrap().to_owned());
            }
        }
    }
    std::fs::write(dir.path().join("pages.yml"), &rules).unwrap();
    let ran = tool::run(Command::new("promtool").args(["check", "rules", "pages.yml"]).current_dir(dir.path()), LIMIT);
    assert_eq!(ran.code, Some(0), "{}\n{}\n{rules}", ran.text(), ran.stderr);
    assert!(commands.len() >= 4, "{commands:?}");
    for command in commands {
        clearway(&[&command, "--help"]).ok();
    }
}

/// Every metric of ours that rules, dashboard or pages name is one that the gateway has. `scrape` is of one in which all there
/// is to count has happened.
pub fn names_are_known(scrape: &str) {
    let mut texts = pages();
    for file in ["prometheus/clearway.rules.yml", "grafana/clearway.json"] {
        texts.push((file.to_owned(), shipped(file)));
    }
    for (file, text) in texts {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let names = text.split(|c| !word(c)).filter(|name| name.starts_with("clearway_"));
        // What the rules themselves record stands behind a colon.
        let recorded = ["clearway_slow", "clearway_flows_answered"];
        for name in names.filter(|name| !recorded.contains(name)) {
            let bare = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            let known = [name, bare].iter().any(|name| scrape.contains(&format!("# TYPE {name} ")));
            // No probe is named in any test of this program.
            assert!(known || name == "clearway_link_probe_seconds", "{file}: the gateway has no {name}");
        }
    }
}
