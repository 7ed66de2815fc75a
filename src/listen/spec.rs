//! What a configuration says of a listener.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::base::{Cidr, ListenerId};

/// One `[[listener]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Its name, unique among listeners.
    pub id: ListenerId,
    /// How clients speak to it.
    pub mode: Mode,
    /// Where it listens.
    pub address: SocketAddr,
    /// Who may connect; nobody else, so an empty list is refused in `check`.
    pub clients: Vec<Cidr>,
    /// The balancers that say whose each connection is, by the PROXY protocol.
    pub proxy_protocol: Vec<Cidr>,
    /// The certificate to show; without one clients speak to it in the clear.
    pub tls: Option<Tls>,
}

/// The files of a certificate, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate, then those that vouch for it.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// How clients speak to a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// An HTTP proxy: CONNECT and absolute-form requests (RFC 9110 section 9.3.6, RFC 9112 section 3.2.2).
    Explicit,
    /// Clients know of no proxy; the kernel brings their connections here.
    Transparent(Via),
}

/// How the kernel brings connections that were on their way elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// As they are: an accepted socket's own address is where the client wanted to go (Linux' tproxy.rst).
    Tproxy,
    /// With another destination, which connection tracking remembers.
    Redirect,
}

impl Mode {
    /// The word in configuration and status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Explicit => "explicit",
            Mode::Transparent(_) => "transparent",
        }
    }

    /// How connections are brought, where clients know of no proxy.
    pub const fn via(self) -> Option<Via> {
        match self {
            Mode::Explicit => None,
            Mode::Transparent(via) => Some(via),
        }
    }
}
