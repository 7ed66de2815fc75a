//! Origins made for a test: each answers as it is told to and remembers what it was sent.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ring::digest::{Context, SHA256};

use super::pattern::{Pattern, hex};
use super::wire::{Framing, Head, Reader};

/// A request as it reached an origin.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its head.
    pub head: Head,
    /// Its body.
    pub body: Vec<u8>,
    /// Its trailers.
    pub trailers: Vec<(String, String)>,
    /// Where that connection came from.
    pub from: SocketAddr,
}

/// What an origin answers: bytes as they are, and whether it closes after them.
pub struct Answer {
    bytes: Vec<u8>,
    close: bool,
}

impl Answer {
    /// Exactly these bytes.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Answer {
        Answer { bytes: bytes.into(), close: false }
    }

    /// 200 with a body of stated length.
    pub fn ok(body: &str) -> Answer {
        Answer::raw(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
    }

    /// Then closes.
    pub fn closing(self) -> Answer {
        Answer { close: true, ..self }
    }
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    connections: AtomicUsize,
    requests: Mutex<Vec<Request>>,
}

/// A listening origin; it stops accepting when dropped.
pub struct Origin {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Origin {
    /// Hands every connection to a function, each on a thread of its own.
    pub fn raw(serve: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> Origin {
        Origin::on("127.0.0.1:0", Arc::default(), serve)
    }

    /// Reads each request whole, remembers it, and answers.
    pub fn http(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Origin {
        Origin::http_on("127.0.0.1:0", answer)
    }

    /// The same on an address of choice.
    pub fn http_on(address: &str, answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Origin {
        let shared: Arc<Shared> = Arc::default();
        let seen = Arc::clone(&shared);
        Origin::on(address, shared, move |stream| {
            let from = stream.peer_addr()?;
            let mut out = stream.try_clone()?;
            let mut reader = Reader::new(stream);
            while let Some(head) = reader.head()? {
                if head.field("expect").is_some() {
                    out.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
                }
                let mut body = Vec::new();
                let trailers = reader.body(Framing::of_request(&head), &mut |piece| body.extend_from_slice(piece))?;
                let request = Request { head, body, trailers, from };
                seen.requests.lock().unwrap().push(request.clone());
                let answer = answer(&request);
                out.write_all(&answer.bytes)?;
                if answer.close || request.head.lists("connection", "close") {
                    return out.shutdown(std::net::Shutdown::Both);
                }
            }
            Ok(())
        })
    }

    /// `GET /BYTES/SEED` gives a pattern; a request with a body is told `{"bytes": N, "sha256": "…"}` of it.
    pub fn streams() -> Origin {
        Origin::raw(|stream| {
            let mut out = stream.try_clone()?;
            let mut reader = Reader::new(stream);
            while let Some(head) = reader.head()? {
                if head.line.starts_with("GET ") {
                    let mut words = head.second().split('/').skip(1).map(|word| word.parse().unwrap_or(0));
                    let (bytes, seed) = (words.next().unwrap_or(0), words.next().unwrap_or(0));
                    write!(out, "HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n")?;
                    Pattern::new(seed).write_to(&mut out, bytes)?;
                    continue;
                }
                if head.field("expect").is_some() {
                    out.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
                }
                let (mut hash, mut bytes) = (Context::new(&SHA256), 0_u64);
                reader.body(Framing::of_request(&head), &mut |piece| {
                    hash.update(piece);
                    bytes += piece.len() as u64;
                })?;
                let body = format!("{{\"bytes\": {bytes}, \"sha256\": \"{}\"}}", hex(hash.finish().as_ref()));
                write!(out, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())?;
            }
            Ok(())
        })
    }

    /// Gives back what it gets, and closes its side when the other side does.
    pub fn echo() -> Origin {
        Origin::raw(|mut stream| {
            let mut out = stream.try_clone()?;
            io::copy(&mut stream, &mut out)?;
            out.shutdown(std::net::Shutdown::Write)
        })
    }

    fn on(
        address: &str,
        shared: Arc<Shared>,
        serve: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Origin {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (serve, owner) = (Arc::new(serve), Arc::clone(&shared));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                if owner.stop.load(Ordering::Relaxed) {
                    return;
                }
                let serve = Arc::clone(&serve);
                owner.connections.fetch_add(1, Ordering::Relaxed);
                // An origin never waits for ever for a test that has failed.
                let _ = stream.set_read_timeout(Some(Duration::from_secs(120)));
                let _ = stream.set_nodelay(true);
                thread::spawn(move || {
                    // A peer that breaks off is for the test to see from its own side.
                    let _ = serve(stream);
                });
            }
        });
        Origin { address, shared }
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Every request it has read, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The only request it has read.
    #[track_caller]
    pub fn request(&self) -> Request {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.into_iter().next().unwrap()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Wakes the accept that would otherwise wait for a next client.
        let _ = TcpStream::connect(self.address);
    }
}

/// A port on which nothing listens, and nothing will while this is held: it is bound, but does not listen.
pub struct Dead {
    socket: socket2::Socket,
}

impl Dead {
    /// On the loopback.
    pub fn new() -> Dead {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        Dead { socket }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().as_socket().unwrap().port()
    }
}

/// A port that never completes a handshake: its queue of connections is full and nobody accepts.
pub struct Deaf {
    listener: socket2::Socket,
    _queued: Vec<socket2::Socket>,
}

impl Deaf {
    /// On the loopback.
    pub fn new() -> Deaf {
        let stream = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let listener = stream();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let queued = (0..8)
            .map(|_| {
                let socket = stream();
                socket.set_nonblocking(true).unwrap();
                let _ = socket.connect(&address);
                socket
            })
            .collect();
        Deaf { listener, _queued: queued }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().as_socket().unwrap().port()
    }
}

/// A DNS server that answers every question with "no such name" and counts them.
pub struct NoNames {
    /// Where it listens.
    pub address: SocketAddr,
}

impl NoNames {
    /// On the loopback, over UDP.
    pub fn start() -> NoNames {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(300))).unwrap();
        thread::spawn(move || {
            let mut packet = [0; 1500];
            while let Ok((bytes, from)) = socket.recv_from(&mut packet) {
                let Some(end) = question_end(&packet[..bytes]) else { continue };
                let mut answer = packet[..end].to_vec();
                answer[2] = 0x80 | (answer[2] & 0x79); // an answer, opcode and RD as asked
                answer[3] = 0x83; // recursion available, NXDOMAIN
                answer[6..12].fill(0); // one question, no records
                let _ = socket.send_to(&answer, from);
            }
        });
        NoNames { address }
    }
}

/// A DNS server that knows 127.0.0.1 for the names under one, and never answers about any other.
pub struct SomeNames {
    /// Where it listens.
    pub address: SocketAddr,
}

impl SomeNames {
    /// On the loopback, over UDP.
    pub fn start(known: &str) -> SomeNames {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(300))).unwrap();
        // As on the wire: each label behind its length.
        let known: Vec<u8> =
            known.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
        thread::spawn(move || {
            let mut packet = [0; 1500];
            while let Ok((bytes, from)) = socket.recv_from(&mut packet) {
                let Some(end) = question_end(&packet[..bytes]) else { continue };
                let question = &packet[12..end];
                if !question[..question.len() - 5].ends_with(&known) {
                    continue;
                }
                let is_v4 = question[question.len() - 4..] == [0, 1, 0, 1];
                let mut answer = packet[..end].to_vec();
                answer[2] = 0x80 | (answer[2] & 0x79); // an answer, opcode and RD as asked
                answer[3] = 0x80; // recursion available
                answer[6..12].copy_from_slice(&[0, u8::from(is_v4), 0, 0, 0, 0]);
                if is_v4 {
                    // The name of the question, A, IN, for a second, four bytes.
                    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
                }
                let _ = socket.send_to(&answer, from);
            }
        });
        SomeNames { address }
    }
}

fn question_end(packet: &[u8]) -> Option<usize> {
    let mut at = 12;
    loop {
        match *packet.get(at)? {
            0 => return (at + 5 <= packet.len()).then_some(at + 5),
            length => at += 1 + usize::from(length),
        }
    }
}
