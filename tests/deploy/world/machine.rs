//! A Debian machine with a systemd of its own, in namespaces, beside this one: it has its own processes, network and control
//! groups, and what it writes is in memory. When its test ends, however it ends, the kernel takes all of it away.

use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use super::{repository, shared};
use crate::acceptance::{tool, until};

/// Making the root downloads some 80 MB, once.
const ROOT: Duration = Duration::from_secs(300);
/// It takes a second; this machine may be busy.
const BOOT: Duration = Duration::from_secs(60);
/// No step of a test takes longer in it.
const STEP: Duration = Duration::from_secs(120);

/// A machine.
pub struct Machine {
    boot: Child,
    init: u32,
    group: String,
    /// Its address on the wire between it and this machine.
    pub address: Ipv4Addr,
    /// The other end's, here.
    pub outside: Ipv4Addr,
}

impl Machine {
    /// Boots one, and waits until its systemd is done with that.
    pub fn boot() -> Machine {
        static COUNT: AtomicU16 = AtomicU16::new(0);
        assert!(
            rustix::process::geteuid().is_root(),
            "these tests boot a Debian machine in namespaces: run them as root, or with sudo -E"
        );
        let (count, process) = (COUNT.fetch_add(1, Ordering::Relaxed), std::process::id());
        let group = format!("clearway-test-{process}-{count}");
        let mut boot = Command::new("unshare");
        boot.args(["--mount", "--kill-child=SIGKILL", "--fork", "--"])
            .arg(repository().join("tests/deploy/world/boot"));
        boot.args(["outside", root(), &group]).arg(shared());
        let log = std::fs::File::create(shared().join(format!("boot-{count}.log"))).unwrap();
        boot.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let boot = boot.spawn().expect("unshare does not start; run deploy/test-deps");
        let mut machine =
            Machine { init: boot.id(), boot, group, address: Ipv4Addr::UNSPECIFIED, outside: Ipv4Addr::UNSPECIFIED };
        machine.init = until(BOOT, "the machine's first process", || machine.find_init());
        machine.wire(process as u16 ^ (count << 8));
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

    /// Lays a wire between it and this machine: two addresses of 198.18.0.0/15, which is for tests alone (RFC 2544).
    fn wire(&mut self, number: u16) {
        let net = u32::from(Ipv4Addr::new(198, 18, 0, 0)) + u32::from(number % 0x7fff) * 4;
        (self.outside, self.address) = (Ipv4Addr::from(net + 1), Ipv4Addr::from(net + 2));
        let (name, init) = (format!("cw{number:x}"), self.init);
        let (here, there) = (self.outside, self.address);
        let mut ip = Command::new("sh");
        ip.args(["-ec", &format!(
            "ip link add {name} type veth peer name eth0 netns {init}\nip address add {here}/30 dev {name}\nip link set {name} up"
        )]);
        tool::run(&mut ip, STEP).ok();
        self.sh(&format!("ip address add {there}/30 dev eth0; ip link set eth0 up; ip route add default via {here}"))
            .ok();
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
