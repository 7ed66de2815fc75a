//! The world: clients, a gateway with two ways out, and servers beyond both.

mod build;
mod capture;
mod client;
mod map;
mod origin;
mod process;
#[path = "../../sandbox/mod.rs"]
#[allow(dead_code)]
mod sandbox;
mod small;
mod space;

pub use build::{Record, World, until};
pub use capture::Capture;
pub use client::{Client, ask, hello, on_clients, reach, tls};
pub use map::{BLOCKED, CARE, CLINIC, DENIED, GREETER, MIXED, NEWS, SECURE, SOCIAL, Site, V4, V6};
pub use origin::GREETING;
pub use sandbox::{enter, inside, leave_on_signal};
pub use small::{ROOM, Small};

/// What stands in the way, and how to get it; nothing if all is there.
pub fn missing() -> Option<String> {
    sandbox::missing().or_else(|| {
        let tools = [("nft", "nftables"), ("tcpdump", "tcpdump"), ("curl", "curl")];
        let lacks = |program: &str| {
            !sandbox::runs(std::process::Command::new("sh").args(["-c", &format!("command -v {program}")]))
        };
        let (program, package) = tools.into_iter().find(|(program, _)| lacks(program))?;
        Some(format!("the program `{program}`; on Debian get it with: apt-get install {package}"))
    })
}
