//! The listening sockets and the tasks that accept on them. A reload opens and closes only those that it concerns.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::upgrade::Listening;
use crate::base::ListenerId;
use crate::flow::{self, Berth, Carrier, Compartment, Entrance, Room};
use crate::listen::tls::{self, Certificate, TlsError};
use crate::listen::{self, Intake, Tls};

/// Those that are open.
#[derive(Debug)]
pub struct Listeners {
    open: Mutex<Vec<Open>>,
    room: Arc<Room>,
    /// Whose handshake is worked on.
    handshakes: Arc<Semaphore>,
    /// Sockets that were made elsewhere, until the first configuration has taken those that it knows.
    offered: Mutex<Vec<Offered>>,
    /// Who waits to hear whether the first could be bound.
    first: Mutex<Option<First>>,
}

/// Is told why the first ones could not be bound; `None` where they could.
struct First(Box<Tell>);

type Tell = dyn FnOnce(Option<&BindError>) + Send;

impl std::fmt::Debug for First {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("First")
    }
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
    /// How new connections are taken in; a reload may change it without closing the socket.
    intake: watch::Sender<Arc<Intake>>,
    local: SocketAddr,
    socket: Arc<TcpListener>,
    close: CancellationToken,
}

/// A listener that could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Its socket.
    #[error("listener `{id}` cannot listen on {address}: {error}{}", hint(.error))]
    Socket {
        /// Its name.
        id: ListenerId,
        /// Where it should listen.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// Its certificate.
    #[error("listener `{0}` has no certificate to show: {1}")]
    Tls(ListenerId, #[source] TlsError),
}

fn hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "; another program has it (see `ss -ltnp`)",
        std::io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        std::io::ErrorKind::PermissionDenied => "; ports below 1024 need CAP_NET_BIND_SERVICE",
        _ => "",
    }
}

/// Sockets that are bound but do not accept yet, and how each listener is to take connections in: the second half of a reload
/// cannot fail.
#[derive(Debug)]
pub struct Bound {
    sockets: Vec<(listen::Spec, Arc<TcpListener>, SocketAddr)>,
    intakes: Vec<Arc<Intake>>,
}

impl Listeners {
    /// None yet. `capacity` is how many connections the process has room for.
    pub fn new(capacity: usize) -> Self {
        let handshakes = Arc::new(Semaphore::new(tls::AT_ONCE));
        Listeners {
            open: Mutex::default(),
            room: Room::new(capacity),
            handshakes,
            offered: Mutex::default(),
            first: Mutex::default(),
        }
    }

    /// Calls this with what comes of the next [`Self::bind`].
    pub(super) fn tell_first(&self, told: impl FnOnce(Option<&BindError>) + Send + 'static) {
        *self.first.lock().unwrap_or_else(PoisonError::into_inner) = Some(First(Box::new(told)));
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
        let bound = self.try_bind(specs, carrier);
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(First(tell)) = first {
            tell(bound.as_ref().err());
        }
        bound
    }

    fn try_bind(&self, specs: &[listen::Spec], carrier: &Carrier) -> Result<Bound, BindError> {
        let _inside = carrier.bulkheads.runtime(Compartment::Clear).enter();
        let open = self.open();
        let mut offered = std::mem::take(&mut *self.offered.lock().unwrap_or_else(PoisonError::into_inner));
        let intakes = specs.iter().map(|spec| {
            let now = open.iter().find(|open| same(&open.spec, spec)).map(|open| Arc::clone(&open.intake.borrow()));
            let read = |files: &listen::spec::Tls| Tls::new(files.clone(), Arc::clone(&self.handshakes));
            let intake = Intake::new(spec, now.as_deref(), read);
            intake.map(Arc::new).map_err(|error| BindError::Tls(spec.id.clone(), error))
        });
        let intakes = intakes.collect::<Result<_, _>>()?;
        let new = specs.iter().filter(|spec| !open.iter().any(|open| same(&open.spec, spec)));
        let bound = new.map(|spec| {
            let failed = |error| BindError::Socket { id: spec.id.clone(), address: spec.address, error };
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
        let bound = bound.collect::<Result<_, _>>().map(|sockets| Bound { sockets, intakes });
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
        let intake_of = |id: &ListenerId| bound.intakes.iter().find(|intake| intake.id == *id);
        open.retain(|open| {
            let stays = specs.iter().find(|spec| same(&open.spec, spec)).and_then(|spec| intake_of(&spec.id));
            match stays {
                Some(intake) => {
                    open.intake.send_replace(Arc::clone(intake));
                }
                None => open.close.cancel(),
            }
            stays.is_some()
        });
        for (spec, socket, local) in bound.sockets {
            let Some(intake) = intake_of(&spec.id) else { continue };
            tracing::info!(listener = %spec.id, address = %local, tls = intake.tls.is_some(), "listening");
            let close = carrier.drain.child_token();
            let (intake, taken_in) = watch::channel(Arc::clone(intake));
            let accepting = accept(
                Arc::clone(carrier),
                Arc::clone(&socket),
                (taken_in, spec.mode),
                Arc::clone(&self.room),
                close.clone(),
            );
            carrier.bulkheads.tasks.spawn_on(accepting, carrier.bulkheads.runtime(Compartment::Clear));
            open.push(Open { spec, intake, local, socket, close });
        }
    }

    /// What is open, with its socket.
    pub(super) fn sockets(&self) -> Vec<(Listening, Arc<TcpListener>)> {
        let listening =
            |open: &Open| Listening { name: open.intake.borrow().id.to_string(), address: open.spec.address };
        self.open().iter().map(|open| (listening(open), Arc::clone(&open.socket))).collect()
    }

    /// Those with a certificate.
    pub fn certified(&self) -> Vec<(ListenerId, Arc<Tls>)> {
        let open = self.open();
        let certified = open.iter().filter_map(|open| {
            let intake = open.intake.borrow();
            Some((intake.id.clone(), Arc::clone(intake.tls.as_ref()?)))
        });
        certified.collect()
    }

    /// What there is to know of their certificates.
    pub fn certificates(&self) -> Vec<(ListenerId, Certificate)> {
        self.certified().into_iter().map(|(id, tls)| (id, tls.certificate())).collect()
    }

    /// Closes all of them. Connections that were accepted go on.
    pub fn close(&self) {
        for open in self.open().drain(..) {
            open.close.cancel();
        }
    }

    /// The names and the addresses they are bound to.
    pub fn addresses(&self) -> Vec<(ListenerId, SocketAddr)> {
        self.open().iter().map(|open| (open.intake.borrow().id.clone(), open.local)).collect()
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
    (intake, mode): (watch::Receiver<Arc<Intake>>, listen::Mode),
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
        let intake = Arc::clone(&intake.borrow());
        let entrance = Entrance {
            listener: intake.id.clone(),
            client,
            reached: None,
            chosen: None,
            filled,
            place,
            berth: berth.clone(),
            cut,
            intake,
        };
        match mode.via() {
            None => carrier.bulkheads.carry(berth, flow::serve(Arc::clone(&carrier), stream, entrance)),
            Some(via) => carrier.bulkheads.carry(berth, flow::transparent(Arc::clone(&carrier), stream, entrance, via)),
        }
    }
}
