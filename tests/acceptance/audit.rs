//! `clearway audit` on three policies: one that contradicts itself, one that is silent, and the contract's example.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::world::gateway::clearway;
use crate::world::tool::Ran;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The three policies, as folders and as a file.
fn three() -> [PathBuf; 3] {
    [fixture("audit/prohibitive"), fixture("audit/enabling"), fixture("example/clearway.toml")]
}

fn audit(files: &[PathBuf], rest: &[&str]) -> Ran {
    let files = files.iter().map(|file| file.to_str().unwrap());
    clearway(&["audit"].into_iter().chain(files).chain(rest.iter().copied()).collect::<Vec<_>>())
}

fn json(files: &[PathBuf]) -> Value {
    let ran = audit(files, &["--json"]);
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

fn policy(of: &str) -> PathBuf {
    fixture(of).join("policy.toml")
}

/// The line, from 1, of a table that holds a text.
fn table_of(policy: &Path, wanted: &str) -> u64 {
    let text = std::fs::read_to_string(policy).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.contains(wanted)).unwrap_or_else(|| panic!("no {wanted:?}"));
    lines[..=at].iter().rposition(|line| line.starts_with('[')).unwrap() as u64 + 1
}

fn row<'a>(rows: &'a Value, name: &str) -> &'a Value {
    let found = rows.as_array().unwrap().iter().find(|row| row["name"] == name);
    found.unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn everything_that_was_planted_is_found_with_its_file_and_line() {
    let told = json(&three());
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("audit.html");
    let text = audit(&three(), &["--html", out.to_str().unwrap()]).text();
    let page =
        std::fs::read_to_string(out).unwrap().replace("<wbr>", "").replace("<code>", "`").replace("</code>", "`");
    let (prohibitive, example) = (policy("audit/prohibitive"), policy("example"));
    let found = told["contradictions"].as_array().unwrap();
    for (trust, kind, file, table, service, words) in [
        ("prohibitive", "rules", &prohibitive, "\"facebook-at-lunch\"", None, "`no-facebook` (line "),
        ("prohibitive", "language", &prohibitive, "\"no-webmail\"", None, "not in Welsh"),
        ("prohibitive", "unused", &prohibitive, "[category.gambling]", None, "`gambling`"),
        (
            "prohibitive",
            "service",
            &prohibitive,
            "\"no-leisure\"",
            Some("YouTube"),
            "unlike googlevideo.com, ytimg.com",
        ),
        ("prohibitive", "care-blocked", &prohibitive, "\"no-webmail\"", Some("Outlook for work"), "at all three times"),
        (
            "prohibitive",
            "care-waits",
            &prohibitive,
            "[category.reference]",
            Some("NICE guidance"),
            "not in the clear tube",
        ),
        ("gw1", "service", &example, "\"social-in-working-hours\"", Some("X (Twitter)"), "blocked in the morning by"),
        ("gw1", "care-waits", &example, "[category.clinical]", Some("NICE guidance"), "no category has it"),
    ] {
        let place = (file.to_str().unwrap(), table_of(file, table));
        let is = |one: &&Value| {
            one["trust"] == trust
                && one["kind"] == kind
                && (one["file"].as_str().unwrap(), one["line"].as_u64().unwrap()) == place
                && one["words"].as_str().unwrap().contains(words)
                && service.is_none_or(|service| one["services"].as_array().unwrap().contains(&service.into()))
        };
        assert_eq!(found.iter().filter(is).count(), 1, "{trust} {kind} {place:?} in {found:#?}");
        assert!(text.contains(&format!("{}:{}: ", place.0, place.1)), "{place:?} in {text}");
        assert!(page.contains(&format!("{}:{}<", place.0, place.1)) && page.contains(words), "{place:?} {words}");
    }
    let of = |trust: &str| found.iter().filter(|one| one["trust"] == trust).count();
    assert_eq!((of("prohibitive"), of("enabling")), (6, 0), "and nothing else: {found:#?}");
}

#[test]
fn a_policy_that_is_silent_is_told_apart_from_one_that_allows() {
    let told = json(&three());
    for name in ["WhatsApp", "Microsoft Teams", "Zoom", "Slack", "Signal", "Telegram"] {
        let silent = row(&told["no_answer"], name)["trusts"].as_array().unwrap();
        assert!(silent.iter().any(|one| one["trust"] == "enabling" && one["action"] == "allow"), "{name}: {silent:?}");
        let answer = &row(&told["panel"], name)["answers"][1];
        assert_eq!(answer["lunch"]["words"], "no answer (allow)", "{answer}");
    }
    let silent = told["no_answer"].as_array().unwrap().iter();
    let of_enabling = silent.filter(|one| one["trusts"].as_array().unwrap().iter().any(|of| of["trust"] == "enabling"));
    assert_eq!(of_enabling.count(), 6, "of all else it speaks");
}

#[test]
fn trusts_differ_where_actions_or_kinds_of_answer_do() {
    let told = json(&three());
    let differences = told["differences"].as_array().unwrap();
    let marked = ["panel", "categories"].iter().flat_map(|of| told[of].as_array().unwrap());
    assert_eq!(marked.filter(|row| row["differs"] == true).count(), differences.len());
    for (name, times) in [
        ("Facebook", Some(&["morning", "lunch", "night"][..])),
        ("Attend Anywhere", Some(&["morning", "lunch", "night"])),
        ("social-media", Some(&["morning", "lunch", "night"])),
        ("NHSmail", None),
        ("WhatsApp", None),
        // Silent here and allowed there: staff would not notice, and silence is told by itself.
        ("BBC News", None),
    ] {
        let found = differences.iter().find(|one| one["name"] == name).map(|one| &one["times"]);
        assert_eq!(found.cloned(), times.map(|times| times.into()), "{name}");
    }
    let [prohibitive, _, example] = three();
    let instagram = row(&json(&[prohibitive, example])["differences"], "Instagram")["times"].clone();
    assert_eq!(instagram, serde_json::json!(["lunch", "night"]), "both block it in the morning");
}

#[test]
fn the_answers_are_those_of_explain() {
    let told = json(&three());
    let services = [
        "Facebook",
        "Instagram",
        "YouTube",
        "Gmail",
        "Outlook for work",
        "NHSmail",
        "NHS Spine",
        "NICE guidance",
        "WhatsApp",
        "BBC News",
        "Bet365 (gambling)",
        "NHS website for the public",
    ];
    for (at, trust) in told["trusts"].as_array().unwrap().iter().enumerate() {
        for time in ["morning", "lunch", "night"] {
            let when = trust["at"][time].as_str().unwrap();
            let local = when[..16].replace('T', " ");
            for name in services {
                let row = row(&told["panel"], name);
                let answer = &row["answers"][at];
                assert_eq!(answer["trust"], trust["name"]);
                let (host, file) = (row["host"].as_str().unwrap(), trust["file"].as_str().unwrap());
                let ran = clearway(&["explain", host, "-c", file, "--at", &local, "--json"]).ok();
                let explained: Value = serde_json::from_slice(&ran.stdout).unwrap();
                for field in ["action", "category", "tube", "limit", "rule"] {
                    assert_eq!(answer[time][field], explained[field], "{field} of {name} at {local} by {file}");
                }
                assert_eq!(explained["at"], when);
            }
        }
    }
}

#[test]
fn the_table_fits_a_terminal_and_says_a_thing_once() {
    let ran = audit(&three(), &[]);
    let text = ran.text();
    let cells = |name: &str| {
        let line = text.lines().find(|line| line.trim_start_matches("≠ ").trim_start().starts_with(name)).unwrap();
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(cells("Facebook"), ["≠ Facebook", "block", "allow (social)", "block / allow / allow"]);
    assert_eq!(cells("NHSmail"), ["NHSmail", "allow (clinical)", "allow (clinical)", "allow (clinical)"]);
    assert_eq!(cells("WhatsApp")[1], "no answer (allow)");
    for heading in ["CLINICAL ", "SOCIAL ", "CATEGORIES ", "Differences: ", "Contradictions: ", "No answer: "] {
        assert!(text.lines().any(|line| line.starts_with(heading)), "{heading}");
    }
    // Paths are as long as they are; all else keeps to the width.
    let long = text.lines().filter(|line| !line.contains(".toml")).find(|line| line.chars().count() > 100);
    assert_eq!(long, None);
    assert!(ran.stderr.is_empty(), "{}", ran.stderr);
}

#[test]
fn the_page_is_whole_escaped_and_needs_nothing_from_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("audit.html");
    let ran = audit(&three(), &["--html", out.to_str().unwrap()]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let page = std::fs::read_to_string(&out).unwrap();
    assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"));
    for trust in ["prohibitive", "enabling", "gw1"] {
        assert!(page.contains(&format!("<th scope=\"col\">{trust}</th>")), "{trust}");
        assert!(page.contains(&format!(">{trust}: ")), "{trust} has its contradictions");
    }
    assert!(
        page.contains("letters &amp; &lt;everything&gt; a patient waits for"),
        "what a policy says is shown as text"
    );
    assert!(!page.contains("<everything>"));
    for foreign in ["<script", "http://", "https://", "src=", "<link", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert_eq!(balance(&page), Vec::<String>::new());
    assert_eq!(page.matches("<table").count(), page.matches("<caption>").count(), "every table says what it is");
    assert_eq!(page.matches("<table").count(), page.matches("<thead>").count());
    let headings: Vec<u8> =
        page.match_indices("<h").filter_map(|(at, _)| page.as_bytes().get(at + 2).copied()).collect();
    let levels: Vec<u8> = headings.into_iter().filter(u8::is_ascii_digit).collect();
    assert!(levels.windows(2).all(|two| two[1] <= two[0] + 1) && levels[0] == b'1', "{levels:?}");
}

/// What is opened and not closed, or the other way round.
fn balance(page: &str) -> Vec<String> {
    let body = page.split_once("</style>").unwrap().1;
    let mut open: Vec<&str> = vec!["html", "head"];
    let mut wrong = Vec::new();
    for tag in body.split('<').skip(1) {
        let name = tag.split(['>', ' ']).next().unwrap();
        match name.strip_prefix('/') {
            Some(name) if open.last() == Some(&name) => drop(open.pop()),
            Some(name) => wrong.push(format!("</{name}> within {open:?}")),
            // It has no end.
            None if name == "wbr" => {}
            None => open.push(name),
        }
    }
    wrong.extend(open.into_iter().map(str::to_owned));
    wrong
}

#[test]
fn the_exit_says_whether_there_is_something_to_mend() {
    let [prohibitive, enabling, example] = three();
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config");
    for (files, code) in [
        (vec![shipped], 0),
        (vec![enabling.clone()], 0),
        (vec![enabling.clone(), enabling.join("clearway.toml")], 0),
        (vec![enabling.clone(), example], 1),
        (vec![prohibitive], 1),
    ] {
        let ran = audit(&files, &[]);
        assert_eq!(ran.code, Some(code), "{files:?}: {}{}", ran.text(), ran.stderr);
    }
    assert_eq!(audit(&[], &[]).code, Some(2), "it needs a file");
}

#[test]
fn gateways_of_the_same_name_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let away = dir.path().join("powys");
    std::fs::create_dir(&away).unwrap();
    for file in ["clearway.toml", "policy.toml"] {
        std::fs::copy(fixture("audit/enabling").join(file), away.join(file)).unwrap();
    }
    let [prohibitive, enabling, _] = three();
    let told = json(&[enabling.clone(), away, enabling, prohibitive]);
    let names: Vec<&Value> = told["trusts"].as_array().unwrap().iter().map(|trust| &trust["name"]).collect();
    assert_eq!(names, ["enabling in enabling", "enabling in powys", "enabling in enabling (2)", "prohibitive"]);
}

#[test]
fn a_file_with_mistakes_is_told_as_check_tells_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("clearway.toml");
    let text = std::fs::read_to_string(fixture("audit/enabling/clearway.toml")).unwrap();
    std::fs::write(&file, text.replace("Europe/London", "Europe/Londinium")).unwrap();
    std::fs::copy(policy("audit/enabling"), dir.path().join("policy.toml")).unwrap();
    let missing = dir.path().join("nowhere.toml");
    let ran = audit(&[fixture("audit/prohibitive"), dir.path().to_owned(), missing], &["--json"]);
    assert_eq!(ran.code, Some(78));
    assert!(ran.stdout.is_empty(), "no half of a comparison: {}", ran.text());
    assert!(ran.stderr.contains("Europe/Londinium") && ran.stderr.contains("nowhere.toml"), "{}", ran.stderr);
}

#[test]
fn the_policies_of_the_tests_have_no_mistake_but_what_is_planted() {
    for (name, warnings) in
        [("prohibitive", &["`gambling`", "`no-webmail`", "`facebook-at-lunch`"][..]), ("enabling", &[])]
    {
        let file = fixture("audit").join(name).join("clearway.toml");
        let ran = clearway(&["check", "-c", file.to_str().unwrap(), "--json"]).ok();
        let told: Vec<Value> = ran.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(told.len(), warnings.len(), "{told:#?}");
        for (problem, of) in told.iter().zip(warnings) {
            assert!(problem["severity"] == "warning" && problem["message"].as_str().unwrap().contains(of), "{problem}");
        }
        clearway(&["test", "-c", file.to_str().unwrap()]).ok();
    }
}
