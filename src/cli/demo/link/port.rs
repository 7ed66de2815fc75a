//! The ends of the link: a port on this machine for each origin behind it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::{PACKET, Spec, Wires, carry, lock};
use crate::base::{Direction, clock};

/// What waits in the sockets of the link itself before it is sent is in no queue of ours, and hides from its sender that
/// the link is full. The kernel doubles this for its own needs (socket(7)). What has come is never more than its receiver
/// has room for, so that the other buffer needs no bound.
const ROOM: usize = 8 << 10;
/// Connections that may wait to be accepted: everybody of the demo at once.
const BACKLOG: i32 = 1024;

/// A link, and everything that passes it. Dropped, it closes every connection.
#[derive(Debug)]
pub struct Link {
    wires: Arc<Mutex<Wires>>,
    ports: JoinSet<()>,
}

/// A port whose connections pass the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port(pub SocketAddr);

impl Link {
    /// An idle link.
    pub fn new(spec: &Spec) -> Link {
        Link { wires: Arc::new(Mutex::new(Wires::new(spec, clock::now()))), ports: JoinSet::new() }
    }

    /// Opens a port; what connects to it reaches this origin by way of the link.
    ///
    /// # Errors
    /// When no port can be bound.
    pub fn open(&mut self, origin: SocketAddr) -> io::Result<Port> {
        let socket = socket()?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from_std(socket.into())?;
        let port = Port(listener.local_addr()?);
        self.ports.spawn(accept(listener, origin, Arc::clone(&self.wires)));
        Ok(port)
    }

    /// Counts what an interface at the end where staff are would have received and sent.
    pub fn counters(&self) -> impl FnMut() -> Option<[u64; 2]> + Send + 'static {
        let wires = Arc::clone(&self.wires);
        move || {
            let wires = lock(&wires);
            let ([_, received], [sent, _]) = (wires.way(Direction::Down).counted(), wires.way(Direction::Up).counted());
            Some([received, sent])
        }
    }

    /// Its wires.
    pub fn wires(&self) -> MutexGuard<'_, Wires> {
        lock(&self.wires)
    }
}

async fn accept(listener: TcpListener, origin: SocketAddr, wires: Arc<Mutex<Wires>>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((near, _)) => {
                    let wires = Arc::clone(&wires);
                    // A connection that breaks is its two ends' affair; both see it.
                    connections.spawn(async move { drop(pass(&near, origin, &wires).await) });
                }
                Err(error) => {
                    tracing::debug!(%error, "the link cannot accept");
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn pass(near: &TcpStream, origin: SocketAddr, wires: &Mutex<Wires>) -> io::Result<()> {
    near.set_nodelay(true)?;
    carry::connect(wires).await;
    let far = TcpSocket::from_std_stream(socket()?.into()).connect(origin).await?;
    carry::carry(wires, near, &far).await
}

/// A socket as the link wants it, on both of its ends; what a listener accepts is like the listener.
fn socket() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    let set = SockRef::from(&socket);
    set.set_recv_buffer_size(ROOM)?;
    // The packets of loopback are 64 KiB, eight times the room.
    set.set_tcp_mss(u32::try_from(PACKET).map_err(io::Error::other)?)?;
    set.set_tcp_nodelay(true)?;
    Ok(socket)
}
