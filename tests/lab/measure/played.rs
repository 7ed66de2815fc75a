//! When and where a scene was played, and by which build of the gateway.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::carrier::program;

/// When and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Played {
    /// To the minute, of the machine's own time zone.
    pub at: String,
    pub cores: usize,
    pub processor: String,
    pub kernel: String,
    /// What tells one build of the gateway from another.
    pub build: String,
}

impl Played {
    /// Here and now.
    pub fn now() -> Played {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let processors = read("/proc/cpuinfo");
        let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
        Played {
            at: jiff::Zoned::now().strftime("%Y-%m-%d %H:%M").to_string(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: model.unwrap_or("an unnamed processor").trim().to_owned(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            build: build().to_owned(),
        }
    }
}

/// A number made of all bytes of the program (FNV-1a).
pub fn build() -> &'static str {
    static BUILD: OnceLock<String> = OnceLock::new();
    BUILD.get_or_init(|| {
        let bytes = std::fs::read(program()).unwrap_or_default();
        let start = 0xcbf2_9ce4_8422_2325_u64;
        let sum = bytes.iter().fold(start, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
        format!("{sum:016x}")
    })
}
