//! Many tunnels at once: an origin that sends and checks patterns, clients that do the same, and a meter of what came.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use super::{Pattern, until};

/// How finely a meter looks.
const BIN: Duration = Duration::from_millis(20);
/// An hour would be too long for any test; this many bins are five minutes.
const BINS: usize = 15_000;
/// What a trickle sends at a time, and how long it rests: some 0.6 Mbit/s.
const DROP: usize = 4 << 10;
const REST: Duration = Duration::from_millis(50);
/// What a test's own socket may hold, so that what is under way stays small and what a test reads is fresh.
const HELD: u32 = 64 << 10;

/// A runtime for one test.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// What arrived, and when.
pub struct Meter {
    began: Instant,
    bins: Vec<AtomicU64>,
}

impl Meter {
    /// One that begins now.
    pub fn new() -> Arc<Meter> {
        Arc::new(Meter { began: Instant::now(), bins: (0..BINS).map(|_| AtomicU64::new(0)).collect() })
    }

    /// Adds bytes that arrived just now.
    pub fn add(&self, bytes: usize) {
        let at = (self.began.elapsed().as_millis() / BIN.as_millis()) as usize;
        self.bins[at.min(BINS - 1)].fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// How long it has run.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// All bytes so far.
    pub fn total(&self) -> u64 {
        self.bins.iter().map(|bin| bin.load(Ordering::Relaxed)).sum()
    }

    /// Bits per second between two moments since it began.
    pub fn rate(&self, from: Duration, to: Duration) -> f64 {
        let at = |moment: Duration| (moment.as_millis() / BIN.as_millis()) as usize;
        let bytes: u64 = self.bins[at(from)..at(to)].iter().map(|bin| bin.load(Ordering::Relaxed)).sum();
        bytes as f64 * 8.0 / (to - from).as_secs_f64()
    }

    /// The rate over every span of this width between two moments, a tenth of a second apart.
    pub fn windows(&self, from: Duration, to: Duration, width: Duration) -> Vec<(Duration, f64)> {
        let step = Duration::from_millis(100);
        let mut found = Vec::new();
        let mut start = from;
        while start + width <= to {
            found.push((start, self.rate(start, start + width)));
            start += step;
        }
        found
    }
}

/// What one end of a tunnel did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Bytes it sent.
    pub sent: u64,
    /// Bytes it received.
    pub received: u64,
    /// Whether every byte it received was the one it expected.
    pub intact: bool,
    /// Whether the stream it received came to a proper end.
    pub whole: bool,
}

/// What a tunnel does; the first byte that goes up it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Way {
    /// The origin sends.
    Down = b'D',
    /// The client sends.
    Up = b'U',
    /// Both send, as fast as they may.
    Both = b'B',
    /// Both send a little at a time, for tubes without a ceiling.
    Trickle = b'T',
}

/// The origin's end of many tunnels. Both ends run until the client closes its direction.
pub struct Sink {
    /// Where it listens.
    pub address: SocketAddr,
    /// What has come up to it.
    pub meter: Arc<Meter>,
    ends: Arc<Mutex<HashMap<u64, End>>>,
    task: JoinHandle<()>,
}

impl Sink {
    /// Listens on the loopback.
    pub async fn start() -> Sink {
        Sink::start_at([127, 0, 0, 1].into()).await
    }

    /// Listens on an address of this machine.
    pub async fn start_at(address: IpAddr) -> Sink {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(HELD).unwrap();
        socket.set_send_buffer_size(HELD).unwrap();
        socket.bind(SocketAddr::new(address, 0)).unwrap();
        let listener = socket.listen(1024).unwrap();
        let address = listener.local_addr().unwrap();
        let (meter, ends) = (Meter::new(), Arc::new(Mutex::new(HashMap::new())));
        let task = tokio::spawn(accept(listener, Arc::clone(&meter), Arc::clone(&ends)));
        Sink { address, meter, ends, task }
    }

    /// What the origin's end of a tunnel did, once it is over.
    #[track_caller]
    pub fn end(&self, seed: u64) -> End {
        until(Duration::from_secs(60), &format!("the origin's end of tunnel {seed}"), || {
            self.ends.lock().unwrap().get(&seed).copied()
        })
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, meter: Arc<Meter>, ends: Arc<Mutex<HashMap<u64, End>>>) {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        let (meter, ends) = (Arc::clone(&meter), Arc::clone(&ends));
        tokio::spawn(async move {
            let Ok(way) = stream.read_u8().await else { return };
            let Ok(seed) = stream.read_u64().await else { return };
            let (mut from, mut to) = stream.split();
            let over = AtomicBool::new(false);
            let sending = send(&mut to, Pattern::new(seed ^ 1), Pace::of(way, Way::Up), &over);
            let (received, sent) = tokio::join!(receive(&mut from, Pattern::new(seed), &meter, &over), sending);
            let (received, intact, whole) = received;
            ends.lock().unwrap().insert(seed, End { sent, received, intact, whole });
        });
    }
}

/// Reads to the end; says how much came, whether it was right, and whether the end was a proper one.
async fn receive(
    from: &mut (impl AsyncRead + Unpin),
    mut pattern: Pattern,
    meter: &Meter,
    over: &AtomicBool,
) -> (u64, bool, bool) {
    let (mut received, mut intact) = (0, true);
    let mut piece = vec![0; 32 << 10];
    let whole = loop {
        match from.read(&mut piece).await {
            Ok(0) => break true,
            Ok(n) => {
                intact = intact && pattern.matches(&piece[..n]);
                received += n as u64;
                meter.add(n);
            }
            Err(_) => break false,
        }
    };
    over.store(true, Ordering::Relaxed);
    (received, intact, whole)
}

/// How one end sends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    Never,
    Full,
    Trickle,
}

impl Pace {
    /// Of an end that sends nothing when the tunnel goes the other way only.
    fn of(way: u8, other: Way) -> Pace {
        match way {
            way if way == other as u8 => Pace::Never,
            way if way == Way::Trickle as u8 => Pace::Trickle,
            _ => Pace::Full,
        }
    }
}

/// Sends until it is over, then closes this direction; says how much the stream took.
async fn send(to: &mut (impl AsyncWrite + Unpin), mut pattern: Pattern, pace: Pace, over: &AtomicBool) -> u64 {
    let mut sent = 0;
    while !over.load(Ordering::Relaxed) {
        if pace != Pace::Full {
            tokio::time::sleep(REST).await;
        }
        if pace == Pace::Never {
            continue;
        }
        let ready = pattern.ready();
        let piece = ready.len().min(if pace == Pace::Full { 16 << 10 } else { DROP });
        // Wakes now and then to see whether it is over, even while nothing can be sent.
        match tokio::time::timeout(REST, to.write(&ready[..piece])).await {
            Ok(Ok(n)) => {
                pattern.advance(n);
                sent += n as u64;
            }
            Ok(Err(_)) => return sent,
            Err(_) => {}
        }
    }
    let _ = to.shutdown().await;
    sent
}

/// The client's end of a tunnel that is moving.
pub struct Tunnel {
    /// Which pattern it moves.
    pub seed: u64,
    /// What has come down to it.
    pub meter: Arc<Meter>,
    stop: Arc<AtomicBool>,
    task: JoinHandle<End>,
}

impl Tunnel {
    /// Opens one through the proxy and sets it moving; what comes down is counted by the meter given.
    pub async fn open(
        proxy: SocketAddr,
        authority: &str,
        way: Way,
        seed: u64,
        meter: &Arc<Meter>,
    ) -> io::Result<Tunnel> {
        let mut stream = connect(proxy, authority).await?;
        stream.write_u8(way as u8).await?;
        stream.write_u64(seed).await?;
        let (stop, own) = (Arc::new(AtomicBool::new(false)), Meter::new());
        let (stopped, all, mine) = (Arc::clone(&stop), Arc::clone(meter), Arc::clone(&own));
        let task = tokio::spawn(async move {
            let (mut from, mut to) = stream.split();
            let ended = AtomicBool::new(false);
            let sending = send(&mut to, Pattern::new(seed), Pace::of(way as u8, Way::Down), &stopped);
            let mut counted = Counted { from: &mut from, meter: &all };
            let receiving = async {
                let done = receive(&mut counted, Pattern::new(seed ^ 1), &mine, &ended).await;
                // Whoever ended it, there is no more use in sending.
                stopped.store(true, Ordering::Relaxed);
                done
            };
            let ((received, intact, whole), sent) = tokio::join!(receiving, sending);
            End { sent, received, intact, whole }
        });
        Ok(Tunnel { seed, meter: own, stop, task })
    }

    /// Whether it has come to an end.
    pub fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Closes the client's direction, reads the other to its end, and says what was moved.
    pub async fn close(self) -> End {
        self.stop.store(true, Ordering::Relaxed);
        tokio::time::timeout(Duration::from_secs(60), self.task).await.expect("a tunnel did not end").unwrap()
    }
}

/// Counts for all tunnels together what one of them reads.
struct Counted<'a, R> {
    from: &'a mut R,
    meter: &'a Meter,
}

impl<R: AsyncRead + Unpin> AsyncRead for Counted<'_, R> {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        let before = buf.filled().len();
        let done = std::pin::Pin::new(&mut *self.from).poll_read(cx, buf);
        self.meter.add(buf.filled().len() - before);
        done
    }
}

/// Opens a tunnel and gives its stream.
pub async fn connect(proxy: SocketAddr, authority: &str) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(HELD)?;
    socket.set_send_buffer_size(HELD)?;
    let mut stream = socket.connect(proxy).await?;
    stream.set_nodelay(true)?;
    stream.write_all(format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n\r\n").as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    if !head.starts_with(b"HTTP/1.1 200") {
        return Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()));
    }
    Ok(stream)
}
