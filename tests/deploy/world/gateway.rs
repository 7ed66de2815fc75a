//! A machine with the package on it, and an origin of the test's for it to reach.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::{FIRST, Machine, packed, shared};
use crate::acceptance::tool;

/// It takes a second or two; this machine may be busy, and the gateway too.
pub const INSTALL: Duration = Duration::from_secs(120);
/// What the page of the test's origin holds.
pub const PAGE: &str = "a page from beyond the gateway";

/// Where machines see a package.
fn seen(package: &Path) -> String {
    format!("/run/shared/{}", package.strip_prefix(shared()).unwrap().display())
}

impl Machine {
    /// One with the package installed.
    pub fn with_gateway() -> Machine {
        let machine = Machine::boot();
        machine.install(FIRST);
        machine
    }

    /// Installs a version of the package, or goes to it from another, as an administrator would; says what dpkg said.
    pub fn install(&self, version: &str) -> String {
        let ran = tool::run(&mut self.installing(version), INSTALL).ok();
        ran.text() + &ran.stderr
    }

    /// The command that does so.
    pub fn installing(&self, version: &str) -> Command {
        self.command(&format!("dpkg --force-confold -i {}", seen(&packed(version))))
    }

    /// Serves a page at the outer end of the wire, on port 80: the address is this machine's alone.
    pub fn origin(&self) -> SocketAddr {
        let listener = TcpListener::bind((self.outside(), 80)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let _ = stream.read(&mut [0; 4096]);
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", PAGE.len());
                let _ = stream.write_all((head + PAGE).as_bytes());
            }
        });
        address
    }

    /// Fetches the origin's page by way of the gateway.
    #[track_caller]
    pub fn fetch(&self) {
        let outside = self.outside();
        let got =
            self.says(&format!("curl --silent --show-error --fail -m 20 -x http://127.0.0.1:3128 http://{outside}/"));
        assert_eq!(got, PAGE);
    }

    /// A property of the unit, as systemd has it.
    #[track_caller]
    pub fn unit(&self, property: &str) -> String {
        self.says(&format!("systemctl show --value -p {property} clearway"))
    }

    /// What the journal has of the unit.
    #[track_caller]
    pub fn journal(&self) -> String {
        self.says("journalctl --sync; journalctl --no-pager -o cat -u clearway")
    }
}
