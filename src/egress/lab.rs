//! A world of its own for the tests of this stage: name servers, origins and parents on loopback.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::SOA;
use hickory_resolver::proto::rr::{Name as DnsName, RData, Record, RecordType};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;

use super::{Dns, Egress, Egresses, Guard, Healths, Parent, Resolver, Spec};
use crate::base::{EgressId, Name, Target, clock};

/// Waits for a condition; a test that waits longer has failed.
pub async fn within(limit: Duration, condition: impl AsyncFn() -> bool) {
    let began = clock::now();
    while !condition().await {
        assert!(began.elapsed() < limit, "did not come true within {limit:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// An egress with no option set.
pub fn egress(id: &str) -> Egress {
    Egress::bare(EgressId::from(id), Duration::from_secs(5))
}

/// An egress with a parent.
pub fn with_parent(id: &str, parent: SocketAddr) -> Egress {
    let credentials = Some(("gateway".to_owned(), "open sesame".to_owned()));
    Egress { parent: Some(Parent { target: target(&parent.to_string()), credentials }), ..egress(id) }
}

/// Egresses that deny nothing but what is listed, with loopback names.
pub fn egresses(egresses: &[Egress], deny: &[&str]) -> Egresses {
    let local = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    let hosts: HashMap<Name, Vec<IpAddr>> =
        ["origin.example", "other.example"].map(|name| (name.parse().unwrap(), local.clone())).into();
    // A server that refuses, so that what is not in the table fails at once.
    let dns = Dns { servers: vec![SocketAddr::from(([127, 0, 0, 1], 9))], hosts };
    let guard = Guard { deny: deny.iter().map(|net| net.parse().unwrap()).collect(), ports: vec![1..=65535] };
    let resolver = Arc::new(Resolver::new(&dns, 64));
    Egresses::new(
        &Spec { egresses: egresses.to_vec(), dns, guard },
        resolver,
        Arc::new(tokio::sync::Semaphore::new(64)),
        &Healths::default(),
    )
}

pub fn target(text: &str) -> Target {
    text.parse().unwrap()
}

/// What a name server says.
pub enum Reply {
    Addresses(Vec<IpAddr>, u32),
    Code(ResponseCode),
    Silence,
}

/// A DNS server that remembers what it was asked.
pub struct NameServer {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _task: JoinSet<()>,
}

impl NameServer {
    pub async fn start(answer: impl Fn(&str, RecordType) -> Reply + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut task = JoinSet::new();
        let log = asked.clone();
        task.spawn(async move {
            let mut buffer = [0; 4096];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                let query = Message::from_vec(&buffer[..length]).unwrap();
                let (name, kind) = (query.queries[0].name().clone(), query.queries[0].query_type());
                log.lock().unwrap().push(format!("{name} {kind}"));
                if let Some(message) = reply(query, &name, answer(&name.to_string(), kind)) {
                    socket.send_to(&message.to_vec().unwrap(), from).await.unwrap();
                }
            }
        });
        NameServer { address, asked, _task: task }
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn reply(query: Message, name: &DnsName, reply: Reply) -> Option<Message> {
    let mut message = query.into_response();
    match reply {
        Reply::Silence => return None,
        Reply::Addresses(addresses, ttl) => {
            for address in addresses {
                message.add_answer(Record::from_rdata(name.clone(), ttl, RData::from(address)));
            }
        }
        Reply::Code(code) => {
            message.metadata.response_code = code;
            let zone: DnsName = "example.".parse().unwrap();
            let soa = SOA::new(zone.clone(), zone.clone(), 1, 60, 60, 60, 2);
            message.add_authority(Record::from_rdata(zone, 2, RData::SOA(soa)));
        }
    }
    Some(message)
}

/// What a server does with the next request of a connection. After the last it waits for the client to close.
#[derive(Clone)]
pub enum Act {
    /// Answers with these bytes.
    Answer(&'static str),
    /// Closes without an answer.
    HangUp,
    /// Answers 200 and becomes whatever the rest of the script says, inside the tunnel.
    Open(&'static str),
}

/// A plain 200 that keeps the connection open.
pub const OK: Act = Act::Answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

/// A server that plays one script for each connection and remembers the request heads.
pub struct Server {
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    peers: Arc<Mutex<Vec<SocketAddr>>>,
    _task: JoinSet<()>,
}

impl Server {
    pub async fn start(scripts: Vec<Vec<Act>>) -> Self {
        Self::secured(scripts, None).await
    }

    /// Over TLS, where a configuration is given.
    pub async fn secured(scripts: Vec<Vec<Act>>, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (heads, peers) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let mut task = JoinSet::new();
        let (log, from) = (heads.clone(), peers.clone());
        task.spawn(async move {
            let mut connections = JoinSet::new();
            for script in scripts {
                let (stream, peer) = listener.accept().await.unwrap();
                from.lock().unwrap().push(peer);
                let (log, tls) = (log.clone(), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => play(stream, script, log).await,
                        Some(config) => {
                            if let Ok(stream) = tokio_rustls::TlsAcceptor::from(config).accept(stream).await {
                                play(stream, script, log).await;
                            }
                        }
                    }
                });
            }
            connections.join_all().await;
        });
        Server { address, heads, peers, _task: task }
    }

    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    pub fn peers(&self) -> Vec<SocketAddr> {
        self.peers.lock().unwrap().clone()
    }
}

async fn play(mut stream: impl AsyncRead + AsyncWrite + Unpin, script: Vec<Act>, log: Arc<Mutex<Vec<String>>>) {
    for act in script {
        let Some(head) = head(&mut stream).await else { return };
        log.lock().unwrap().push(head);
        match act {
            Act::Answer(bytes) => stream.write_all(bytes.as_bytes()).await.unwrap(),
            Act::Open(early) => {
                stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
                stream.write_all(early.as_bytes()).await.unwrap();
            }
            Act::HangUp => return,
        }
    }
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}
