//! Packages of the program under test, made by the script that `make deb` runs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use crate::acceptance::tool;

/// Where this repository is.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder that machines see as `/run/shared`.
pub fn shared() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("deploy");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The version that machines begin with.
pub const FIRST: &str = "1.0.0";

/// Names a package that they begin with instead, such as the release before: is it upgraded to what is here?
const BEFORE: &str = "CLEARWAY_TEST_BEFORE";

/// The package of the program under test with a version, in the shared folder. Made once, and not pressed: that takes longer
/// than all the rest of it.
pub fn packed(version: &str) -> PathBuf {
    if version == FIRST
        && let Some(before) = std::env::var_os(BEFORE)
    {
        let path = shared().join("before.deb");
        std::fs::copy(before, &path).unwrap();
        return path;
    }
    static MADE: Mutex<Vec<(String, PathBuf)>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().unwrap();
    if let Some((_, path)) = made.iter().find(|(of, _)| of == version) {
        return path.clone();
    }
    let mut build = Command::new(repository().join("deploy/debian/build"));
    build.args([env!("CARGO_BIN_EXE_clearway"), version]).env("DPKG_DEB_COMPRESSOR_TYPE", "none");
    build.env("CLEARWAY_DEB_FOLDER", shared());
    let ran = tool::run(&mut build, Duration::from_secs(120)).ok();
    let path = PathBuf::from(ran.text().trim());
    made.push((version.to_owned(), path.clone()));
    path
}
