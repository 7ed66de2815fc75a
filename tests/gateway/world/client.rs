//! Clients: a connection from one of their addresses, and what it brings back.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::sandbox::Space;
use super::space::inside;

/// How long an answer may take: a silent client's address is asked after two seconds, a name is looked up for two.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection of a client.
pub struct Client(TcpStream);

impl Client {
    /// Connects from an address.
    pub async fn connect(from: &str, to: SocketAddr) -> std::io::Result<Client> {
        let socket = if to.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
        socket.bind(SocketAddr::new(from.parse().unwrap(), 0))?;
        let connected = tokio::time::timeout(PATIENCE, socket.connect(to)).await;
        connected.map_err(|_| std::io::ErrorKind::TimedOut)?.map(Client)
    }

    /// Says something.
    pub async fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Hears until something stands in it, or the other side closes.
    pub async fn hear(&mut self, word: &str) -> String {
        let mut heard = Vec::new();
        let hearing = async {
            while !String::from_utf8_lossy(&heard).contains(word) {
                match self.0.read_buf(&mut heard).await {
                    Ok(0) => break,
                    Ok(_) => {}
                    // A reset is no clean end; nobody here should meet one.
                    Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&heard)),
                }
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, hearing).await.is_ok();
        let heard = String::from_utf8_lossy(&heard).into_owned();
        assert!(in_time, "{word:?} was not heard in {heard:?}");
        heard
    }
}

/// Does something on the clients' machines.
pub fn on_clients<T, F>(work: impl FnOnce() -> F + Send + 'static) -> T
where
    F: Future<Output = T>,
    T: Send + 'static,
{
    inside(Space::Clients, work)
}

/// Connects from an address, says something, and gives back what was heard until the servers' last word, or the end.
pub fn ask(from: &'static str, to: IpAddr, port: u16, bytes: Vec<u8>) -> String {
    inside(Space::Clients, move || async move {
        let mut client = Client::connect(from, SocketAddr::new(to, port)).await.unwrap();
        client.say(&bytes).await;
        client.hear(&format!("at {to}\n")).await
    })
}

/// Connects from an address as often as this, and says something each time. What is heard can be read for so long as an answer
/// may take.
pub fn reach(from: &'static str, to: IpAddr, port: u16, bytes: &[u8], times: usize) -> Vec<std::net::TcpStream> {
    let bytes = bytes.to_vec();
    inside(Space::Clients, move || async move {
        let mut reached = Vec::new();
        for _ in 0..times {
            let mut client = Client::connect(from, SocketAddr::new(to, port)).await.unwrap();
            client.say(&bytes).await;
            let stream = client.0.into_std().unwrap();
            stream.set_nonblocking(false).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            reached.push(stream);
        }
        reached
    })
}

/// A ClientHello with a name, or without, with or without an encrypted one inside.
pub fn hello(name: Option<&str>, ech: bool) -> Vec<u8> {
    let vector = |octets: usize, data: &[u8]| [&data.len().to_be_bytes()[8 - octets..], data].concat();
    let extension = |kind: u16, data: &[u8]| [&kind.to_be_bytes()[..], &vector(2, data)].concat();
    let sni = |name: &str| extension(0, &vector(2, &[&[0], &vector(2, name.as_bytes())[..]].concat()));
    let mut extensions = name.map(sni).unwrap_or_default();
    if ech {
        extensions.extend(extension(0xfe0d, &[0; 64]));
    }
    let body = [&[3, 3], &[7; 32][..], &[0, 0, 2, 0x13, 1, 1, 0], &vector(2, &extensions)].concat();
    let message = [&[1], &vector(3, &body)[..]].concat();
    [&[22, 3, 1], &vector(2, &message)[..]].concat()
}

/// The hello of a client that shows a name.
pub fn tls(name: &str) -> Vec<u8> {
    hello(Some(name), false)
}
