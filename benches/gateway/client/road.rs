//! The way from the client to the origin: past a proxy that is asked, or through a relay that is not.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};

use crate::hello::{SIZE, Wish, hello};
use crate::origin::Tail;

/// Longer than anything that is still worth a figure.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the client speaks to who is between.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Via {
    /// To the origin itself, or to what relays to it without being asked.
    Straight,
    /// To a proxy: CONNECT, and requests in absolute form.
    Proxy,
}

/// A way to an origin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Road {
    /// Where the client connects.
    pub address: SocketAddr,
    pub via: Via,
    /// The origin, as CONNECT says it: a name or an address, and a port.
    pub target: String,
    /// The name in the hello.
    pub name: String,
}

impl Road {
    /// Connects. On the loopback the handshake is done when the call returns, so blocking costs nothing.
    pub fn connect(&self) -> io::Result<TcpStream> {
        self.connect_from(Ipv4Addr::LOCALHOST)
    }

    /// Connects from an address.
    pub fn connect_from(&self, from: Ipv4Addr) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        // Without it the kernel chooses, and need not look whether a port is free for all destinations.
        if from != Ipv4Addr::LOCALHOST {
            socket.bind(&SocketAddr::from((from, 0)).into())?;
        }
        socket.connect(&self.address.into())?;
        socket.set_tcp_nodelay(true)?;
        Ok(socket.into())
    }

    /// What is said before the hello; nothing where nobody is asked.
    pub fn ask(&self) -> Vec<u8> {
        match self.via {
            Via::Straight => Vec::new(),
            Via::Proxy => format!("CONNECT {0} HTTP/1.1\r\nhost: {0}\r\n\r\n", self.target).into_bytes(),
        }
    }

    /// The hello.
    pub fn hello(&self, wish: Wish) -> Vec<u8> {
        hello(&self.name, wish)
    }

    /// A request for the origin's page.
    pub fn request(&self) -> Vec<u8> {
        let path = match self.via {
            Via::Straight => "/".to_owned(),
            Via::Proxy => format!("http://{}/", self.target),
        };
        format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.target).into_bytes()
    }

    /// A tunnel whose hello was answered.
    pub fn open(&self, wish: Wish) -> io::Result<TcpStream> {
        self.open_from(Ipv4Addr::LOCALHOST, wish)
    }

    /// The same, from an address.
    pub fn open_from(&self, from: Ipv4Addr, wish: Wish) -> io::Result<TcpStream> {
        let mut stream = self.connect_from(from)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        if self.via == Via::Proxy {
            stream.write_all(&self.ask())?;
            let (mut tail, mut head, mut buffer) = (Tail::default(), Vec::new(), [0; SIZE]);
            while !tail.ends(&head) {
                match stream.read(&mut buffer)? {
                    0 => return Err(refused(&head)),
                    came => head.extend(&buffer[..came]),
                }
            }
            if !is_yes(&head) {
                return Err(refused(&head));
            }
        }
        stream.write_all(&self.hello(wish))?;
        stream.read_exact(&mut [0; SIZE])?;
        Ok(stream)
    }
}

/// Whether an answer is a yes.
pub fn is_yes(head: &[u8]) -> bool {
    head.starts_with(b"HTTP/1.") && head.get(8..12) == Some(b" 200")
}

/// An answer that is no yes.
pub fn refused(head: &[u8]) -> io::Error {
    let head = String::from_utf8_lossy(head);
    io::Error::other(format!("CONNECT was answered {:?}", head.lines().next().unwrap_or("with nothing")))
}
