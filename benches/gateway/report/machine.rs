//! What it was measured on.

use std::fs;

use rustix::system::uname;

use crate::run::Results;
use crate::scene::Stage;

/// The machine, how it was used, and who took part.
pub fn facts(results: &Results, stage: &Stage) -> String {
    let system = uname();
    let pace = &stage.pace;
    let mut lines = vec![
        format!("{}; {}", processor(), system.release().to_string_lossy()),
        format!(
            "cores that may be used: {:?}; proxy on core {}, client and origin on core {}; in ping-pong all on core {}",
            stage.cores, stage.cores[0], stage.cores[1], stage.cores[0]
        ),
        format!("each measurement in fresh processes, {} s long after {} s of warming up", pace.seconds, pace.warm),
    ];
    for peer in &results.peers {
        let version = if peer.version.is_empty() { String::new() } else { format!(" [{}]", peer.version) };
        lines.push(format!("{}{version}: {}", peer.name, peer.about));
    }
    lines.into_iter().map(|line| format!("- {line}")).collect::<Vec<_>>().join("\n")
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| "a processor without a name".to_owned(), |(_, name)| name.trim().to_owned())
}
