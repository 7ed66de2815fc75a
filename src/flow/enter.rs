//! What comes before a request: a balancer's word of whose connection it is, and TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::TcpStream;

use super::carrier::Carrier;
use super::run::{Entrance, serve_http};
use super::streams;
use crate::listen::tls::HandshakeError;
use crate::listen::{Stream, Tls, proxy_header};

/// Whose connection a balancer passes on. `None` when that was not to be learnt, or it is too late; the connection is over
/// then, and has its record.
pub async fn client_of(carrier: &Carrier, stream: &mut TcpStream, entrance: &Entrance) -> Option<SocketAddr> {
    let header = tokio::select! {
        header = proxy_header::read(stream) => header,
        () = carrier.drain.cancelled() => return None,
        () = entrance.cut.cancelled() => return None,
    };
    match header {
        // What is the balancer's own is that of any other client.
        Ok(client) => Some(client.unwrap_or(entrance.client)),
        Err(error) => {
            if let Some(fault) = error.fault() {
                tracing::debug!(listener = %entrance.listener, balancer = %entrance.client.ip(), "{error}");
                carrier.account.open(entrance.arrival()).ended(None, fault);
            }
            None
        }
    }
}

/// Serves one connection on which TLS is spoken to its end.
pub async fn by_tls(carrier: Arc<Carrier>, (stream, tls): (TcpStream, Arc<Tls>), mut entrance: Entrance) {
    let keep_alive = entrance.keep_alive();
    entrance.reached = stream.local_addr().ok();
    let shaken = tokio::select! {
        shaken = tls.accept(stream, keep_alive) => shaken,
        () = carrier.drain.cancelled() => return,
        () = entrance.cut.cancelled() => return,
    };
    match shaken {
        Ok(stream) => {
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let (stream, phase) = (Stream::Tls(Box::new(stream)), Arc::default());
            if http2 {
                streams::serve((carrier, entrance), stream, (phase, keep_alive)).await;
            } else {
                serve_http((carrier, entrance), (stream, Bytes::new()), (phase, keep_alive), None).await;
            }
        }
        Err(error) => {
            if let Some(fault) = error.fault() {
                tracing::debug!(listener = %entrance.listener, "{error}");
                let status = matches!(error, HandshakeError::Plain).then_some(400);
                carrier.account.open(entrance.arrival()).ended(status, fault);
            }
        }
    }
}
