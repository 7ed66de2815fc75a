//! Any other proxy: CLEARWAY_BENCH_PEER_NAME holds the command line that starts it in the foreground on 127.0.0.1, port
//! `{port}`, speaking HTTP with CONNECT and absolute form. `{dir}` is a folder that is its own.

use super::{Kind, Peer, Setting};

const VARIABLE: &str = "CLEARWAY_BENCH_PEER_";

/// Those that the environment names.
pub fn find() -> Vec<Peer> {
    let peer = |(name, command): (String, String)| {
        let name = name.strip_prefix(VARIABLE)?.to_lowercase();
        Some(Peer::new(&name, &format!("by {VARIABLE}{}", name.to_uppercase()), String::new(), Kind::Other(command)))
    };
    let mut found: Vec<Peer> = std::env::vars().filter_map(peer).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// How it is started: a shell reads the line, and is replaced by the proxy.
pub fn prepare(command: &str, setting: &Setting<'_>, port: u16) -> Vec<String> {
    let command = command.replace("{port}", &port.to_string()).replace("{dir}", &setting.dir.display().to_string());
    vec!["sh".into(), "-c".into(), format!("exec {command}")]
}
