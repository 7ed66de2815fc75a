//! HAProxy in TCP mode: it relays and asks nothing, so it is the least that a relay in user space costs.

use std::fs;
use std::path::{Path, PathBuf};

use super::{HAPROXY_COPY, HAPROXY_SPLICE, Kind, Peer, Setting, program, version, word};
use crate::Outcome;
use crate::origin::ADDRESSES;

/// How bytes go through it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// In the kernel, through pipes of a mebibyte.
    LargePipes,
    /// In the kernel, through pipes as they come.
    Pipes,
    /// Through its own buffers.
    Copy,
}

/// One for each way.
pub fn find() -> Result<Vec<Peer>, &'static str> {
    let program = program("haproxy").ok_or("haproxy")?;
    let version = version(&program, "-v");
    let peer = |name, about, way| Peer::new(name, about, version.clone(), Kind::Haproxy(program.clone(), way));
    Ok(vec![
        peer(HAPROXY_SPLICE, "TCP mode, splice, pipes of 1 MiB: relays only, no CONNECT, no log", Way::LargePipes),
        peer("haproxy-splice-default", "the same with pipes as they come", Way::Pipes),
        peer(HAPROXY_COPY, "the same without splice", Way::Copy),
    ])
}

/// Writes its file; how it is started. A process of root's may take as many pages for pipes as it likes (pipe(7)).
pub fn prepare(program: &Path, way: Way, setting: &Setting<'_>, port: u16) -> Outcome<Vec<String>> {
    let splice = match way {
        Way::LargePipes | Way::Pipes => "option splice-auto\noption splice-request\noption splice-response",
        Way::Copy => "",
    };
    let size = if way == Way::LargePipes { "tune.pipesize 1048576" } else { "" };
    // It opens two descriptors a tunnel and two a pipe, and does not start where it might not.
    let most = (setting.descriptors * 2 / 5 + 400).min(60_000);
    let pipes = (setting.descriptors.saturating_sub(2 * most + 500) / 2).min(20_000);
    let origin = setting.origin;
    let servers: String =
        (1..=ADDRESSES).map(|last| format!("server origin-{last} 127.0.0.{last}:{origin}\n")).collect();
    let text = format!(
        "global\nmaxconn {most}\nnbthread {threads}\nmaxpipes {pipes}\n{size}\n\ndefaults\nmode tcp\nmaxconn {most}\ntimeout connect 5s\n\
         timeout client 1h\ntimeout server 1h\n{splice}\n\nlisten relay\nbind 127.0.0.1:{port} backlog 4096\n\
         balance roundrobin\n{servers}",
        threads = setting.cores.len(),
    );
    let file: PathBuf = setting.dir.join("haproxy.cfg");
    fs::write(&file, text)?;
    Ok(vec![word(program), "-db".into(), "-f".into(), word(&file)])
}
