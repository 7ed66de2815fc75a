//! The demo: it runs to its end without rights or files of its own, and says what it saw.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::world::gateway::program;
use crate::world::turn::Turn;
use crate::world::{tool, until};

/// Twelve seconds of demo, on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(90);

fn demo(dir: &Path) -> Command {
    let mut command = Command::new(program());
    command.args(["demo", "--seconds", "12"]).current_dir(dir).env("TMPDIR", dir);
    command
}

/// What is in a folder.
fn left(dir: &Path) -> Vec<std::ffi::OsString> {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect()
}

#[test]
fn the_demo_runs_to_its_end_and_leaves_a_summary_and_nothing_else() {
    let _turn = Turn::alone();
    let dir = tempfile::tempdir().unwrap();
    let ran = tool::run(&mut demo(dir.path()), LIMIT).ok();
    let text = ran.text();
    let head = text.lines().next().unwrap();
    assert!(
        head.contains("unloaded") && head.contains("without Clearway") && head.ends_with("with Clearway"),
        "{text}"
    );
    for (row, acts) in [
        ("clinical p50", 3),
        ("clinical p99", 3),
        ("clinical failures", 3),
        ("link used, down / up", 3),
        ("queue p50, down / up", 3),
        ("page load, median", 2),
        ("video, each watcher", 2),
        ("photos, each sender", 2),
        ("Jain's index, watchers", 2),
    ] {
        let line = text.lines().find(|line| line.starts_with(row)).unwrap_or_else(|| panic!("no {row}: {text}"));
        // Three columns of 17 behind a name of 26.
        let cells: Vec<&str> = [26, 43, 60].iter().map(|at| line[*at..at + 17].trim()).collect();
        let known = cells.iter().filter(|cell| cell.chars().any(|c| c.is_ascii_digit())).count();
        assert_eq!(known, acts, "{row}: {cells:?}");
    }
    assert!(!text.contains('\x1b'), "a file is no terminal: {text}");
    assert!(text.contains("Emulated: ") && text.contains("Not real: ") && text.contains("make lab"), "{text}");
    assert_eq!(left(dir.path()), Vec::<std::ffi::OsString>::new());
}

#[test]
fn a_demo_that_is_interrupted_leaves_nothing() {
    let _turn = Turn::alone();
    let dir = tempfile::tempdir().unwrap();
    let mut process = demo(dir.path()).stdout(std::process::Stdio::null()).spawn().unwrap();
    // The gateway's files come with the third act.
    until(LIMIT, "the third act", || left(dir.path()).pop());
    kill_process(Pid::from_child(&process), Signal::INT).unwrap();
    let status = until(Duration::from_secs(20), "the demo to end", || process.try_wait().unwrap());
    assert_eq!(status.code(), Some(130));
    assert_eq!(left(dir.path()), Vec::<std::ffi::OsString>::new());
}

#[test]
fn too_few_descriptors_are_said_before_anything_begins() {
    let dir = tempfile::tempdir().unwrap();
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 200 && exec \"$0\" demo"]).arg(program());
    limited.current_dir(dir.path()).env("TMPDIR", dir.path());
    let ran = tool::run(&mut limited, LIMIT);
    assert_eq!(ran.code, Some(70), "{}", ran.text());
    assert!(ran.stderr.starts_with("error: this process may open 200 files at once"), "{}", ran.stderr);
    assert_eq!(left(dir.path()), Vec::<std::ffi::OsString>::new());
}

#[test]
fn a_demo_that_would_be_too_short_is_a_mistake_of_usage() {
    let ran = crate::world::gateway::clearway(&["demo", "--seconds", "3"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("12..=3600"), "{}", ran.stderr);
}
