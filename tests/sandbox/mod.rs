//! The sandbox: namespaces of the kernel for processes, mounts and the network. When its first process ends, however it
//! ends, the kernel kills every other in it and takes every device away; nothing can be left behind.

mod space;

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

pub use space::{Space, batch, own};

/// Set for what runs inside.
const MARK: &str = "CLEARWAY_LAB_SANDBOX";
/// As the shell has it: a program that ^C ended.
const INTERRUPTED: i32 = 130;
/// Connections, with both of a proxy's descriptors for each, of the scene with ten thousand and room to spare.
const DESCRIPTORS: u64 = 200_000;
const UNSHARE: [&str; 6] = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// Whether this process is inside.
pub fn inside() -> bool {
    std::env::var_os(MARK).is_some()
}

/// How many descriptors a process may have.
pub fn descriptors() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(DESCRIPTORS)
}

/// What stands in the way of a lab, and how to get it; nothing if all is there.
pub fn missing() -> Option<String> {
    for (program, package) in [("ip", "iproute2"), ("unshare", "util-linux"), ("sysctl", "procps")] {
        if !runs(Command::new("sh").args(["-c", &format!("command -v {program}")])) {
            return Some(format!("the program `{program}`; on Debian get it with: apt-get install {package}"));
        }
    }
    if !rustix::process::geteuid().is_root() {
        return Some("root, for network namespaces and TUN devices; run it as root, or with sudo -E".to_owned());
    }
    if !runs(Command::new("unshare").args(UNSHARE).arg("true")) {
        return Some("leave to make namespaces; in a container give it --privileged or CAP_SYS_ADMIN".to_owned());
    }
    if !std::path::Path::new("/dev/net/tun").exists() {
        return Some("/dev/net/tun; load the module tun, or give the container --device /dev/net/tun".to_owned());
    }
    let tun = ["--net", "ip", "tuntap", "add", "dev", "lab0", "mode", "tun"];
    if !runs(Command::new("unshare").args(tun)) {
        return Some("leave to make TUN devices; in a container give it CAP_NET_ADMIN".to_owned());
    }
    None
}

pub fn runs(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Becomes the same program inside a sandbox. Comes back only when that failed.
pub fn enter() -> io::Error {
    let arguments = std::env::args_os().skip(1);
    Command::new("unshare").args(UNSHARE).arg("--").arg(own()).args(arguments).env(MARK, "1").exec()
}

/// Inside: gets places for names and descriptors, and sees to it that a signal ends this process. The first process of
/// a sandbox is deaf to signals that it does not ask for.
pub fn leave_on_signal() {
    // So that nothing is left when what started us is killed: then unshare gets no signal, but its child does.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
            tokio::select! { _ = tokio::signal::ctrl_c() => {}, _ = term.recv() => {} }
        });
        std::process::exit(INTERRUPTED);
    });
    let limit = Rlimit { current: Some(DESCRIPTORS), maximum: Some(DESCRIPTORS) };
    if setrlimit(Resource::Nofile, limit).is_err() {
        // Not even root may raise it without CAP_SYS_RESOURCE; then as far as it goes.
        let most = getrlimit(Resource::Nofile).maximum;
        let _ = setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most });
    }
    // Names of network namespaces are kept under /run; these are seen in here only.
    assert!(runs(Command::new("mount").args(["-t", "tmpfs", "tmpfs", "/run"])), "could not mount a /run of our own");
}
