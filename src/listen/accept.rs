//! Accepts one connection, and waits where accepting cannot go on.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// How long to wait when descriptors or memory have run out: long enough for some to come back, short enough that
/// nobody notices. Without it the loop would spin, as the connection stays in the backlog.
const BACK_OFF: Duration = Duration::from_millis(20);

/// The next connection and who it is from.
pub async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut told = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, SocketAddr::new(peer.ip().to_canonical(), peer.port())),
            Err(error) if belongs_to_the_connection(&error) => {}
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(%error, "cannot accept; waiting for descriptors or memory to come back");
                }
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// Errors of the connection that was to be accepted, not of accepting (accept(2), "Error handling").
fn belongs_to_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
