//! Programs of the world.

use std::process::{Command, Output, Stdio};

use super::sandbox::Space;

/// A command inside a namespace.
pub fn within(space: Space, program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", space.name(), program]).stdin(Stdio::null());
    command
}

/// Runs one to its end, which must be good; what it printed.
pub fn done(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?} ended with {status}:\n{said}{complained}");
    said.into_owned()
}
