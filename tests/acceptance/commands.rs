//! The commands on the contract's example files, on those that are shipped, and on a file with eight mistakes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::world::gateway::{clearway, program};
use crate::world::setup::{NEWS, SOCIAL};
use crate::world::{Setup, Wire, World, tool};

/// The contract's example; the tests read it where it stands.
fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/example/clearway.toml")
}

fn on_example(command: &str, rest: &[&str]) -> tool::Ran {
    let file = example();
    let mut args = vec![command, "-c", file.to_str().unwrap()];
    args.extend_from_slice(rest);
    clearway(&args)
}

/// The line, from 1, on which a text first stands.
fn line_of(text: &str, wanted: &str) -> u64 {
    text.lines().position(|line| line.contains(wanted)).unwrap_or_else(|| panic!("no {wanted:?}")) as u64 + 1
}

#[test]
fn the_contracts_example_is_right() {
    let ran = on_example("check", &[]).ok();
    assert!(ran.text().contains("no errors"), "{}{}", ran.text(), ran.stderr);
    let ran = on_example("check", &["--json"]).ok();
    for line in ran.text().lines() {
        let problem: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(problem["severity"], "warning", "{line}");
        for field in ["file", "line", "column", "message", "hint"] {
            assert!(problem.get(field).is_some(), "no {field} in {line}");
        }
    }
}

#[test]
fn the_examples_two_tests_pass() {
    passes(&on_example("test", &[]), 2);
}

/// A line a test, each of which passed, and their count.
#[track_caller]
fn passes(ran: &tool::Ran, tests: usize) {
    assert_eq!(ran.code, Some(0), "{}{}", ran.text(), ran.stderr);
    let text = ran.text();
    let lines: Vec<&str> = text.lines().collect();
    let (count, each) = lines.split_last().expect("a count");
    assert_eq!(*count, format!("{tests} passed, 0 failed"));
    assert_eq!(each.len(), tests, "{text}");
    assert!(each.iter().all(|line| line.starts_with("ok ")), "{text}");
}

#[test]
fn what_is_shipped_has_no_mistake_one_true_warning_and_passes_its_own_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let file = folder.join("clearway.toml");
    let ran = clearway(&["check", "-c", file.to_str().unwrap(), "--json"]).ok();
    let problems: Vec<serde_json::Value> = ran.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [warning] = problems.as_slice() else { panic!("one warning: {problems:#?}") };
    assert_eq!(warning["severity"], "warning");
    assert_eq!(warning["file"], folder.join("lists/clinical.txt").to_str().unwrap());
    assert_eq!(warning["message"], "a list of the clinical category `clinical` has no entry");
    let policy = std::fs::read_to_string(folder.join("policy.toml")).unwrap();
    let tests = policy.lines().filter(|line| line.starts_with("[[test]]")).count();
    assert!(tests > 0);
    passes(&clearway(&["test", "-c", file.to_str().unwrap()]), tests);
}

#[test]
fn a_test_that_fails_says_so_by_its_exit() {
    let dir = tempfile::tempdir().unwrap();
    copy_example(dir.path());
    let policy = dir.path().join("policy.toml");
    let text = std::fs::read_to_string(&policy).unwrap().replace("10:00\"\nexpect", "12:30\"\nexpect");
    std::fs::write(&policy, text).unwrap();
    let file = dir.path().join("clearway.toml");
    let ran = clearway(&["test", "-c", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.text(), ran.stderr);
}

#[test]
fn explain_names_the_rule_the_file_the_line_and_the_tube() {
    let policy = std::fs::read_to_string(example().with_file_name("policy.toml")).unwrap();
    let ran = on_example(
        "explain",
        &["https://www.facebook.com/", "--from", "10.1.2.3", "--at", "2026-11-24 10:00", "--json"],
    );
    let told: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    for (field, value) in
        [("host", "www.facebook.com"), ("action", "block"), ("tube", "social"), ("egress", "internet")]
    {
        assert_eq!(told[field], value, "{field} in {told}");
    }
    assert_eq!(told["port"], 443);
    assert_eq!(told["rule"]["name"], "social-in-working-hours");
    // A rule stands where its table or its name stands.
    let named = line_of(&policy, "\"social-in-working-hours\"");
    assert!([named - 1, named].contains(&told["rule"]["line"].as_u64().unwrap()), "{told}");
    assert!(told["rule"]["file"].as_str().unwrap().ends_with("policy.toml"), "{told}");
    assert_eq!(told["matched"]["category"], "social-media");
    assert_eq!(told["matched"]["entry"], "facebook.com");
    assert!(told["matched"]["file"].as_str().unwrap().ends_with("policy.toml"), "{told}");
    assert_eq!(told["matched"]["line"].as_u64().unwrap(), line_of(&policy, "\"facebook.com\""), "{told}");
}

#[test]
fn explain_answers_for_other_people_times_and_lists() {
    for (target, from, at, action, tube, rule, limit) in [
        (
            "www.facebook.com",
            "10.4.1.1",
            "2026-11-24 10:00",
            "allow",
            "internet",
            "communications-team",
            Some(60_000_000),
        ),
        ("www.facebook.com", "10.1.2.3", "2026-11-24 12:30", "allow", "social", "", Some(10_000_000)),
        ("www.facebook.com", "10.1.2.3", "2026-11-24 15:00", "allow", "social", "", Some(30_000_000)),
        ("www.facebook.com", "10.1.2.3", "2026-12-25 12:30", "allow", "social", "", Some(30_000_000)),
        (
            "www.facebook.com",
            "10.4.1.1",
            "2027-04-01 10:00",
            "block",
            "social",
            "social-in-working-hours",
            Some(30_000_000),
        ),
        ("198.51.100.7:443", "10.1.2.3", "2026-11-24 12:30", "allow", "clinical", "clinical-always", None),
        ("x.malware.example", "10.1.2.3", "2026-11-24 12:30", "block", "internet", "security-blocks", Some(20_000_000)),
        (
            "cdn.example.wales.nhs.uk",
            "10.1.2.3",
            "2026-11-24 15:00",
            "allow",
            "internet",
            "clinical-always",
            Some(60_000_000),
        ),
        ("www.example.org", "10.1.2.3", "2026-11-24 12:30", "allow", "internet", "", Some(20_000_000)),
    ] {
        let ran = on_example("explain", &[target, "--from", from, "--at", at, "--json"]);
        let told: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
        assert_eq!((&told["action"], &told["tube"]), (&action.into(), &tube.into()), "{target} {from} {at}: {told}");
        assert_eq!(told["rule"]["name"].as_str().unwrap_or_default(), rule, "{target} {from} {at}: {told}");
        match limit {
            Some(down) => assert_eq!(told["limit"]["down"], down, "{target} {from} {at}: {told}"),
            None => assert_eq!(told.get("limit"), Some(&serde_json::Value::Null), "{target} {from} {at}: {told}"),
        }
    }
}

#[test]
fn explain_tells_what_a_tube_keeps_where_there_is_room_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let peak = "peak = [{ when = \"12:00-14:00\", ceiling = { down = \"1 Mbit/s\" } }]\n";
    let setup = Setup { social: Some(("8 Mbit/s".to_owned(), "4 Mbit/s".to_owned())), ..Setup::default() };
    setup.write(dir.path());
    let file = dir.path().join("clearway.toml");
    let floor = format!("[tube.social]\nfloor = {{ down = \"2 Mbit/s\" }}\n{peak}");
    std::fs::write(&file, setup.gateway_file().replace("[tube.social]\n", &floor)).unwrap();
    for (target, at, kept, words) in [
        (
            SOCIAL,
            "10:00",
            Some(2_000_000),
            "social within internet, at most 8 Mbit/s down, 4 Mbit/s up; keeps 2 Mbit/s down",
        ),
        (
            SOCIAL,
            "12:30",
            Some(1_000_000),
            "social within internet, at most 1 Mbit/s down, 4 Mbit/s up; keeps 1 Mbit/s down",
        ),
        (NEWS, "10:00", None, "internet, no ceiling of its own"),
    ] {
        let args = ["explain", target, "--at", &format!("2026-11-24 {at}"), "-c", file.to_str().unwrap()];
        let ran = clearway(&args).ok();
        assert!(ran.text().lines().any(|line| line == format!("tube      {words}")), "{}", ran.text());
        let told: serde_json::Value =
            serde_json::from_slice(&clearway(&[&args[..], &["--json"]].concat()).stdout).unwrap();
        let floor = kept.map_or(serde_json::Value::Null, |down: u64| serde_json::json!({ "down": down, "up": null }));
        assert_eq!(told["floor"], floor, "{told}");
    }
}

#[test]
fn eight_mistakes_are_eight_reports_each_at_its_place() {
    let dir = tempfile::tempdir().unwrap();
    copy_example(dir.path());
    let spoil = |name: &str, changes: &[(&str, &str)]| {
        let file = dir.path().join(name);
        let mut text = std::fs::read_to_string(&file).unwrap();
        for (right, wrong) in changes {
            assert!(text.contains(right), "{right}");
            text = text.replacen(right, wrong, 1);
        }
        std::fs::write(&file, &text).unwrap();
        text
    };
    let gateway = spoil(
        "clearway.toml",
        &[
            ("timezone  = \"Europe/London\"", "timezone  = \"Europe/Londinium\""),
            ("pseudonymise = true", "pseudonymize = true"),
            ("down = \"100 Mbit/s\"", "down = \"100 Mbps\""),
            ("within   = \"internet\"", "within   = \"internat\""),
            ("ports = [80, 443]", "ports = [80, 70000]"),
        ],
    );
    let policy = spoil(
        "policy.toml",
        &[
            ("action = \"block\"\nreason = { en = \"This", "action = \"blok\"\nreason = { en = \"This"),
            ("to     = [\"clinical\"]", "to     = [\"clinicle\"]"),
            ("when   = \"Mon-Fri 09:00-12:00\"", "when   = \"Mon-Fry 09:00-12:00\""),
        ],
    );
    let file = dir.path().join("clearway.toml");
    let ran = clearway(&["check", "-c", file.to_str().unwrap(), "--json"]);
    assert_eq!(ran.code, Some(78), "{}{}", ran.text(), ran.stderr);
    let problems: Vec<serde_json::Value> = ran.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let errors: Vec<_> = problems.iter().filter(|problem| problem["severity"] == "error").collect();
    for (name, text, wrong) in [
        ("clearway.toml", &gateway, "Europe/Londinium"),
        ("clearway.toml", &gateway, "pseudonymize"),
        ("clearway.toml", &gateway, "100 Mbps"),
        ("clearway.toml", &gateway, "internat\""),
        ("clearway.toml", &gateway, "70000"),
        ("policy.toml", &policy, "blok"),
        ("policy.toml", &policy, "clinicle"),
        ("policy.toml", &policy, "Mon-Fry"),
    ] {
        let line = line_of(text, wrong);
        let column = text.lines().nth(line as usize - 1).unwrap().find(wrong).unwrap() as u64 + 1;
        let found = errors.iter().any(|problem| {
            let at = problem["column"].as_u64().unwrap();
            // A string's place is its first letter or its quote.
            problem["file"].as_str().unwrap().ends_with(name)
                && problem["line"] == line
                && (at == column || at + 1 == column)
                && problem["hint"].as_str().is_some_and(|hint| !hint.is_empty())
        });
        assert!(found, "{wrong} at {name}:{line}:{column} is not among {errors:#?}");
    }
    assert_eq!(errors.len(), 8, "{errors:#?}");
    let ran = clearway(&["check", "-c", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(78));
    assert!(format!("{}{}", ran.text(), ran.stderr).contains("Europe/Londinium"), "the excerpt is shown");
}

/// The usual place of a machine where the files were installed, and a user that may not look into it.
#[test]
fn who_may_not_look_into_the_gateways_folder_is_told_so_and_what_to_do() {
    let script = "mount -t tmpfs none /etc && mkdir -m 750 /etc/clearway && touch /etc/clearway/clearway.toml && cd / && \
                  exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$0\" check";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]).arg(program());
    let ran = tool::run(&mut command, Duration::from_secs(60));
    assert_eq!(ran.code, Some(78), "{}", ran.stderr);
    assert!(ran.stderr.contains("cannot read \"/etc/clearway/clearway.toml\": this user may not read it"), "{ran:?}");
    assert!(ran.stderr.contains("root may read it: `sudo clearway check`"), "{ran:?}");
}

#[test]
fn explain_says_what_becomes_of_a_name_whose_address_is_denied() {
    let setup = Setup { deny: vec!["127.0.0.0/8".to_owned()], ..Setup::default() };
    let world = World::start(&setup);
    assert_eq!(Wire::connect(world.proxy()).get(&format!("http://{NEWS}/")).status, 403);
    let told = world.command(&format!("explain {NEWS} --json")).ok();
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!((&told["action"], &told["reason"]), (&"block".into(), &"address-denied".into()), "{told}");
    let told = world.command(&format!("explain {NEWS}")).ok().text();
    let row = "action    block ([guard] deny: [dns] hosts has it at 127.0.0.1)";
    assert!(told.lines().any(|line| line == row), "{told}");
    assert_eq!(world.command(&format!("explain {NEWS} --quiet")).code, Some(1));
    // One address that may be dialled is enough, and a parent looks names up itself.
    let mut other = setup.clone();
    other.hosts.retain(|(name, _)| name != NEWS);
    let text = other.gateway_file();
    for text in [
        text.replace("hosts = { ", &format!("hosts = {{ {NEWS:?} = [\"127.0.0.1\", \"192.0.2.1\"], ")),
        setup.gateway_file().replace("[egress.internet]\n", "[egress.internet]\nparent = \"http://192.0.2.9:8080\"\n"),
    ] {
        std::fs::write(world.file(), &text).unwrap();
        assert_eq!(world.command(&format!("explain {NEWS} --quiet")).code, Some(0), "{text}");
    }
}

#[test]
fn wrong_usage_is_exit_two() {
    for args in [&["no-such-command"][..], &["explain"], &["check", "--no-such-flag"]] {
        assert_eq!(clearway(args).code, Some(2), "{args:?}");
    }
}

fn copy_example(into: &Path) {
    let from = example().parent().unwrap().to_path_buf();
    std::fs::create_dir_all(into.join("lists")).unwrap();
    for name in ["clearway.toml", "policy.toml", "lists/malware.txt"] {
        std::fs::copy(from.join(name), into.join(name)).unwrap();
    }
}
