//! An HTTP/2 client of the proxy: many tunnels and requests over one TLS connection.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use hyper::{Method, Request, StatusCode};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Certs;

/// What a stream may have under way to this client; as browsers do it, the connection has room for all of them.
const WINDOW: u32 = 256 << 10;
const WINDOWS: u32 = 64 << 20;

/// One connection.
pub struct Lanes {
    requests: SendRequest<Bytes>,
    /// The certificate that was shown, in DER.
    pub shown: Vec<u8>,
}

/// One tunnel.
pub struct Lane {
    /// Towards the origin.
    pub up: SendStream<Bytes>,
    /// From it.
    pub down: RecvStream,
}

impl Lanes {
    /// Connects and settles on HTTP/2.
    pub async fn connect(proxy: SocketAddr, certs: &Certs) -> Lanes {
        let stream = TcpStream::connect(proxy).await.unwrap();
        let connector = TlsConnector::from(certs.trust(&["h2", "http/1.1"]));
        let stream = connector.connect(ServerName::from(proxy.ip()), stream).await.unwrap();
        let session = stream.get_ref().1;
        assert_eq!(session.alpn_protocol(), Some(&b"h2"[..]));
        let shown = session.peer_certificates().unwrap()[0].to_vec();
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOWS);
        let (requests, connection) = builder.handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Lanes { requests: requests.ready().await.unwrap(), shown }
    }

    /// Sends a request without a body.
    pub fn ask(&mut self, method: Method, uri: &str) -> ResponseFuture {
        let request = Request::builder().method(method).uri(uri).version(hyper::Version::HTTP_2).body(()).unwrap();
        self.requests.send_request(request, true).unwrap().0
    }

    /// Asks for a tunnel, and takes that back when what this gives is dropped before it was answered.
    pub async fn ask_for_tunnel(&mut self, authority: &str) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
        let request = Request::connect(authority).version(hyper::Version::HTTP_2).body(()).unwrap();
        self.requests = self.requests.clone().ready().await?;
        self.requests.send_request(request, false)
    }

    /// Asks for a tunnel, and waits for it.
    pub async fn tunnel(&mut self, authority: &str) -> Result<Lane, StatusCode> {
        let (answer, up) = self.ask_for_tunnel(authority).await.unwrap();
        let answer = answer.await.unwrap();
        if answer.status() == StatusCode::OK { Ok(Lane { up, down: answer.into_body() }) } else { Err(answer.status()) }
    }
}

impl Lane {
    /// The next bytes; none at the end.
    pub async fn read(&mut self) -> Result<Bytes, h2::Error> {
        let Some(bytes) = self.down.data().await.transpose()? else { return Ok(Bytes::new()) };
        let _ = self.down.flow_control().release_capacity(bytes.len());
        Ok(bytes)
    }

    /// Reads so many bytes at least.
    pub async fn read_some(&mut self, bytes: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < bytes {
            let more = self.read().await.unwrap();
            assert!(!more.is_empty(), "it ended after {} bytes", all.len());
            all.extend_from_slice(&more);
        }
        all
    }

    /// Sends all of it as the gateway makes room.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), h2::Error> {
        while !bytes.is_empty() {
            self.up.reserve_capacity(bytes.len());
            let room = std::future::poll_fn(|cx| self.up.poll_capacity(cx)).await;
            let Some(room) = room.transpose()? else { return Err(h2::Reason::STREAM_CLOSED.into()) };
            self.up.send_data(bytes.split_to(room.min(bytes.len())), false)?;
        }
        Ok(())
    }
}
