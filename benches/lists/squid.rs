//! Squid with the same names.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{MOST, kib, name};

/// Squid with the same names in one `dstdomain` ACL: until it answers, and what it holds.
pub fn play() {
    let Some(program) =
        ["/usr/sbin/squid", "/usr/local/sbin/squid"].map(Path::new).into_iter().find(|path| path.exists())
    else {
        return println!("squid is not installed");
    };
    let dir = tempfile::tempdir().unwrap();
    let names: String = (0..MOST).map(|number| format!(".{}\n", name(number))).collect();
    fs::write(dir.path().join("names"), names).unwrap();
    let (few, _) = start_squid(program, dir.path(), "names.few", 10);
    let (took, held) = start_squid(program, dir.path(), "names", MOST);
    println!(
        "squid, dstdomain of {MOST}: {took:.1} s until it answers ({few:.1} s with ten names), {held:.0} octets a name"
    );
}

/// Seconds until it answers, and resident octets a name.
fn start_squid(program: &Path, dir: &Path, names: &str, count: u64) -> (f64, f64) {
    if !dir.join(names).exists() {
        fs::write(dir.join(names), (0..count).map(|number| format!(".{}\n", name(number))).collect::<String>())
            .unwrap();
    }
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let at = dir.display();
    let text = format!(
        "http_port 127.0.0.1:{port}\nacl listed dstdomain \"{at}/{names}\"\nhttp_access deny listed\nhttp_access allow all\n\
         cache deny all\npid_filename {at}/squid.pid\naccess_log none\ncache_log /dev/null\ncache_store_log none\n\
         netdb_filename none\npinger_enable off\nicp_port 0\ncoredump_dir {at}\nshutdown_lifetime 0 seconds\n\
         max_filedescriptors 1024\nvisible_hostname bench\nlogfile_rotate 0\n"
    );
    // Squid gives up being root, and reads and writes here all the same.
    fs::set_permissions(dir, fs::Permissions::from_mode(0o777)).unwrap();
    let file: PathBuf = dir.join("squid.conf");
    fs::write(&file, text).unwrap();
    let began = Instant::now();
    let mut squid = Command::new(program).arg("-N").arg("-f").arg(&file).stderr(Stdio::null()).spawn().unwrap();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(
            squid.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(300),
            "squid did not start"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    let took = began.elapsed().as_secs_f64();
    let held = kib(&format!("/proc/{}/status", squid.id()), "VmRSS:") * 1024.0 / count as f64;
    // Told to end, it takes its shared memory with it; killed, the next could not start.
    let pid = rustix::process::Pid::from_child(&squid);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    squid.wait().unwrap();
    (took, held)
}
