//! Makes a listening socket.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::TcpListener;

use super::spec::{Mode, Via};

/// Connections that may wait to be accepted: a bell rings for everyone at once. The kernel lowers it to
/// net.core.somaxconn (listen(2)).
const BACKLOG: i32 = 4096;

/// A client that vanished (a laptop that was closed) is found out within three minutes, where a tunnel may be silent for
/// an hour.
const KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(30)).with_retries(4);

/// Binds and listens. Must be called within the runtime that will accept.
///
/// # Errors
/// What bind(2) or listen(2) said.
pub fn bind(address: SocketAddr, mode: Mode) -> io::Result<TcpListener> {
    bind_beside(address, mode, [])
}

/// The same, beside sockets of this process that are about to close: a listener may move from one address of the
/// machine to all of them, or back, without a moment in which nobody listens.
///
/// # Errors
/// What bind(2) or listen(2) said.
pub fn bind_beside<'a>(
    address: SocketAddr,
    mode: Mode,
    leaving: impl IntoIterator<Item = &'a TcpListener>,
) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Without it a restart fails while old connections linger in TIME_WAIT; on Linux it does not let two listen.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // A wildcard in one family must not silently take the other too.
        socket.set_only_v6(true)?;
    }
    if mode.via() == Some(Via::Tproxy) {
        take_for_others(&socket, address)?;
    }
    socket.set_nonblocking(true)?;
    // What is accepted has these too (tcp(7)). A proxy that waits to fill packets adds its wait to everybody's.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&KEEPALIVE)?;
    let leaving: Vec<SockRef<'a>> = leaving.into_iter().map(SockRef::from).collect();
    // For this bind alone: left set, it would let another program of the same user take part of our connections.
    share(&socket, &leaving, true)?;
    let bound = socket.bind(&address.into()).and_then(|()| socket.listen(BACKLOG));
    share(&socket, &leaving, false)?;
    bound?;
    TcpListener::from_std(socket.into())
}

/// A socket that another made and that may listen already: from now on as if it had been bound here. Must be called within the
/// runtime that will accept.
///
/// # Errors
/// When it is no socket that can listen.
pub fn adopt(socket: std::net::TcpListener, mode: Mode) -> io::Result<TcpListener> {
    let socket = Socket::from(socket);
    if mode.via() == Some(Via::Tproxy) {
        let address = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::InvalidInput)?;
        take_for_others(&socket, address)?;
    }
    let options = SockRef::from(&socket);
    options.set_tcp_nodelay(true)?;
    options.set_tcp_keepalive(&KEEPALIVE)?;
    options.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

/// Has a socket take connections to addresses that are not this machine's (ip(7), IP_TRANSPARENT).
fn take_for_others(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    let set = if address.is_ipv6() { socket.set_ip_transparent_v6(true) } else { socket.set_ip_transparent_v4(true) };
    set.map_err(|error| io::Error::other(format!("`via = \"tproxy\"` needs CAP_NET_ADMIN: {error}")))
}

fn share(socket: &Socket, leaving: &[SockRef<'_>], shared: bool) -> io::Result<()> {
    if leaving.is_empty() {
        return Ok(());
    }
    socket.set_reuse_port(shared)?;
    leaving.iter().try_for_each(|socket| socket.set_reuse_port(shared))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_accepted_sends_at_once_and_finds_out_who_vanished() {
        let listener = bind("127.0.0.1:0".parse().unwrap(), Mode::Explicit).unwrap();
        let _dialled = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let socket = SockRef::from(&accepted);
        assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(60));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(30));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
    }

    #[tokio::test]
    async fn a_listener_moves_from_one_address_to_all_without_letting_anybody_else_in() {
        let old = bind("127.0.0.1:0".parse().unwrap(), Mode::Explicit).unwrap();
        let wide = SocketAddr::from(([0, 0, 0, 0], old.local_addr().unwrap().port()));
        assert_eq!(bind(wide, Mode::Explicit).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let new = bind_beside(wide, Mode::Explicit, [&old]).unwrap();
        assert_eq!(bind(wide, Mode::Explicit).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(old);
        let dialled = tokio::net::TcpStream::connect(("127.0.0.1", wide.port())).await.unwrap();
        let (_, peer) = new.accept().await.unwrap();
        assert_eq!(peer, dialled.local_addr().unwrap());
    }
}
