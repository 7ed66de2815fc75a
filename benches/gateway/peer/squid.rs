//! Squid as a proxy that caches nothing, with its access log.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Goal, Kind, Peer, Setting, program, version, word};
use crate::Outcome;

pub fn find() -> Result<Vec<Peer>, &'static str> {
    let program = program("squid").ok_or("squid")?;
    let version = version(&program, "-v");
    Ok(vec![Peer::new("squid", "no cache, one ACL, access log", version, Kind::Squid(program))])
}

/// Writes its files; how it is started.
pub fn prepare(program: &Path, setting: &Setting<'_>, port: u16) -> Outcome<Vec<String>> {
    // Squid gives up being root, and writes here all the same.
    fs::set_permissions(setting.dir, Permissions::from_mode(0o777))?;
    let dir = setting.dir.display();
    let hosts: String = Goal::all().map(|goal| format!("{} {}\n", goal.address(), goal.name())).collect();
    fs::write(setting.dir.join("hosts"), hosts)?;
    // A table of them is made at the start: no more than are needed.
    let most = setting.descriptors.min(65_536);
    let text = format!(
        "http_port 127.0.0.1:{port}\nhttp_access allow all\ncache deny all\nhosts_file {dir}/hosts\n\
         dns_nameservers 127.0.0.1\npid_filename {dir}/squid.pid\naccess_log daemon:{dir}/access.log squid\n\
         cache_log {dir}/cache.log\ncache_store_log none\nnetdb_filename none\npinger_enable off\nicp_port 0\n\
         coredump_dir {dir}\nshutdown_lifetime 0 seconds\nmax_filedescriptors {most}\nvisible_hostname gw-bench\n"
    );
    let file = setting.dir.join("squid.conf");
    fs::write(&file, text)?;
    Ok(vec![word(program), "-N".into(), "-f".into(), word(&file)])
}
