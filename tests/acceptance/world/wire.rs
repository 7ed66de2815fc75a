//! HTTP/1.1 by hand: a client that sends exactly the bytes it is told to, and a reader for both ends.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any answer may take that a test has not given a bound of its own.
const PATIENCE: Duration = Duration::from_secs(20);

/// The lines before a message's body.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// The request or status line.
    pub line: String,
    /// Names in lower case, and values, in the order they came.
    pub fields: Vec<(String, String)>,
}

impl Head {
    /// The first value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The values of a field, a line each.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect()
    }

    /// Whether a field's list holds a word.
    pub fn lists(&self, name: &str, word: &str) -> bool {
        self.fields
            .iter()
            .filter(|(found, _)| found == name)
            .any(|(_, value)| value.split(',').any(|item| item.trim().eq_ignore_ascii_case(word)))
    }

    /// The second word of the first line: the target of a request, the status of an answer.
    pub fn second(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
}

/// Reads messages from a stream, keeping what came too early.
pub struct Reader<S> {
    stream: S,
    held: Vec<u8>,
}

impl<S: Read> Reader<S> {
    /// A reader that holds nothing yet.
    pub fn new(stream: S) -> Self {
        Reader { stream, held: Vec::new() }
    }

    fn more(&mut self) -> io::Result<usize> {
        let mut piece = [0; 16 << 10];
        let n = loop {
            match self.stream.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => break done?,
            }
        };
        self.held.extend_from_slice(&piece[..n]);
        Ok(n)
    }

    fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.held.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()));
            }
            if self.more()? == 0 {
                return if self.held.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    fn fields(&mut self) -> io::Result<Vec<(String, String)>> {
        let mut fields = Vec::new();
        loop {
            let line = self.line()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if line.is_empty() {
                return Ok(fields);
            }
            let (name, value) = line.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// The next head; `None` when the peer closed before one began.
    pub fn head(&mut self) -> io::Result<Option<Head>> {
        let Some(line) = self.line()? else { return Ok(None) };
        Ok(Some(Head { line, fields: self.fields()? }))
    }

    /// The body that belongs to a head, given away in pieces; returns the trailers.
    pub fn body(&mut self, framing: Framing, each: &mut dyn FnMut(&[u8])) -> io::Result<Vec<(String, String)>> {
        match framing {
            Framing::None => Ok(Vec::new()),
            Framing::Length(bytes) => self.exactly(bytes, each).map(|()| Vec::new()),
            Framing::Close => loop {
                each(&std::mem::take(&mut self.held));
                if self.more()? == 0 {
                    return Ok(Vec::new());
                }
            },
            Framing::Chunked => loop {
                let line = self.line()?.ok_or(io::ErrorKind::UnexpectedEof)?;
                let size = line.split(';').next().unwrap_or_default().trim().to_owned();
                let bytes = u64::from_str_radix(&size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
                if bytes == 0 {
                    return self.fields();
                }
                self.exactly(bytes, each)?;
                self.line()?;
            },
        }
    }

    fn exactly(&mut self, mut bytes: u64, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        while bytes > 0 {
            if self.held.is_empty() && self.more()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let n = self.held.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
            each(&self.held[..n]);
            self.held.drain(..n);
            bytes -= n as u64;
        }
        Ok(())
    }
}

/// Where a body ends (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// After so many bytes.
    Length(u64),
    /// After the last chunk.
    Chunked,
    /// When the connection closes.
    Close,
}

impl Framing {
    /// Of a request.
    pub fn of_request(head: &Head) -> Framing {
        if head.lists("transfer-encoding", "chunked") {
            return Framing::Chunked;
        }
        head.field("content-length").and_then(|text| text.parse().ok()).map_or(Framing::None, Framing::Length)
    }

    /// Of an answer to a request of this method.
    pub fn of_answer(head: &Head, method: &str) -> Framing {
        let status = head.second();
        if method == "HEAD" || status.starts_with('1') || ["204", "304"].contains(&status) {
            return Framing::None;
        }
        if method == "CONNECT" && status.starts_with('2') {
            return Framing::None;
        }
        match Framing::of_request(head) {
            Framing::None => Framing::Close,
            framed => framed,
        }
    }
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Its status.
    pub status: u16,
    /// Its head.
    pub head: Head,
    /// Its body.
    pub body: Vec<u8>,
    /// Its trailers.
    pub trailers: Vec<(String, String)>,
}

impl Answered {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A client's connection.
pub struct Wire {
    reader: Reader<TcpStream>,
}

impl Wire {
    /// Connects; every read has a bound.
    #[track_caller]
    pub fn connect(to: SocketAddr) -> Wire {
        Wire::over(TcpStream::connect(to).unwrap())
    }

    /// Connects from an address of the client's own.
    #[track_caller]
    pub fn connect_from(from: IpAddr, to: SocketAddr) -> Wire {
        let socket = socket2::Socket::new(socket2::Domain::for_address(to), socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
        socket.connect(&to.into()).unwrap();
        Wire::over(socket.into())
    }

    fn over(stream: TcpStream) -> Wire {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Wire { reader: Reader::new(stream) }
    }

    /// Waits this long for the next bytes instead.
    pub fn patience(&mut self, limit: Duration) {
        self.stream().set_read_timeout(Some(limit)).unwrap();
    }

    /// The socket below.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.reader.stream
    }

    /// Sends bytes as they are.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream().write_all(bytes.as_ref()).unwrap();
    }

    /// The next head and its body.
    #[track_caller]
    pub fn answer(&mut self, method: &str) -> Answered {
        self.try_answer(method).unwrap().expect("the connection closed without an answer")
    }

    /// The same; `None` when the connection closed in good order before an answer began.
    pub fn try_answer(&mut self, method: &str) -> io::Result<Option<Answered>> {
        let Some(head) = self.reader.head()? else { return Ok(None) };
        let status = head.second().parse().map_err(|_| io::ErrorKind::InvalidData)?;
        let mut body = Vec::new();
        let framing = Framing::of_answer(&head, method);
        let trailers = self.reader.body(framing, &mut |piece| body.extend_from_slice(piece))?;
        Ok(Some(Answered { status, head, body, trailers }))
    }

    /// Sends a request for a URL without a body and reads the answer.
    #[track_caller]
    pub fn get(&mut self, url: &str) -> Answered {
        let authority = url.split('/').nth(2).unwrap();
        self.send(format!("GET {url} HTTP/1.1\r\nhost: {authority}\r\n\r\n"));
        self.answer("GET")
    }

    /// Asks a server for one of its own pages, on a connection of its own.
    #[track_caller]
    pub fn page(to: SocketAddr, path: &str) -> Answered {
        let mut wire = Wire::connect(to);
        wire.send(format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"));
        wire.answer("GET")
    }

    /// Asks for a tunnel and gives the answer, whatever it is.
    #[track_caller]
    pub fn connect_to(&mut self, authority: &str) -> Answered {
        self.send(format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n\r\n"));
        self.answer("CONNECT")
    }

    /// A tunnel that must open.
    #[track_caller]
    pub fn tunnel(proxy: SocketAddr, authority: &str) -> Wire {
        let mut wire = Wire::connect(proxy);
        let answer = wire.connect_to(authority);
        assert_eq!(answer.status, 200, "{answer:?}");
        wire
    }

    /// Exactly so many bytes.
    #[track_caller]
    pub fn exactly(&mut self, bytes: usize) -> Vec<u8> {
        let mut taken = Vec::new();
        self.reader.exactly(bytes as u64, &mut |piece| taken.extend_from_slice(piece)).unwrap();
        taken
    }

    /// Everything until the peer closes or breaks off.
    pub fn rest(&mut self) -> (Vec<u8>, io::Result<()>) {
        let mut taken = Vec::new();
        let end = self.reader.body(Framing::Close, &mut |piece| taken.extend_from_slice(piece));
        (taken, end.map(|_| ()))
    }
}

/// Reads what is there, whatever a reader held back first.
impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.reader.held.is_empty() {
            return self.reader.stream.read(into);
        }
        let n = self.reader.held.len().min(into.len());
        into[..n].copy_from_slice(&self.reader.held[..n]);
        self.reader.held.drain(..n);
        Ok(n)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.reader.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.reader.stream.flush()
    }
}

#[test]
fn every_framing_is_read_to_its_end_and_no_further() {
    for (text, body, trailers) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", "abc", 0),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nt: 1\r\n\r\n", "abc", 1),
        ("HTTP/1.1 204 No Content\r\n\r\n", "", 0),
    ] {
        let next = "HTTP/1.1 299 Next\r\n\r\n";
        let both = format!("{text}{next}");
        let mut reader = Reader::new(both.as_bytes());
        let head = reader.head().unwrap().unwrap();
        let mut read = Vec::new();
        let framing = Framing::of_answer(&head, "GET");
        let found = reader.body(framing, &mut |piece| read.extend_from_slice(piece)).unwrap();
        assert_eq!((String::from_utf8(read).unwrap().as_str(), found.len()), (body, trailers), "{text}");
        assert_eq!(reader.head().unwrap().unwrap().second(), "299", "{text}");
    }
}
