//! Files on disk that are no files.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use super::world::{GATEWAY, POLICY, change, now};
use crate::config::{Keep, Outcome, read};

/// Reads on a thread of its own: where something is opened that must not be, it would never come back.
fn read_in_time(folder: &Path) -> Outcome {
    let (done, outcome) = mpsc::channel();
    let file = folder.join("clearway.toml");
    std::thread::spawn(move || done.send(read(&file, now(), Keep::Look)).is_ok());
    outcome.recv_timeout(Duration::from_secs(20)).expect("reading ends")
}

/// The one message and its place, without the folder.
fn only(outcome: &Outcome, folder: &Path) -> String {
    let [problem] = outcome.problems.as_slice() else { panic!("one problem: {:#?}", outcome.problems) };
    assert_eq!(problem.hint, "name a regular file, or a link to one; nothing else is opened");
    problem.to_string().replace(&format!("{}/", folder.display()), "")
}

#[test]
fn what_is_no_regular_file_is_refused_where_it_is_named_and_not_opened() {
    let world = tempfile::tempdir().unwrap();
    let folder = world.path();
    assert!(Command::new("mkfifo").arg(folder.join("a.fifo")).status().unwrap().success());
    std::os::unix::fs::symlink("a.fifo", folder.join("a.link")).unwrap();
    std::fs::create_dir(folder.join("a.dir")).unwrap();
    let _socket = UnixListener::bind(folder.join("a.socket")).unwrap();
    for (name, what) in [
        ("a.fifo", "it is a FIFO"),
        ("a.link", "it is a FIFO"),
        ("a.dir", "it is a directory"),
        ("a.socket", "it is a socket"),
        ("/dev/zero", "it is a device"),
    ] {
        std::fs::write(folder.join("clearway.toml"), change(GATEWAY, "\"policy.toml\"", &format!("{name:?}"))).unwrap();
        let expected = format!("clearway.toml:4:10: cannot read \"{name}\": {what}; ");
        let found = only(&read_in_time(folder), folder);
        assert!(found.starts_with(&expected), "{found}");

        std::fs::write(folder.join("clearway.toml"), GATEWAY).unwrap();
        let lists = format!("lists = [{{ path = {name:?}, format = \"plain\" }}]");
        std::fs::write(folder.join("policy.toml"), change(POLICY, "domains = [\"facebook.com\"]", &lists)).unwrap();
        let expected = format!("policy.toml:10:19: cannot read \"{name}\": {what}; ");
        let found = only(&read_in_time(folder), folder);
        assert!(found.starts_with(&expected), "{found}");
    }
}

#[test]
fn a_link_to_a_regular_file_is_read() {
    let world = tempfile::tempdir().unwrap();
    let folder = world.path();
    std::fs::write(folder.join("clearway.toml"), GATEWAY).unwrap();
    std::fs::write(folder.join("kept.toml"), POLICY).unwrap();
    std::os::unix::fs::symlink("kept.toml", folder.join("policy.toml")).unwrap();
    assert_eq!(read_in_time(folder).count(), (0, 0));
}
