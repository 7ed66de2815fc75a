//! The listening sockets and the tasks that accept on them. A reload opens and closes only those that it concerns.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::upgrade::Listening;
use crate::base::ListenerId;
use crate::flow::{self, Berth, Carrier, Compartment, Entrance, Room};
use crate::listen;

/// Those that are open.
#[derive(Debug)]
pub struct Listeners {
    open: Mutex<Vec<Open>>,
    room: Arc<Room>,
    /// Sockets that were made elsewhere, until the first configuration has taken those that it knows.
    offered: Mutex<Vec<Offered>>,
}

/// A socket that listens already: the process before handed it over, or a service manager.
#[derive(Debug)]
pub struct Offered {
    /// The name of the listener that it is meant for, where one was said.
    pub name: Option<String>,
    /// Where that listener's configuration had it; `None`: that is not known.
    pub address: Option<SocketAddr>,
    /// The socket.
    pub socket: std::net::TcpListener,
}

impl Offered {
    /// Whether it is what a listener asks for.
    fn suits(&self, spec: &listen::Spec) -> bool {
        let named = self.name.as_deref() == Some(spec.id.as_str());
        match self.address {
            Some(address) => address == spec.address && (address.port() != 0 || named),
            None => named || self.socket.local_addr().is_ok_and(|local| local == spec.address),
        }
    }
}

#[derive(Debug)]
struct Open {
    spec: listen::Spec,
    /// The name under which new connections are counted; a reload may change it without closing the socket.
    id: watch::Sender<ListenerId>,
    local: SocketAddr,
    socket: Arc<TcpListener>,
    close: CancellationToken,
}

/// A socket that could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("listener `{id}` cannot listen on {address}: {error}{}", hint(.error))]
pub struct BindError {
    id: ListenerId,
    address: SocketAddr,
    error: std::io::Error,
}

fn hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "; another program has it (see `ss -ltnp`)",
        std::io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        std::io::ErrorKind::PermissionDenied => "; ports below 1024 need CAP_NET_BIND_SERVICE",
        _ => "",
    }
}

/// Sockets that are bound but do not accept yet: the second half of a reload cannot fail.
#[derive(Debug)]
pub struct Bound(Vec<(listen::Spec, Arc<TcpListener>, SocketAddr)>);

impl Listeners {
    /// None yet. `capacity` is how many connections the process has room for.
    pub fn new(capacity: usize) -> Self {
        Listeners { open: Mutex::default(), room: Room::new(capacity), offered: Mutex::default() }
    }

    /// The next configuration takes those of these sockets that it knows; the others are closed.
    pub fn offer(&self, offered: Vec<Offered>) {
        *self.offered.lock().unwrap_or_else(PoisonError::into_inner) = offered;
    }

    /// Binds what a configuration has and is not open yet.
    ///
    /// # Errors
    /// The first socket that cannot be opened; nothing changes then.
    pub fn bind(&self, specs: &[listen::Spec], carrier: &Carrier) -> Result<Bound, BindError> {
        let _inside = carrier.bulkheads.runtime(Compartment::Clear).enter();
        let open = self.open();
        let mut offered = std::mem::take(&mut *self.offered.lock().unwrap_or_else(PoisonError::into_inner));
        let new = specs.iter().filter(|spec| !open.iter().any(|open| same(&open.spec, spec)));
        let bound = new.map(|spec| {
            let failed = |error| BindError { id: spec.id.clone(), address: spec.address, error };
            if let Some(at) = offered.iter().position(|offered| offered.suits(spec)) {
                let socket = listen::adopt(offered.swap_remove(at).socket, spec.mode).map_err(failed)?;
                let local = socket.local_addr().map_err(failed)?;
                return Ok((spec.clone(), Arc::new(socket), local));
            }
            let leaving = open.iter().filter(|open| !specs.iter().any(|spec| same(&open.spec, spec)));
            let overlaps = leaving.filter(|open| open.local.port() == spec.address.port()).map(|open| &*open.socket);
            let socket = listen::bind_beside(spec.address, spec.mode, overlaps).map_err(failed)?;
            let local = socket.local_addr().map_err(failed)?;
            Ok((spec.clone(), Arc::new(socket), local))
        });
        let bound = bound.collect::<Result<_, _>>().map(Bound);
        for Offered { name, socket, .. } in offered {
            let (name, address) = (name.unwrap_or_default(), socket.local_addr().ok());
            tracing::warn!(
                name,
                ?address,
                "no listener of the configuration is meant by a socket that was handed over"
            );
        }
        bound
    }

    /// Begins to accept on what was bound, and closes what the configuration no longer has. Connections that were
    /// accepted go on.
    pub fn apply(&self, carrier: &Arc<Carrier>, specs: &[listen::Spec], bound: Bound) {
        let mut open = self.open();
        open.retain(|open| {
            let stays = specs.iter().find(|spec| same(&open.spec, spec));
            match stays {
                Some(spec) => {
                    open.id.send_replace(spec.id.clone());
                }
                None => open.close.cancel(),
            }
            stays.is_some()
        });
        for (spec, socket, local) in bound.0 {
            tracing::info!(listener = %spec.id, address = %local, "listening");
            let close = carrier.drain.child_token();
            let (id, named) = watch::channel(spec.id.clone());
            let accepting = accept(
                Arc::clone(carrier),
                Arc::clone(&socket),
                (named, spec.mode),
                Arc::clone(&self.room),
                close.clone(),
            );
            carrier.bulkheads.tasks.spawn_on(accepting, carrier.bulkheads.runtime(Compartment::Clear));
            open.push(Open { spec, id, local, socket, close });
        }
    }

    /// What is open, with its socket.
    pub(super) fn sockets(&self) -> Vec<(Listening, Arc<TcpListener>)> {
        let listening = |open: &Open| Listening { name: open.id.borrow().to_string(), address: open.spec.address };
        self.open().iter().map(|open| (listening(open), Arc::clone(&open.socket))).collect()
    }

    /// Closes all of them. Connections that were accepted go on.
    pub fn close(&self) {
        for open in self.open().drain(..) {
            open.close.cancel();
        }
    }

    /// The names and the addresses they are bound to.
    pub fn addresses(&self) -> Vec<(ListenerId, SocketAddr)> {
        self.open().iter().map(|open| (open.id.borrow().clone(), open.local)).collect()
    }

    /// The connections that there are, and how many there may be.
    pub fn room(&self) -> (usize, usize) {
        (self.room.taken(), self.room.capacity())
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Vec<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Its name and who may connect may change without the socket being closed. Port 0 asks for any port, so there only the
/// name tells which socket is meant.
fn same(open: &listen::Spec, spec: &listen::Spec) -> bool {
    open.address == spec.address && open.mode == spec.mode && (spec.address.port() != 0 || open.id == spec.id)
}

async fn accept(
    carrier: Arc<Carrier>,
    socket: Arc<TcpListener>,
    (listener, mode): (watch::Receiver<ListenerId>, listen::Mode),
    room: Arc<Room>,
    close: CancellationToken,
) {
    loop {
        let (stream, client) = tokio::select! {
            accepted = listen::accept(&socket) => accepted,
            () = close.cancelled() => return,
        };
        let (berth, cut) = (Berth::default(), CancellationToken::new());
        let (place, filled) = room.take(cut.clone());
        let entrance = Entrance {
            listener: listener.borrow().clone(),
            client,
            chosen: None,
            filled,
            place,
            berth: berth.clone(),
            cut,
        };
        match mode.via() {
            None => carrier.bulkheads.carry(berth, flow::serve(Arc::clone(&carrier), stream, entrance)),
            Some(via) => carrier.bulkheads.carry(berth, flow::transparent(Arc::clone(&carrier), stream, entrance, via)),
        }
    }
}
