//! How a listener takes connections in: what comes before a request. A reload may change it without closing the socket.

use std::net::IpAddr;
use std::sync::Arc;

use super::tls::{Tls, TlsError};
use super::{Spec, spec};
use crate::base::{Cidr, ListenerId};

/// What a connection goes through before it can ask for anything.
#[derive(Debug)]
pub struct Intake {
    /// The name under which it is counted.
    pub id: ListenerId,
    /// Those who begin with a PROXY header.
    balancers: Box<[Cidr]>,
    /// Where TLS is spoken.
    pub tls: Option<Arc<Tls>>,
}

impl Intake {
    /// As a configuration says. A certificate is read by `tls`, unless one of the same files is shown already.
    ///
    /// # Errors
    /// Those of reading the certificate.
    pub fn new(
        spec: &Spec,
        now: Option<&Intake>,
        read: impl FnOnce(&spec::Tls) -> Result<Tls, TlsError>,
    ) -> Result<Intake, TlsError> {
        let shown = now.and_then(|now| now.tls.clone());
        let tls = match &spec.tls {
            None => None,
            Some(files) => match shown.filter(|tls| tls.spec() == files) {
                Some(tls) => Some(tls),
                None => Some(Arc::new(read(files)?)),
            },
        };
        Ok(Intake { id: spec.id.clone(), balancers: spec.proxy_protocol.clone().into(), tls })
    }

    /// Whether a connection from there begins with a PROXY header. From anywhere else none is ever read, so nobody can say
    /// that he is somebody else.
    pub fn is_balancer(&self, peer: IpAddr) -> bool {
        self.balancers.iter().any(|balancer| balancer.contains(peer))
    }
}
