//! A second gateway beside the first, on the same machine: it has room for few, and its name server says nothing.

use std::process::{Child, Stdio};

use super::World;
use super::build::{CLEARWAY, Record, until};
use super::map::V4;
use super::process::within;
use super::sandbox::Space;

/// The descriptors that it may open; that is room for so many.
const DESCRIPTORS: usize = 256;
pub const ROOM: usize = 96;

/// Where it takes in those who are no clients of the first.
const PORT: u16 = 3139;

/// The gateway. Both it and the rule that brings clients to it go when it is dropped.
pub struct Small<'a> {
    world: &'a World,
    process: Child,
}

impl Small<'_> {
    /// Begins one.
    pub fn begin(world: &World) -> Small<'_> {
        let dir = world.file("small");
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("clearway.toml"), configuration()).unwrap();
        std::fs::write(dir.join("policy.toml"), "default = \"allow\"\n").unwrap();
        let errors = std::fs::File::create(dir.join("errors")).unwrap();
        let limited = format!("ulimit -n {DESCRIPTORS} && exec {CLEARWAY} run -c {}/clearway.toml", dir.display());
        let mut process = within(Space::Gateway, "sh");
        let process = process.args(["-c", &limited]).stdout(Stdio::null()).stderr(errors).spawn().unwrap();
        let small = Small { world, process };
        until("the small gateway listens", || {
            std::fs::read_to_string(dir.join("errors")).unwrap().contains("listening")
        });
        world.run(&format!(
            "nft add rule inet clearway on_their_way ip saddr {} tcp dport '{{ 80, 443 }}' tproxy ip to {}:{PORT} \
             meta mark set 0xc1ea accept",
            V4.stranger, V4.gateway
        ));
        small
    }

    /// Its records so far.
    pub fn records(&self) -> Vec<Record> {
        Record::read(&self.world.file("small/access.log"))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        self.world.run(&self.world.script(&[]));
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(self.world.file("small/errors")).unwrap_or_default());
        }
    }
}

fn configuration() -> String {
    format!(
        r#"[gateway]
name = "gw2"
timezone = "Europe/London"
policy = "policy.toml"
state_dir = "state"

[admin]
address = "127.0.0.1:9129"

[log]
access = "access.log"
pseudonymise = false

[dns]
servers = ["{}:53"]

[[listener]]
name = "few"
mode = "transparent"
address = "{}:{PORT}"
clients = ["{}/32"]

[tube.internet]
priority = 1
egress = "wan1"

[egress.wan1]
source = ["{}", "{}"]
"#,
        V4.wans[0][1],
        V4.gateway,
        V4.stranger,
        V4.wans[0][0],
        super::V6.wans[0][0]
    )
}
