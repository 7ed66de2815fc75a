//! A pair of gateways with one address, as `deploy/keepalived` has them: two networks of the kernel, a wire between, the real
//! keepalived and the real gateway in each.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::acceptance::{tool, until};
use crate::world::repository;

const LIMIT: Duration = Duration::from_secs(60);
/// Two looks a second apart, the three seconds after which the other takes the address, and a busy machine.
const TAKEN: Duration = Duration::from_secs(30);

const CONFIG: &str = "deploy/keepalived/keepalived.conf";

/// keepalived of Debian 12 ends itself while it checks a file, without a word, where the script's user is not root: it takes
/// itself for an orphan. Nothing else of the file depends on who that is.
fn checked(text: &str) -> String {
    text.replace("script_user nobody", "script_user root")
}

#[test]
fn keepalived_takes_the_example_and_would_not_take_a_mistake_in_it() {
    let text = checked(&fs::read_to_string(repository().join(CONFIG)).unwrap());
    for (text, code) in [(text.clone(), 0), (text.replace("nopreempt", "noprempt"), 5)] {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let check =
            "ip link add eth1 type veth peer name other; exec keepalived --config-test --log-console --use-file $0";
        let mut inside = Command::new("unshare");
        inside.args(["--net", "sh", "-ec", check]).arg(file.path());
        let ran = tool::run(&mut inside, LIMIT);
        assert_eq!(ran.code, Some(code), "{}{}", ran.text(), ran.stderr);
    }
}

/// One of the two. Whatever runs in its network ends with it.
struct Gateway {
    network: Child,
    folder: tempfile::TempDir,
    programs: Vec<Child>,
}

impl Gateway {
    fn new() -> Gateway {
        let network = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--net", "sleep", "600"])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let own = fs::read_link("/proc/self/ns/net").unwrap();
        let path = format!("/proc/{}/ns/net", network.id());
        until(LIMIT, "a network", || fs::read_link(&path).ok().filter(|network| *network != own));
        Gateway { network, folder: tempfile::tempdir().unwrap(), programs: Vec::new() }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "nsenter", &format!("--net=/proc/{}/ns/net", self.network.id()), program]);
        command
    }

    #[track_caller]
    fn sh(&self, script: &str) -> tool::Ran {
        tool::run(self.command("sh").args(["-ec", script]), LIMIT)
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn start(&mut self, mut command: Command, log: &str) {
        let log = fs::File::create(self.file(log)).unwrap();
        self.programs.push(command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
    }

    /// Starts the program under test, as shipped but for where it listens and who may come.
    fn start_clearway(&mut self) {
        let shipped = repository().join("config");
        let copied = Command::new("cp").arg("-rT").arg(shipped).arg(self.folder.path()).status().unwrap();
        assert!(copied.success());
        let text = fs::read_to_string(self.file("clearway.toml")).unwrap();
        let text =
            text.replace("\"127.0.0.1:3128\"", "\"0.0.0.0:3128\"").replace("[\"127.0.0.0/8\"", "[\"10.0.0.0/8\"");
        fs::write(self.file("clearway.toml"), text).unwrap();
        let mut run = self.command(env!("CARGO_BIN_EXE_clearway"));
        run.args(["run", "-c", &self.file("clearway.toml")]);
        self.start(run, "clearway.log");
        until(LIMIT, "a gateway that is ready", || {
            (self.sh("curl --silent --fail -o /dev/null http://127.0.0.1:9128/readyz || exit 1").code == Some(0))
                .then_some(())
        });
    }

    /// Starts keepalived with the example, as its comments say to change it.
    fn start_keepalived(&mut self, own: &str, other: &str) {
        let text = fs::read_to_string(repository().join(CONFIG)).unwrap();
        let text = text.replace("10.1.1.12", "OTHER").replace("10.1.1.11", own).replace("OTHER", other);
        fs::write(self.file("keepalived.conf"), text).unwrap();
        let mut run = self.command("keepalived");
        run.args([
            "--dont-fork",
            "--log-console",
            "--log-detail",
            "--vrrp",
            "--use-file",
            &self.file("keepalived.conf"),
        ]);
        run.args(["--pid", &self.file("pid"), "--vrrp_pid", &self.file("vrrp")]);
        self.start(run, "keepalived.log");
    }

    fn has_the_address(&self) -> bool {
        self.sh("ip -4 address show dev eth1").text().contains("10.1.1.10/24")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for log in ["clearway.log", "keepalived.log"] {
                eprintln!("{log}:\n{}", fs::read_to_string(Path::new(&self.file(log))).unwrap_or_default());
            }
        }
        // Asked to end, so that keepalived ends its children with it; who does not within the bound is made to.
        for mut program in self.programs.drain(..).rev() {
            let _ = kill_process(Pid::from_child(&program), Signal::TERM);
            let ended = (0..100).any(|_| {
                std::thread::sleep(Duration::from_millis(100));
                program.try_wait().is_ok_and(|status| status.is_some())
            });
            if !ended {
                let _ = program.kill();
                let _ = program.wait();
            }
        }
        let _ = self.network.kill();
        let _ = self.network.wait();
    }
}

#[test]
fn when_one_of_a_pair_dies_the_other_has_the_address_and_keeps_it() {
    let (mut one, mut other) = (Gateway::new(), Gateway::new());
    let wire =
        format!("ip link add eth1 netns {} type veth peer name eth1 netns {}", one.network.id(), other.network.id());
    tool::run(Command::new("sh").args(["-ec", &wire]), LIMIT).ok();
    for (gateway, address) in [(&one, "10.1.1.11"), (&other, "10.1.1.12")] {
        gateway.sh(&format!("ip address add {address}/24 dev eth1; ip link set eth1 up; ip link set lo up")).ok();
    }
    one.start_clearway();
    other.start_clearway();
    one.start_keepalived("10.1.1.11", "10.1.1.12");
    until(TAKEN, "the address at the first of the pair", || one.has_the_address().then_some(()));
    other.start_keepalived("10.1.1.12", "10.1.1.11");

    // Through the address that staff know, from the other's side of the wire: answered by the gateway, with its reason.
    let asked = "curl --silent -m 20 -o /dev/null -w '%{http_code}' -x http://10.1.1.10:3128 http://127.0.0.1/ || true";
    assert_eq!(other.sh(asked).text(), "403");
    assert!(!other.has_the_address());
    let mut gateway = one.programs.remove(0);
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    until(TAKEN, "the address at the other", || (other.has_the_address() && !one.has_the_address()).then_some(()));
    assert_eq!(one.sh(asked).text(), "403");

    // The first comes back, is found well, and takes nothing.
    one.start_clearway();
    let log = one.file("keepalived.log");
    until(TAKEN, "the first to be found well", || {
        let text = fs::read_to_string(&log).unwrap();
        text.rfind("succeeded").filter(|well| text.rfind("failed").is_some_and(|ill| ill < *well))
    });
    assert!(other.has_the_address() && !one.has_the_address());
}
