//! A gateway of the test's own: its files, its process, its records.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::tool::{self, Ran};
use super::turn::Turn;
use super::{Record, Scrape, Setup, until};

/// A debug build on a busy machine starts well within this.
const START: Duration = Duration::from_secs(30);

/// Where the gateway says it listens: `state/addresses.json`.
#[derive(Debug, serde::Deserialize)]
struct Addresses {
    admin: SocketAddr,
    listeners: HashMap<String, SocketAddr>,
}

/// A running gateway, in a folder of its own. Killed when dropped; what it said is shown when the test failed.
pub struct World {
    dir: tempfile::TempDir,
    process: Mutex<Child>,
    said: Arc<Mutex<String>>,
    addresses: Addresses,
    _turn: Turn,
}

/// The program under test: the one this crate builds, or another that keeps the contract (a release build, say).
pub fn program() -> PathBuf {
    std::env::var_os("CLEARWAY_BIN").map_or_else(|| env!("CARGO_BIN_EXE_clearway").into(), PathBuf::from)
}

/// Runs a command of the program to its end.
#[track_caller]
pub fn clearway(args: &[&str]) -> Ran {
    tool::run(Command::new(program()).args(args), Duration::from_secs(60))
}

impl World {
    /// Starts a gateway beside other light tests'.
    #[track_caller]
    pub fn start(setup: &Setup) -> World {
        World::begin(setup, Turn::shared())
    }

    /// Starts a gateway when no other test runs, and lets none begin.
    #[track_caller]
    pub fn alone(setup: &Setup) -> World {
        World::begin(setup, Turn::alone())
    }

    #[track_caller]
    fn begin(setup: &Setup, turn: Turn) -> World {
        let dir = tempfile::tempdir().unwrap();
        setup.write(dir.path());
        let (mut process, said) = spawn(dir.path(), setup);
        let told = dir.path().join("state/addresses.json");
        let addresses = until(START, "the gateway to say where it listens (state/addresses.json)", || {
            if let Some(status) = process.try_wait().unwrap() {
                panic!("the gateway ended at its start: {status}\n{}", said.lock().unwrap());
            }
            serde_json::from_slice(&std::fs::read(&told).ok()?).ok()
        });
        World { dir, process: Mutex::new(process), said, addresses, _turn: turn }
    }

    /// Starts a gateway that is expected to end at once; gives its exit and what it said.
    #[track_caller]
    pub fn refused(setup: &Setup) -> Ran {
        let dir = tempfile::tempdir().unwrap();
        setup.write(dir.path());
        let mut command = Command::new(program());
        command.arg("run").arg("-c").arg(dir.path().join("clearway.toml")).envs(setup.env.iter().cloned());
        tool::run(&mut command, START)
    }

    /// The folder of its files.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its gateway file.
    pub fn file(&self) -> PathBuf {
        self.dir.path().join("clearway.toml")
    }

    /// Where clients connect.
    pub fn proxy(&self) -> SocketAddr {
        self.addresses.listeners["staff"]
    }

    /// Where clients connect, as they write it.
    pub fn proxy_url(&self) -> String {
        format!("http://{}", self.proxy())
    }

    /// Where scrapers connect.
    pub fn admin(&self) -> SocketAddr {
        self.addresses.admin
    }

    /// What it said so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.lock().unwrap().id()
    }

    /// A command about it: its words, without the configuration.
    #[track_caller]
    pub fn command(&self, words: &str) -> Ran {
        let file = self.file();
        clearway(&words.split_whitespace().chain(["-c", file.to_str().unwrap()]).collect::<Vec<_>>())
    }

    /// Writes other files and has them read by the command; it must go well.
    #[track_caller]
    pub fn reload(&self, setup: &Setup) -> Ran {
        setup.write(self.dir());
        self.command("reload").ok()
    }

    /// Has it replaced by a program that was installed meanwhile; gives the new process.
    #[track_caller]
    pub fn upgrade(&self) -> u32 {
        replace_program(self.dir());
        let said = self.command("upgrade").ok().text();
        let pid = said.strip_prefix("upgraded: process ").and_then(|rest| rest.split(' ').next());
        pid.and_then(|pid| pid.parse().ok()).unwrap_or_else(|| panic!("no process in {said:?}"))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process.lock().unwrap()), signal).unwrap();
    }

    /// Its exit, if it has ended.
    pub fn exit(&self) -> Option<ExitStatus> {
        self.process.lock().unwrap().try_wait().unwrap()
    }

    /// Waits for its exit.
    #[track_caller]
    pub fn ended(&self, limit: Duration) -> ExitStatus {
        until(limit, "the gateway to end", || self.exit())
    }

    /// A scrape of its metrics.
    #[track_caller]
    pub fn scrape(&self) -> Scrape {
        Scrape::take(self.admin())
    }

    /// The records written so far.
    pub fn records(&self) -> Vec<Record> {
        Record::read(&self.dir.path().join("state/access.log"))
    }

    /// Waits for a record and gives it.
    #[track_caller]
    pub fn record(&self, what: &str, wanted: impl Fn(&Record) -> bool) -> Record {
        until(Duration::from_secs(10), &format!("a record: {what}"), || self.records().into_iter().find(&wanted))
    }

    /// Drains it and gives every record it wrote: after this none can be late, so a count is exact.
    #[track_caller]
    pub fn finish(&self) -> Vec<Record> {
        self.signal(Signal::TERM);
        let status = self.ended(Duration::from_secs(30));
        assert_eq!(status.code(), Some(0), "{}", self.said());
        self.records()
    }

    /// Drains it and gives the only record it wrote.
    #[track_caller]
    pub fn only_record(&self) -> Record {
        let records = self.finish();
        assert_eq!(records.len(), 1, "{records:#?}");
        records.into_iter().next().unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let mut process = self.process.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A successor is in its group, and may be all that is left of it.
        let _ = kill_process_group(Pid::from_child(&process), Signal::KILL);
        let _ = process.wait();
        if thread::panicking() {
            eprintln!(
                "--- the gateway said\n{}---",
                self.said.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
            );
        }
    }
}

/// Puts a file of its own in the program's place, as a package does: another inode by the same name.
fn replace_program(dir: &Path) {
    place_program(&std::fs::read(program()).unwrap(), dir);
}

/// The same with this file. Another process writes it: what another thread starts meanwhile would inherit a descriptor that writes,
/// and who has one keeps everybody from running the file (execve(2), ETXTBSY).
pub fn place_program(file: &[u8], dir: &Path) {
    let fresh = dir.join("clearway.new");
    let mut install = Command::new("install");
    let mut install = install.args(["-m", "755", "/dev/stdin"]).arg(&fresh).stdin(Stdio::piped()).spawn().unwrap();
    install.stdin.take().unwrap().write_all(file).unwrap();
    assert!(install.wait().unwrap().success());
    std::fs::rename(fresh, dir.join("clearway")).unwrap();
}

fn spawn(dir: &Path, setup: &Setup) -> (Child, Arc<Mutex<String>>) {
    if setup.own_program {
        replace_program(dir);
    }
    let program = || if setup.own_program { dir.join("clearway") } else { program() };
    let mut command = match setup.descriptors {
        None => Command::new(program()),
        Some(most) => {
            let mut command = Command::new("sh");
            command.arg("-c").arg(format!("ulimit -n {most} && exec \"$0\" \"$@\"")).arg(program());
            command
        }
    };
    let mut process = command
        .arg("run")
        .arg("-c")
        .arg(dir.join("clearway.toml"))
        .envs(setup.env.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let said = Arc::new(Mutex::new(String::new()));
    let (pipe, heard) = (process.stderr.take().unwrap(), Arc::clone(&said));
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let mut text = heard.lock().unwrap();
            // A gateway that floods its log is shown by its first lines.
            if text.len() < 1 << 20 {
                text.push_str(&line);
                text.push('\n');
            }
        }
    });
    (process, said)
}
