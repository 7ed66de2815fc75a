//! The portal's thread: its own runtime of one thread, two doors, and a bound on everything behind them.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::route::{self, Desk, Door};
use super::socket::{self, Settled, SocketError, SocketFile, Unsettled};
use super::view::Gateway;
use crate::base::clock;

/// Connections at once, each door its own: a crowd on the network must not keep `clearway drain` out.
const CONNECTIONS: usize = 64;

/// For a request's head, and between two requests. Prometheus and browsers send theirs at once.
const HEAD: Duration = Duration::from_secs(10);

/// The largest head, and hyper's smallest limit is 8 KiB.
const HEAD_SIZE: usize = 16 * 1024;

/// How long a TCP connection lives: a client that does not read its answer is rid of after this. A browser and
/// Prometheus just connect again.
const LIFE: Duration = Duration::from_secs(60);

/// The same on the socket, where a reload may read lists of millions of lines.
const SOCKET_LIFE: Duration = Duration::from_secs(600);

/// For the answer under way when a connection's life or the portal ends.
const GRACE: Duration = Duration::from_secs(2);

/// For the first question of a connection that was accepted just before the portal ends.
const FIRST: Duration = Duration::from_millis(500);

/// After an accept that failed for want of descriptors or memory: trying at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often the history looks: what a tube used is an average over a second.
const LOOK: Duration = Duration::from_secs(1);

/// Where the portal is.
#[derive(Clone, Debug)]
pub struct Place {
    /// `[admin] address`; port 0 takes a free one.
    pub admin: SocketAddr,
    /// `admin.sock` in `state_dir`.
    pub socket: PathBuf,
}

/// Sockets that the portal need not bind by itself.
#[derive(Debug, Default)]
pub struct Sockets {
    /// One that listens for the admin address already.
    pub admin: Option<TcpListener>,
    /// Whether another process answers at both doors until [`Portal::opens`].
    pub over: bool,
}

/// Why the portal cannot open.
#[derive(Debug, thiserror::Error)]
pub enum PortalError {
    /// The admin address.
    #[error("admin address {address}: {source}")]
    Admin {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The unix socket.
    #[error("admin socket: {0}")]
    Socket(#[from] SocketError),
    /// The thread or its runtime.
    #[error("cannot start the portal's thread: {0}")]
    Thread(io::Error),
}

/// An open portal.
#[derive(Debug)]
pub struct Portal {
    address: SocketAddr,
    socket: PathBuf,
    thread: JoinHandle<()>,
    unsettled: Mutex<Option<Unsettled>>,
    /// The thread's: its file goes when nobody listens any more.
    held: Weak<OnceLock<SocketFile>>,
    admin: Mutex<Option<TcpListener>>,
    /// Cancelled when it is to answer.
    open: CancellationToken,
}

impl Portal {
    /// The TCP address it is bound to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The unix socket's path.
    pub fn socket(&self) -> &std::path::Path {
        &self.socket
    }

    /// Puts the unix socket in its place, where another process answered; `None`: it is there already.
    ///
    /// # Errors
    /// Those of rename(2).
    pub fn settle(&self) -> Result<Option<Settled>, PortalError> {
        let unsettled = self.unsettled.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(unsettled.map(Unsettled::settle).transpose()?)
    }

    /// From now on it answers, and the one before no more.
    pub fn opens(&self, settled: Option<Settled>) {
        if let (Some(file), Some(held)) = (settled.and_then(Settled::keep), self.held.upgrade()) {
            let _ = held.set(file);
        }
        self.open.cancel();
    }

    /// Brings the unix socket's file back to its place, where another process took it that then failed.
    pub fn reclaims(&self) -> impl Fn() + Send + Sync + 'static {
        let held = Weak::clone(&self.held);
        move || {
            if let Some(held) = held.upgrade()
                && let Some(held) = held.get()
            {
                held.reclaim();
            }
        }
    }

    /// Another handle of the socket that listens for the admin address, once: whoever has it can give the address on.
    pub fn admin(&self) -> Option<TcpListener> {
        self.admin.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Waits for the thread, which ends within two seconds of the token's cancellation. Blocks.
    pub fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!(side = "proxy", "the portal's thread panicked");
        }
    }
}

/// Binds both doors, then serves them on a thread of its own until the token is cancelled.
///
/// # Errors
/// When a door cannot be bound, or the system gives no thread.
pub fn serve(
    place: &Place,
    sockets: Sockets,
    gateway: Arc<dyn Gateway>,
    stop: CancellationToken,
) -> Result<Portal, PortalError> {
    let failed = |source| PortalError::Admin { address: place.admin, source };
    let tcp = sockets.admin.map_or_else(|| TcpListener::bind(place.admin), Ok).map_err(failed)?;
    tcp.set_nonblocking(true).map_err(failed)?;
    let address = tcp.local_addr().map_err(failed)?;
    let admin = tcp.try_clone().map_err(failed)?;
    let (held, mut unsettled) = (Arc::<OnceLock<SocketFile>>::default(), None);
    let open = CancellationToken::new();
    let unix = if sockets.over {
        let (unix, waits) = socket::bind_over(&place.socket)?;
        unsettled = Some(waits);
        unix
    } else {
        let (unix, bound) = socket::bind(&place.socket)?;
        let _ = held.set(bound);
        open.cancel();
        unix
    };
    let theirs = Arc::downgrade(&held);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(PortalError::Thread)?;
    let doors = {
        let _entered = runtime.enter();
        Doors {
            tcp: tokio::net::TcpListener::from_std(tcp).map_err(failed)?,
            unix: tokio::net::UnixListener::from_std(unix).map_err(PortalError::Thread)?,
            held,
            desk: Arc::new(Desk { gateway, history: Mutex::default() }),
            open: open.clone(),
            stop,
            tasks: TaskTracker::new(),
        }
    };
    let thread = std::thread::Builder::new()
        .name("portal".into())
        .spawn(move || runtime.block_on(doors.run()))
        .map_err(PortalError::Thread)?;
    let (unsettled, admin) = (Mutex::new(unsettled), Mutex::new(Some(admin)));
    Ok(Portal { address, socket: place.socket.clone(), thread, unsettled, held: theirs, admin, open })
}

struct Doors {
    tcp: tokio::net::TcpListener,
    unix: tokio::net::UnixListener,
    held: Arc<OnceLock<SocketFile>>,
    desk: Arc<Desk>,
    open: CancellationToken,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Doors {
    async fn run(self) {
        self.tasks.spawn(look_on(Arc::clone(&self.desk), self.stop.clone()));
        let _ = self.stop.run_until_cancelled(self.open.cancelled()).await;
        let by_tcp = Arc::new(Semaphore::new(CONNECTIONS));
        let by_socket = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let taken = tokio::select! {
                () = self.stop.cancelled() => break,
                accepted = self.unix.accept() => accepted.map(|(stream, _)| {
                    let user = stream.peer_cred().ok().map(|peer| peer.uid());
                    self.take(stream, Door::Socket(user), &by_socket);
                }),
                accepted = self.tcp.accept() => accepted.map(|(stream, _)| self.take(stream, Door::Tcp, &by_tcp)),
            };
            if let Err(error) = taken {
                tracing::warn!(side = "proxy", "admin connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        drop(self.tcp);
        // As long as it listens its file is no other's.
        drop(self.held);
        drop(self.unix);
        self.tasks.close();
        // Each connection has its own, so this bound is only for a task that does not keep it.
        _ = tokio::time::timeout(GRACE * 2, self.tasks.wait()).await;
    }

    /// Over the limit a connection is closed at once: to wait would be to queue without bound.
    fn take(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, door: Door, room: &Arc<Semaphore>) {
        let Ok(permit) = Arc::clone(room).try_acquire_owned() else {
            return;
        };
        let desk = Arc::clone(&self.desk);
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            converse(stream, door, desk, stop).await;
            drop(permit);
        });
    }
}

/// Remembers how it was, until the portal ends.
async fn look_on(desk: Arc<Desk>, stop: CancellationToken) {
    let mut every = tokio::time::interval(LOOK);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(every.tick()).await.is_some() {
        let gateway = &desk.gateway;
        let (link, tubes) = (gateway.link(), gateway.tubes());
        let mut history = desk.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.look((clock::now(), clock::wall()), link, tubes, || gateway.refusals());
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    door: Door,
    desk: Arc<Desk>,
    stop: CancellationToken,
) {
    let asked = Arc::<Notify>::default();
    let asks = Arc::clone(&asked);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let desk = Arc::clone(&desk);
        asks.notify_one();
        async move {
            let answer = route::answer(door, &desk, request.method(), request.uri().path(), request.headers()).await;
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_SIZE)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let life = if door == Door::Tcp { LIFE } else { SOCKET_LIFE };
    tokio::select! {
        // An error is the client's: it went away, or was too slow. There is nobody to tell.
        _ = connection.as_mut() => return,
        () = stop.cancelled() => {}
        () = tokio::time::sleep(life) => {}
    }
    // One that was taken just before another process took over has its question on the way.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = asked.notified() => {}
        () = tokio::time::sleep(FIRST) => {}
    }
    connection.as_mut().graceful_shutdown();
    _ = tokio::time::timeout(GRACE, connection).await;
}

#[cfg(test)]
mod tests;
