//! The origin's role: one thread and one port for everything that scenes ask for. A tunnel says in its hello what it
//! wants, and what begins otherwise is plain HTTP.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use slab::Slab;
use socket2::{Domain, Socket, Type};

use crate::bulk::{Sink, Source};
use crate::hello::{SIZE, WISH, Wish};
use crate::poll::{EventFlags, Poll};

/// It listens on 127.0.0.1 to 127.0.0.4: connections from one address to another are bounded by the range of ports.
pub const ADDRESSES: u8 = 4;
/// For a crowd that connects at once.
const BACKLOG: i32 = 4096;
/// What one byte of a [`Wish::Fill`] brings.
pub const FILL: u64 = 64 << 10;
/// How long a body of plain HTTP is.
pub const BODY: usize = 1024;
const TLS: u8 = 22;
pub const HEAD_END: [u8; 4] = *b"\r\n\r\n";

/// Serves until it is killed; says on standard output by which port.
pub fn serve() -> io::Result<()> {
    let listeners = listen()?;
    println!("{}", listeners[0].local_addr()?.port());
    let mut poll = Poll::new()?;
    for (number, listener) in listeners.iter().enumerate() {
        poll.add(listener, number, EventFlags::IN)?;
    }
    let (mut flows, mut ready) = (Slab::new(), Vec::new());
    let mut tools = Tools::new();
    loop {
        poll.wait(None, &mut ready)?;
        for number in ready.drain(..) {
            match number.checked_sub(listeners.len()) {
                None => accept(&listeners[number], &mut flows, &poll, listeners.len())?,
                Some(key) => {
                    let Some(flow) = flows.get_mut(key) else { continue };
                    // Whoever breaks off is the client's to notice.
                    if !turn(flow, &mut tools, &poll, number).unwrap_or(false) {
                        flows.remove(key);
                    }
                }
            }
        }
    }
}

fn listen() -> io::Result<Vec<TcpListener>> {
    let on = |last: u8, port: u16| -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), port)).into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    };
    loop {
        let first = on(1, 0)?;
        let port = first.local_addr()?.port();
        // The port may be another's on one of the other addresses: then another one is tried.
        match (2..=ADDRESSES).map(|last| on(last, port)).collect::<io::Result<Vec<_>>>() {
            Ok(others) => return Ok([first].into_iter().chain(others).collect()),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
}

fn accept(listener: &TcpListener, flows: &mut Slab<Flow>, poll: &Poll, before: usize) -> io::Result<()> {
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => return Err(error),
        };
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let entry = flows.vacant_entry();
        poll.add(&stream, entry.key() + before, EventFlags::IN)?;
        entry.insert(Flow { stream, part: Part::New, owed: 0 });
    }
}

/// What all flows share.
struct Tools {
    source: Source,
    sink: Sink,
    buffer: Vec<u8>,
    /// To a hello, and to a request.
    answer: Vec<u8>,
    page: Vec<u8>,
}

impl Tools {
    fn new() -> Tools {
        let mut page = format!(
            "HTTP/1.1 200 OK\r\ndate: Mon, 02 Nov 2026 12:00:00 GMT\r\ncache-control: no-store\r\n\
             content-type: text/plain\r\ncontent-length: {BODY}\r\n\r\n"
        )
        .into_bytes();
        page.extend([b'x'; BODY]);
        let (buffer, answer) = (vec![0; 64 << 10], vec![b'a'; SIZE]);
        Tools { source: Source::new(), sink: Sink::new(), buffer, answer, page }
    }
}

struct Flow {
    stream: TcpStream,
    part: Part,
    /// Bytes of the source that are still to be sent.
    owed: u64,
}

/// How far a flow has come.
enum Part {
    /// Nothing came.
    New,
    /// So many bytes of a hello, and what it wants, once that came.
    Hello(usize, Option<Wish>),
    /// A hello was answered.
    Tunnel(Wish),
    /// Requests; the last bytes that came.
    Http(Tail),
}

/// The last four bytes of what came: a request or an answer without a body ends with an empty line.
#[derive(Clone, Copy, Default)]
pub struct Tail([u8; 4]);

impl Tail {
    /// With more; whether a head ends there.
    pub fn ends(&mut self, more: &[u8]) -> bool {
        for byte in &more[more.len().saturating_sub(4)..] {
            self.0.rotate_left(1);
            self.0[3] = *byte;
        }
        self.0 == HEAD_END
    }
}

/// Does what can be done; whether the flow goes on.
fn turn(flow: &mut Flow, tools: &mut Tools, poll: &Poll, number: usize) -> io::Result<bool> {
    if flow.owed > 0 {
        return send(flow, tools, poll, number);
    }
    if matches!(flow.part, Part::Tunnel(Wish::Sink)) {
        return Ok(tools.sink.take(&flow.stream)? > 0);
    }
    let came = match flow.stream.read(&mut tools.buffer) {
        Ok(0) => return Ok(false),
        Ok(came) => came,
        Err(error) => return Ok(error.kind() == io::ErrorKind::WouldBlock),
    };
    let bytes = &tools.buffer[..came];
    if let Part::New = flow.part {
        flow.part = if bytes[0] == TLS { Part::Hello(0, None) } else { Part::Http(Tail::default()) };
    }
    match &mut flow.part {
        Part::New => {}
        Part::Hello(seen, wish) => {
            if let Some(byte) = WISH.checked_sub(*seen).and_then(|at| bytes.get(at)) {
                *wish = Wish::read(*byte);
            }
            *seen += came;
            if *seen == SIZE {
                let Some(wish) = *wish else { return Ok(false) };
                flow.part = Part::Tunnel(wish);
                flow.stream.write_all(&tools.answer)?;
                flow.owed = if wish == Wish::Send { u64::MAX } else { 0 };
            }
        }
        Part::Tunnel(Wish::Echo) => flow.stream.write_all(bytes)?,
        Part::Tunnel(_) => flow.owed = FILL * came as u64,
        Part::Http(tail) => {
            if tail.ends(bytes) {
                flow.stream.write_all(&tools.page)?;
            }
        }
    }
    if flow.owed > 0 {
        poll.modify(&flow.stream, number, EventFlags::OUT)?;
    }
    Ok(true)
}

fn send(flow: &mut Flow, tools: &Tools, poll: &Poll, number: usize) -> io::Result<bool> {
    match tools.source.send(&flow.stream, flow.owed) {
        Ok(sent) => flow.owed -= sent as u64,
        Err(error) => return Ok(error.kind() == io::ErrorKind::WouldBlock),
    }
    if flow.owed == 0 {
        poll.modify(&flow.stream, number, EventFlags::IN)?;
    }
    Ok(true)
}
