//! How an origin is spoken to: in the clear or over TLS.

/// What a URL's scheme says of the way to its origin.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS, which the proxy begins.
    Https,
}

impl Scheme {
    /// Reads a URL's scheme in any case (RFC 3986 section 3.1); a WebSocket begins as http or https does (RFC 6455
    /// section 3). `None` for one that is not fetched.
    pub fn of_url(scheme: &str) -> Option<Self> {
        let is = |names: [&str; 2]| names.iter().any(|name| scheme.eq_ignore_ascii_case(name));
        if is(["http", "ws"]) {
            Some(Scheme::Http)
        } else if is(["https", "wss"]) {
            Some(Scheme::Https)
        } else {
            None
        }
    }

    /// The port where none is written.
    pub fn port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}
