//! Sockets that a service manager opened before the start (sd_listen_fds(3)): a listener takes the one that has its name, or
//! its address.

use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;

use super::listeners::Offered;

/// By this name the admin's is found.
const ADMIN: &str = "admin";
/// What systemd calls a socket to which no name was given.
const UNNAMED: &str = "unknown";

/// What was handed to this process; taken once, at its start.
#[derive(Debug, Default)]
pub struct Activation {
    offered: Vec<Offered>,
}

impl Activation {
    /// As the environment of this process has it.
    pub fn of_process() -> Activation {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':').map(str::to_owned);
        let mut handed = ListenFd::from_env();
        let mut offered = Vec::new();
        for at in 0..handed.len() {
            // `web.socket` is what a unit without FileDescriptorName= gives.
            let name = names.next().filter(|name| !name.is_empty() && name != UNNAMED);
            match handed.take_tcp_listener(at) {
                Ok(Some(socket)) => offered.push(Offered { name, address: None, socket }),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, name, "a socket that was handed over is of no use here"),
            }
        }
        Activation { offered }
    }

    /// The admin's: by its name, or by its address.
    pub fn admin(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let is_admin = |offered: &Offered| {
            offered.name.as_deref() == Some(ADMIN) || offered.socket.local_addr().is_ok_and(|local| local == address)
        };
        let at = self.offered.iter().position(is_admin)?;
        Some(self.offered.swap_remove(at).socket)
    }

    /// All others.
    pub fn listeners(self) -> Vec<Offered> {
        self.offered
    }
}
