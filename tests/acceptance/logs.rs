//! Where logs go: to a real journald, as a stream and by its own protocol, and to a file that is rotated.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_clearway");

const GATEWAY: &str = r#"
[gateway]
name = "gw1"
timezone = "Europe/London"
policy = "policy.toml"
[admin]
address = "127.0.0.1:0"
[[listener]]
name = "staff"
address = "127.0.0.1:0"
clients = ["127.0.0.0/8"]
[tube.clinical]
priority = 0
"#;
const POLICY: &str = "default = \"block\"\n[category.c]\ntube = \"clinical\"\ndomains = [\"wales.nhs.uk\"]\n";

/// A journald of its own, in a /run of its own; then the test's script; then everything that the journal has, as JSON.
const JOURNAL: &str = r#"
set -eu
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/log/journal
[ -s /etc/machine-id ] || { [ -e /etc/machine-id ] || touch /etc/machine-id; echo 0123456789abcdef0123456789abcdef > /run/id; mount --bind /run/id /etc/machine-id; }
/usr/lib/systemd/systemd-journald 2>/dev/null &
until [ -S /run/systemd/journal/socket ] && [ -S /run/systemd/journal/stdout ]; do sleep 0.02; done
"#;

/// Steps of a script: a gateway is there, has carried a flow, and is gone.
const STARTED: &str = "until [ -s state/addresses.json ]; do sleep 0.02; done\n\
    proxy=$(sed 's/.*\"staff\":\"\\([^\"]*\\)\".*/\\1/' state/addresses.json)\n";
const FLOW: &str = "curl -s -o /dev/null -x http://$proxy http://news.example/ || true\n";
const STOPPED: &str = "kill -TERM $gateway; wait $gateway || true\n";

/// Runs a script beside a journald; what the journal has of the gateway, an object for each entry.
fn journal(log: &str, script: &str) -> (tempfile::TempDir, Vec<Value>) {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("clearway.toml"), format!("{GATEWAY}[log]\n{log}\n")).unwrap();
    fs::write(home.path().join("policy.toml"), POLICY).unwrap();
    let script = format!("{JOURNAL}{script}\njournalctl --sync\njournalctl -o json --no-pager > journal.json\n");
    let output = Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", &script])
        .env("CLEARWAY", BINARY)
        .env_remove("RUST_LOG")
        .current_dir(home.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "this test wants root and systemd's journald: {output:?}");
    let text = fs::read_to_string(home.path().join("journal.json")).unwrap();
    let entries = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let own = entries.filter(|entry| {
        entry["SYSLOG_IDENTIFIER"].as_str().is_some_and(|identifier| identifier.starts_with("clearway"))
    });
    (home, own.collect())
}

fn find<'a>(entries: &'a [Value], message: &str) -> &'a Value {
    let has = |entry: &&Value| entry["MESSAGE"].as_str().is_some_and(|text| text.contains(message));
    entries.iter().find(has).unwrap_or_else(|| panic!("{message:?} is not in {entries:#?}"))
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn under_systemd_standard_error_reads_as_the_journal_wants_it_and_the_access_log_has_a_name_of_its_own() {
    // Newer ones do that themselves, as systemd does for a service.
    let run = "systemd-cat -t clearway sh -c 'export JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2)
        exec $CLEARWAY run -c clearway.toml' & gateway=$!\n";
    let (_, entries) = journal("access = \"journald\"", &[run, STARTED, FLOW, FLOW, STOPPED].concat());
    let admin = find(&entries, "admin: metrics, health");
    assert_eq!((&admin["PRIORITY"], &admin["_TRANSPORT"]), (&"6".into(), &"stdout".into()), "{admin:#}");
    let text = admin["MESSAGE"].as_str().unwrap();
    assert!(text.starts_with("admin: ") && !text.contains(['\u{1b}', '<']), "{text:?}");
    let access: Vec<Value> = entries
        .iter()
        .filter(|entry| entry["SYSLOG_IDENTIFIER"] == "clearway-access")
        .map(|entry| serde_json::from_str(entry["MESSAGE"].as_str().unwrap()).unwrap())
        .collect();
    assert_eq!(access.len(), 2, "{entries:#?}");
    assert!(access.iter().all(|record| record["host"] == "news.example" && record["reason"] == "blocked"));
}

#[test]
fn by_journalds_own_protocol_an_event_has_fields_and_its_level() {
    let run = "$CLEARWAY run -c clearway.toml 2>stderr & gateway=$!\n";
    let broken = "echo 'x = 1' >> policy.toml; $CLEARWAY reload -c clearway.toml >/dev/null 2>&1 || true\n";
    let (home, entries) = journal("process = \"journald\"", &[run, STARTED, broken, STOPPED].concat());
    let refused = find(&entries, "reload refused, the old plan stays in force");
    assert_eq!((&refused["PRIORITY"], &refused["_TRANSPORT"]), (&"3".into(), &"journal".into()), "{refused:#}");
    let history = find(&entries, "the history has this change");
    assert_eq!((&history["CLEARWAY_GENERATION"], &history["PRIORITY"]), (&"1".into(), &"6".into()), "{history:#}");
    assert_eq!(lines(&home.path().join("stderr")), [""; 0], "nothing is said twice");
}

#[test]
fn a_file_is_let_go_at_a_reload_and_a_level_holds_from_then_on() {
    let run = "$CLEARWAY run -c clearway.toml 2>stderr & gateway=$!\n";
    let rotate = "mv logs/process.log logs/process.log.1; sed -i 's/\"info\"/\"warn\"/' clearway.toml\n\
        $CLEARWAY reload -c clearway.toml >/dev/null 2>&1\n";
    let (home, entries) =
        journal("process = \"logs/process.log\"\nlevel = \"info\"", &[run, STARTED, rotate, STOPPED].concat());
    assert!(entries.is_empty(), "{entries:#?}");
    let before = lines(&home.path().join("logs/process.log.1"));
    assert!(before.iter().any(|line| line.contains("Z  INFO admin: metrics, health")), "{before:#?}");
    assert!(before.iter().all(|line| !line.contains('\u{1b}')));
    assert_eq!(lines(&home.path().join("logs/process.log")), [""; 0], "a reload and a drain are no warnings");
}

#[test]
fn what_cannot_go_where_it_should_goes_to_standard_error_with_the_reason() {
    let run = "touch logs; $CLEARWAY run -c clearway.toml 2>stderr & gateway=$!\n";
    let (home, _) = journal("process = \"logs/process.log\"", &[run, STARTED, FLOW, STOPPED].concat());
    let told = lines(&home.path().join("stderr")).join("\n");
    assert!(
        told.contains("ERROR [log] process: ./logs/process.log:")
            || told.contains("ERROR [log] process: logs/process.log:"),
        "{told}"
    );
    assert!(told.contains("INFO stopped"), "{told}");
}
