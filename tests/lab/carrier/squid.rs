//! Squid as it comes, and with a delay pool for social.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{Carrying, address, listening};
use crate::link::Link;
use crate::world::{NAMES, World};

/// What social may use of the link's downloads; Squid's pools do not know uploads of tunnels.
const PART: f64 = 0.6;

/// Where it is.
pub fn program() -> Option<PathBuf> {
    let places = ["/usr/sbin/squid", "/usr/local/sbin/squid", "/usr/local/squid/sbin/squid"];
    places.into_iter().map(PathBuf::from).find(|path| path.exists())
}

fn text(dir: &Path, pool: Option<&Link>) -> String {
    let dir = dir.display();
    let pool = pool.map(|link| {
        let rate = (link.down as f64 * PART / 8.0) as u64;
        format!(
            "acl social dstdomain .social.example\ndelay_pools 1\ndelay_class 1 1\n\
             delay_parameters 1 {rate}/{rate}\ndelay_access 1 allow social\ndelay_access 1 deny all\n"
        )
    });
    format!(
        "http_port {}\nhttp_access allow all\ncache deny all\nhosts_file {dir}/hosts\ndns_nameservers 127.0.0.1\n\
         pid_filename {dir}/squid.pid\naccess_log none\ncache_log {dir}/cache.log\ncache_store_log none\n\
         netdb_filename none\npinger_enable off\nicp_port 0\ncoredump_dir {dir}\nshutdown_lifetime 0 seconds\n\
         max_filedescriptors 100000\nvisible_hostname gw-lab\n{}",
        address(),
        pool.unwrap_or_default(),
    )
}

/// Starts it; with a link, social gets a part of that.
pub fn start(world: &World, pool: Option<&Link>) -> Carrying {
    // Squid gives up being root, and may not be let into the folder of results. This one is the sandbox's.
    let dir = PathBuf::from("/run/squid-lab");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o777)).unwrap();
    let hosts: String = NAMES.iter().map(|(name, address)| format!("{address} {name}\n")).collect();
    std::fs::write(dir.join("hosts"), hosts).unwrap();
    let file = dir.join("squid.conf");
    std::fs::write(&file, text(&dir, pool)).unwrap();
    std::fs::copy(&file, world.dir.join("squid.conf")).unwrap();
    let mut process = world.carry("squid", &program().unwrap(), &["-N", "-f", file.to_str().unwrap()]);
    listening(&mut process);
    Carrying::proxy(process)
}
