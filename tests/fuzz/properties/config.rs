//! A configuration is read or refused without panic whatever is in its files, and a refusal says why.
//!
//! The bytes are the gateway's file, a line `---`, and the file that it names as its policy.

use std::io;
use std::path::Path;

use clearway::config::{Problem, read_with, render};

/// Any moment will do, as long as it stays the same one.
const NOW: i64 = 1_795_000_000;

/// Holds for any bytes.
pub fn holds(bytes: &[u8]) {
    let cut = bytes.windows(5).position(|window| window == b"\n---\n");
    let (gateway, policy) = cut.map_or((bytes, &[][..]), |at| (&bytes[..=at], &bytes[at + 5..]));
    let open = |path: &Path| match path.file_name().and_then(|name| name.to_str()) {
        Some("clearway.toml") => Ok(gateway.to_vec()),
        Some("policy.toml") => Ok(policy.to_vec()),
        Some("list.txt") => Ok(b"example.uk\n".to_vec()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let Ok(now) = jiff::Timestamp::from_second(NOW) else { return };
    let outcome = read_with(Path::new("clearway.toml"), now, &open);
    assert!(outcome.config.is_some() || outcome.problems.iter().any(Problem::is_error), "refused without a reason");
    assert!(!render(&outcome.problems, true).contains('\0'), "shows what no terminal should be sent");
}
