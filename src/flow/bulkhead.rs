//! Bulkheads: clear flows have workers, name look-ups and kept connections of their own, so that no number of others
//! makes them wait for a processor or a place.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use crate::base::option;
use crate::listen::Stream;

/// Who shares what with whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compartment {
    /// Clear flows, and every connection until it is known what it asks for.
    Clear,
    /// All others.
    Rest,
}

/// What the kernel holds at most for a client that is not clear and reads nothing: a quarter of a millisecond of a gigabit,
/// longer than its acknowledgement takes in a building. Its own limit is some megabytes each (tcp(7), tcp_wmem), and all
/// connections together share what memory there is for TCP.
const UNSENT: u32 = 32 << 10;

/// The workers of each compartment, and the tasks that they carry.
#[derive(Debug)]
pub struct Bulkheads {
    clear: Handle,
    rest: Handle,
    /// Owns the tasks that carry connections and tunnels.
    pub tasks: TaskTracker,
}

/// Where one task is carried, and where it should be. Cheap to clone: clones are about the same task.
#[derive(Clone, Debug)]
pub struct Berth {
    wanted: Arc<AtomicBool>,
    here: Arc<AtomicBool>,
}

impl Default for Berth {
    /// In the clear compartment.
    fn default() -> Self {
        Berth { wanted: Arc::new(AtomicBool::new(true)), here: Arc::new(AtomicBool::new(true)) }
    }
}

impl Berth {
    /// Has the task moved when it next waits for something.
    pub fn want(&self, compartment: Compartment) {
        self.wanted.store(compartment == Compartment::Clear, Ordering::Relaxed);
    }

    /// Waits until the task is where it should be: what it opens from then on belongs there.
    pub async fn reached(&self) {
        std::future::poll_fn(|cx| {
            if self.is_reached() {
                return Poll::Ready(());
            }
            // Whoever carries the task moves it, and asks again there; unless it is wanted here again by then.
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// For a task that goes on with the work of this one: it begins where this one is.
    pub fn another(&self) -> Berth {
        let here = Arc::new(AtomicBool::new(self.here.load(Ordering::Relaxed)));
        Berth { wanted: Arc::clone(&self.wanted), here }
    }

    /// A client's connection, which was accepted in the clear compartment, as one whose packets wake the workers of the
    /// compartment that carries it, and for which the kernel holds little. One with TLS on it, or a part of one, wakes those
    /// who accepted it, and they the others.
    ///
    /// # Errors
    /// What setsockopt(2) or epoll_ctl(2) said.
    pub fn bring(&self, stream: Stream) -> io::Result<Stream> {
        if compartment(&self.here) == Compartment::Clear {
            return Ok(stream);
        }
        hold_little(&stream)?;
        match stream {
            Stream::Plain(stream) => Ok(TcpStream::from_std(stream.into_std()?)?.into()),
            other => Ok(other),
        }
    }

    fn is_reached(&self) -> bool {
        self.here.load(Ordering::Relaxed) == self.wanted.load(Ordering::Relaxed)
    }
}

/// Has the kernel hold little for a client that reads nothing.
///
/// # Errors
/// What setsockopt(2) said.
pub fn hold_little(stream: &Stream) -> io::Result<()> {
    stream.socket().map_or(Ok(()), |socket| option::hold_unsent(socket, UNSENT))
}

fn compartment(clear: &AtomicBool) -> Compartment {
    if clear.load(Ordering::Relaxed) { Compartment::Clear } else { Compartment::Rest }
}

impl Bulkheads {
    /// With these runtimes; they may be one and the same.
    pub fn new(clear: Handle, rest: Handle) -> Arc<Self> {
        Arc::new(Bulkheads { clear, rest, tasks: TaskTracker::new() })
    }

    /// The runtime of a compartment.
    pub fn runtime(&self, compartment: Compartment) -> &Handle {
        match compartment {
            Compartment::Clear => &self.clear,
            Compartment::Rest => &self.rest,
        }
    }

    /// Carries a task where its berth is, and moves it whenever that changes.
    pub fn carry(self: &Arc<Self>, berth: Berth, work: impl Future<Output = ()> + Send + 'static) {
        self.launch(Carried { work: Some(Box::pin(work)), berth, bulkheads: Arc::clone(self) });
    }

    fn launch(&self, carried: Carried) {
        let runtime = self.runtime(compartment(&carried.berth.here));
        self.tasks.spawn_on(carried, runtime);
    }
}

/// A task that can be carried by another runtime from one poll to the next. Its timers and sockets stay with the runtime
/// in which they were made, and wake it wherever it is: what a few packets of a tunnel that moved late cost there is borne.
struct Carried {
    work: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    berth: Berth,
    bulkheads: Arc<Bulkheads>,
}

impl Future for Carried {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(work) = self.work.as_mut() else { return Poll::Ready(()) };
        if work.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if self.berth.is_reached() {
            return Poll::Pending;
        }
        self.berth.here.store(self.berth.wanted.load(Ordering::Relaxed), Ordering::Relaxed);
        let (work, berth, bulkheads) = (self.work.take(), self.berth.clone(), Arc::clone(&self.bulkheads));
        self.bulkheads.launch(Carried { work, berth, bulkheads });
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn runtime(name: &'static str) -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().thread_name(name).build().unwrap()
    }

    #[test]
    fn work_goes_on_in_the_compartment_that_it_belongs_to() {
        let (clear, rest) = (runtime("clear"), runtime("rest"));
        let bulkheads = Bulkheads::new(clear.handle().clone(), rest.handle().clone());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (berth, told) = (Berth::default(), Arc::clone(&seen));
        let own = berth.clone();
        let note = move || {
            let name = std::thread::current().name().unwrap().to_owned();
            told.lock().unwrap().push(name);
        };
        bulkheads.carry(berth, async move {
            note();
            own.reached().await;
            note();
            for compartment in [Compartment::Rest, Compartment::Rest, Compartment::Clear] {
                own.want(compartment);
                own.reached().await;
                note();
                // Timers of one runtime wake what another carries.
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                note();
            }
        });
        bulkheads.tasks.close();
        rest.block_on(bulkheads.tasks.wait());
        let expected = ["clear", "clear", "rest", "rest", "rest", "rest", "clear", "clear"];
        assert_eq!(*seen.lock().unwrap(), expected);
    }

    #[test]
    fn a_connection_wakes_those_who_carry_it() {
        let (clear, rest) = (runtime("clear"), runtime("rest"));
        let bulkheads = Bulkheads::new(clear.handle().clone(), rest.handle().clone());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        server.set_nonblocking(true).unwrap();
        let server = {
            let _inside = clear.enter();
            TcpStream::from_std(server).unwrap()
        };
        let berth = Berth::default();
        let own = berth.clone();
        let (said, heard) = std::sync::mpsc::channel();
        bulkheads.carry(berth, async move {
            own.want(Compartment::Rest);
            own.reached().await;
            let Stream::Plain(server) = own.bring(server.into()).unwrap() else { unreachable!() };
            // Whoever accepted it is no longer there.
            clear.shutdown_background();
            server.readable().await.unwrap();
            said.send(server.try_read(&mut [0; 8]).unwrap()).unwrap();
        });
        io::Write::write_all(&mut &client, b"hello").unwrap();
        assert_eq!(heard.recv().unwrap(), 5);
    }
}
