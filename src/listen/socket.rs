//! Makes a listening socket.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// Connections that may wait to be accepted: a bell rings for everyone at once. The kernel lowers it to
/// net.core.somaxconn (listen(2)).
const BACKLOG: i32 = 4096;

/// Binds and listens. Must be called within the runtime that will accept.
///
/// # Errors
/// What bind(2) or listen(2) said.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Without it a restart fails while old connections linger in TIME_WAIT; on Linux it does not let two listen.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // A wildcard in one family must not silently take the other too.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
