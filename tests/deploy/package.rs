//! The package itself, before anybody installs it.

use std::process::Command;
use std::time::Duration;

use crate::acceptance::tool;
use crate::world::{packed, repository, shared};

const LIMIT: Duration = Duration::from_secs(300);

fn run(program: &str, arguments: &[&str]) -> tool::Ran {
    tool::run(Command::new(program).args(arguments).current_dir(repository()), LIMIT)
}

#[test]
fn all_of_the_configuration_is_the_administrators() {
    let package = packed("1.0.0");
    let package = package.to_str().unwrap();
    let conffiles = run("dpkg-deb", &["-I", package, "conffiles"]).ok().text();
    let listed = run("dpkg-deb", &["-c", package]).ok().text();
    let under_etc: Vec<_> = listed
        .lines()
        .filter(|line| !line.ends_with('/'))
        .filter_map(|line| line.split("./etc/").nth(1).map(|name| format!("/etc/{name}")))
        .collect();
    assert_eq!(conffiles.lines().collect::<Vec<_>>(), under_etc);
    let lists = std::fs::read_dir(repository().join("config/lists")).unwrap().count();
    assert_eq!(under_etc.len(), lists + 3, "the gateway's file, the policy, the lists, and the rotation of logs");
}

#[test]
fn what_servers_are_verified_by_comes_with_it() {
    let depends = run("dpkg-deb", &["-f", packed("1.0.0").to_str().unwrap(), "Depends"]).ok().text();
    assert!(depends.split(", ").any(|package| package == "ca-certificates"), "{depends}");
}

#[test]
fn the_same_program_and_commit_make_the_same_package_octet_for_octet() {
    let first = std::fs::read(packed("1.0.0")).unwrap();
    let again = shared().join("again");
    let mut build = Command::new(repository().join("deploy/debian/build"));
    build.args([env!("CARGO_BIN_EXE_clearway"), "1.0.0"]).env("CLEARWAY_DEB_FOLDER", &again);
    build.env("DPKG_DEB_COMPRESSOR_TYPE", "none").env("TZ", "Asia/Kolkata").env("LC_ALL", "C.UTF-8");
    let path = tool::run(&mut build, LIMIT).ok().text();
    assert!(std::fs::read(path.trim()).unwrap() == first, "{path} differs from the first");
}

#[test]
fn lintian_has_nothing_to_say() {
    let package = packed("1.0.0");
    // Not pressed: for these tests alone.
    let pressed = "uses-no-compression-for-control-tarball,uses-no-compression-for-data-tarball";
    let said = run(
        "lintian",
        &["--allow-root", "--tag-display-limit", "0", "--suppress-tags", pressed, package.to_str().unwrap()],
    );
    assert_eq!((said.code, said.text().trim()), (Some(0), ""), "{}", said.stderr);
}

#[test]
fn a_program_that_is_not_there_is_said_in_a_line() {
    let ran = run("deploy/debian/build", &["target/no-such-program"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.stderr, "there is no program at target/no-such-program; build it: cargo build --locked --release\n");
}
