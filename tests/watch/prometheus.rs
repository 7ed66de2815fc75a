//! A real Prometheus of the test's own, with the files that are shipped.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::world::metrics::fetch;
use crate::world::until;

/// What is shipped.
pub fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

/// A shipped file.
pub fn shipped(path: &str) -> String {
    std::fs::read_to_string(deploy().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Between two scrapes, and two looks at the rules: what a quarter of a minute is to a Prometheus that nobody waits for.
const EVERY: &str = "500ms";

/// A running one. Killed when dropped.
pub struct Prometheus {
    _dir: tempfile::TempDir,
    process: Child,
    address: SocketAddr,
}

impl Prometheus {
    /// Starts it with the shipped configuration: but for a target of the test's own and the shorter interval, it is what an
    /// operator has.
    #[track_caller]
    pub fn start(target: SocketAddr, rules: &str) -> Prometheus {
        let dir = tempfile::tempdir().unwrap();
        let config = shipped("prometheus/prometheus.yml");
        let ours = config
            .replace("127.0.0.1:9128", &target.to_string())
            .replace("_interval: 15s", &format!("_interval: {EVERY}"));
        assert_eq!(ours.matches(EVERY).count(), 2, "{ours}");
        assert!(ours.contains(&target.to_string()), "{ours}");
        std::fs::write(dir.path().join("prometheus.yml"), ours).unwrap();
        std::fs::write(dir.path().join("clearway.rules.yml"), rules).unwrap();
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let mut process = Command::new("prometheus")
            .arg(format!("--config.file={}", dir.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("prometheus does not start: {error}; run deploy/test-deps"));
        let address = until(Duration::from_secs(30), "Prometheus to listen", || {
            if let Some(status) = process.try_wait().unwrap() {
                let said = std::fs::read_to_string(dir.path().join("log")).unwrap_or_default();
                panic!("Prometheus ended at its start: {status}\n{said}");
            }
            listens_on(process.id())
        });
        let started = Prometheus { _dir: dir, process, address };
        until(Duration::from_secs(30), "Prometheus to be ready", || {
            (fetch(address, "/-/ready").status == 200).then_some(())
        });
        started
    }

    /// Asks its API, and gives the data of an answer that went well.
    #[track_caller]
    pub fn ask(&self, path: &str) -> Value {
        let answer = fetch(self.address, path);
        let told: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(told["status"], "success", "{path}: {told}");
        told["data"].clone()
    }

    /// What an expression gives at a moment, in seconds since 1970: the labels of each series, and its value.
    #[track_caller]
    pub fn query(&self, expression: &str, at: f64) -> Vec<(Value, f64)> {
        let data = self.ask(&format!("/api/v1/query?query={}&time={at:.3}", encoded(expression)));
        let series = data["result"].as_array().unwrap_or_else(|| panic!("{expression}: no vector in {data}"));
        series.iter().map(|one| (one["metric"].clone(), one["value"][1].as_str().unwrap().parse().unwrap())).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The address a process listens on; it was asked for any port, and its log does not say which it got.
fn listens_on(pid: u32) -> Option<SocketAddr> {
    let sockets: Vec<String> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .ok()?
        .filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok()?.to_str().map(str::to_owned))
        .filter_map(|link| Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // 0A is LISTEN; the tenth field is the socket's number (proc(5)).
        let ours = fields[3] == "0A" && sockets.iter().any(|socket| socket == fields[9]);
        let port = u16::from_str_radix(fields[1].split_once(':')?.1, 16).ok()?;
        ours.then(|| SocketAddr::from(([127, 0, 0, 1], port)))
    })
}

/// As it stands in a URL.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
