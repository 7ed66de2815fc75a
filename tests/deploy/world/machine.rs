//! A Debian machine with a systemd of its own, in namespaces, beside this one: it has its own processes, network and control
//! groups, and what it writes is in memory. When its test ends, however it ends, the kernel takes all of it away.

use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use super::{repository, shared};
use crate::acceptance::{tool, until};

/// Making the root downloads some 80 MB, once.
const ROOT: Duration = Duration::from_secs(300);
/// It takes a second; this machine may be busy.
const BOOT: Duration = Duration::from_secs(60);
/// No step of a test takes longer in it.
const STEP: Duration = Duration::from_secs(120);

/// A wire between a machine and this one.
#[derive(Clone)]
pub struct Wire {
    name: String,
    /// The machine's address on it.
    pub address: Ipv4Addr,
    /// The other end's, here.
    pub outside: Ipv4Addr,
}

impl Wire {
    /// What TCP has carried out of the machine by it so far, without heads: Ethernet's 14 octets, IPv4's 20, TCP's 32 with its
    /// times. The device counts what was cut into segments later as one packet with one head.
    pub fn carried(&self) -> u64 {
        let count = |what: &str| -> u64 {
            let text = std::fs::read_to_string(format!("/sys/class/net/{}/statistics/rx_{what}", self.name)).unwrap();
            text.trim().parse().unwrap()
        };
        let packets = count("packets");
        count("bytes").saturating_sub(packets * 66)
    }
}

/// A machine.
pub struct Machine {
    boot: Child,
    init: u32,
    group: String,
    first: Option<Wire>,
    _turn: Turn,
}

/// Machines run side by side, but for one that measures.
static TURNS: RwLock<()> = RwLock::new(());

#[allow(dead_code)] // Held for what it keeps others from.
enum Turn {
    Beside(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

impl Machine {
    /// Boots one, and waits until its systemd is done with that.
    pub fn boot() -> Machine {
        Machine::start(Turn::Beside(TURNS.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// The same, while no other of these tests has one.
    pub fn boot_alone() -> Machine {
        Machine::start(Turn::Alone(TURNS.write().unwrap_or_else(PoisonError::into_inner)))
    }

    fn start(turn: Turn) -> Machine {
        static COUNT: AtomicU16 = AtomicU16::new(0);
        assert!(
            rustix::process::geteuid().is_root(),
            "these tests boot a Debian machine in namespaces: run them as root, or with sudo -E"
        );
        let (count, process) = (COUNT.fetch_add(1, Ordering::Relaxed), std::process::id());
        let group = format!("clearway-test-{process}-{count}");
        // It ends with the thread that runs the test, however that ends.
        let mut boot = Command::new("setpriv");
        boot.args(["--pdeathsig", "KILL", "unshare", "--mount", "--kill-child=SIGKILL", "--fork", "--"])
            .arg(repository().join("tests/deploy/world/boot"));
        boot.args(["outside", root(), &group]).arg(shared());
        let log = std::fs::File::create(shared().join(format!("boot-{count}.log"))).unwrap();
        boot.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let boot = boot.spawn().expect("unshare does not start; run deploy/test-deps");
        let mut machine = Machine { init: boot.id(), boot, group, first: None, _turn: turn };
        machine.init = until(BOOT, "the machine's first process", || machine.find_init());
        let wire = machine.wire("eth0");
        machine.says(&format!("ip route add default via {}", wire.outside));
        machine.first = Some(wire);
        until(BOOT, "the machine's systemd", || {
            let state = machine.sh("systemctl is-system-running || true").text();
            matches!(state.trim(), "running" | "degraded").then_some(())
        });
        machine.sh("systemctl is-failed --quiet '*' && systemctl --failed && exit 1 || true").ok();
        machine
    }

    /// The first process of its namespace, seen from here: below unshare, the script, and unshare again.
    fn find_init(&mut self) -> Option<u32> {
        assert!(self.boot.try_wait().unwrap().is_none(), "the machine does not boot; see {:?}", shared());
        let mut process = self.boot.id();
        while let Ok(text) = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")) {
            let Some(child) = text.split_whitespace().next() else { break };
            process = child.parse().unwrap();
        }
        let name = std::fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
        (name.trim() == "systemd").then_some(process)
    }

    /// Its first wire, by which its packets leave.
    pub fn first(&self) -> &Wire {
        self.first.as_ref().unwrap()
    }

    /// This machine's address on that.
    pub fn outside(&self) -> Ipv4Addr {
        self.first().outside
    }

    /// Lays a wire between it and this machine: two addresses of 198.18.0.0/15, which is for tests alone (RFC 2544).
    pub fn wire(&self, device: &str) -> Wire {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // One for each wire of this process, and hardly that of another's.
        let number = (std::process::id() * 32 + COUNT.fetch_add(1, Ordering::Relaxed)) % 0x7fff;
        let net = u32::from(Ipv4Addr::new(198, 18, 0, 0)) + number * 4;
        let (here, there) = (Ipv4Addr::from(net + 1), Ipv4Addr::from(net + 2));
        let (name, init) = (format!("cw{number:x}"), self.init);
        let mut ip = Command::new("sh");
        ip.args(["-ec", &format!(
            "ip link add {name} type veth peer name {device} netns {init}\nip address add {here}/30 dev {name}\nip link set {name} up"
        )]);
        tool::run(&mut ip, STEP).ok();
        self.says(&format!("ip address add {there}/30 dev {device}; ip link set {device} up"));
        Wire { name, address: there, outside: here }
    }

    /// Runs a script in it as root, to its end.
    #[track_caller]
    pub fn sh(&self, script: &str) -> tool::Ran {
        tool::run(&mut self.command(script), STEP)
    }

    /// What a script says that must go well.
    #[track_caller]
    pub fn says(&self, script: &str) -> String {
        self.sh(script).ok().text().trim().to_owned()
    }

    /// The command that runs a script in it.
    pub fn command(&self, script: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.init.to_string(), "-a", "--", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]);
        command.args(["HOME=/root", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", "bash", "-ec", script]);
        command
    }

    /// Waits until a script goes well, and gives what it says.
    #[track_caller]
    pub fn until(&self, what: &str, script: &str) -> String {
        until(STEP, what, || {
            let ran = self.sh(script);
            (ran.code == Some(0)).then(|| ran.text().trim().to_owned())
        })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let told = tool::run(
                &mut self.command("journalctl --no-pager -n 60; systemctl --no-pager status clearway || true"),
                STEP,
            );
            eprintln!("the machine's journal:\n{}{}", told.text(), told.stderr);
        }
        let _ = self.boot.kill();
        let _ = self.boot.wait();
        // The groups that its systemd made are empty once the last process is gone; nothing else is left of it.
        let script = "cd $(mktemp -d); mkdir g; mount -t cgroup2 none g
            until ! [ -e g/$0 ] || find g/$0 -depth -type d -exec rmdir {} + 2>/dev/null; do sleep 0.02; done
            umount g; rmdir g $PWD";
        let mut tidy = Command::new("unshare");
        tidy.args(["--mount", "sh", "-c", script, &self.group]);
        let _ = tool::run(&mut tidy, STEP);
    }
}

/// The root that all machines have below them.
fn root() -> &'static str {
    static ROOT_IS: OnceLock<String> = OnceLock::new();
    ROOT_IS.get_or_init(|| {
        let mut make = Command::new(repository().join("tests/deploy/world/root"));
        tool::run(&mut make, ROOT).ok().text().trim().to_owned()
    })
}
