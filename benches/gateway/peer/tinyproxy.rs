//! Tinyproxy: a thread for each connection.

use std::fs;
use std::path::Path;

use super::{Kind, Peer, Setting, program, version, word};
use crate::Outcome;

pub fn find() -> Result<Vec<Peer>, &'static str> {
    let program = program("tinyproxy").ok_or("tinyproxy")?;
    let version = version(&program, "-v");
    Ok(vec![Peer::new("tinyproxy", "a thread for each connection, log", version, Kind::Tinyproxy(program))])
}

/// Writes its file; how it is started.
pub fn prepare(program: &Path, setting: &Setting<'_>, port: u16) -> Outcome<Vec<String>> {
    let text = format!(
        "Port {port}\nListen 127.0.0.1\nTimeout 3600\nMaxClients 20000\nLogFile \"{}\"\nLogLevel Connect\nAllow 127.0.0.0/8\n",
        setting.dir.join("tinyproxy.log").display(),
    );
    let file = setting.dir.join("tinyproxy.conf");
    fs::write(&file, text)?;
    Ok(vec![word(program), "-d".into(), "-c".into(), word(&file)])
}
