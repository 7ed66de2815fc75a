//! The servers of the internet, one for all addresses: each answer says at which address it was asked.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::Sender;

use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;

use super::map::{GREETER, SECURE, V4, V6};

/// What a greeter says first.
pub const GREETING: &str = "220 greeter.example\r\n";

/// Serves, for ever.
pub async fn serve(ready: Sender<()>) {
    for port in [80, 443] {
        for any in ["0.0.0.0", "::"] {
            let socket = socket2::Socket::new(
                socket2::Domain::for_address(SocketAddr::new(any.parse().unwrap(), port)),
                socket2::Type::STREAM,
                None,
            )
            .unwrap();
            if any == "::" {
                socket.set_only_v6(true).unwrap();
            }
            socket.set_nonblocking(true).unwrap();
            socket.bind(&SocketAddr::new(any.parse().unwrap(), port).into()).unwrap();
            socket.listen(64).unwrap();
            tokio::spawn(accept(TcpListener::from_std(socket.into()).unwrap(), port));
        }
    }
    // A name server that hears every question and answers none.
    let _silent = UdpSocket::bind(("0.0.0.0", 53)).await.unwrap();
    ready.send(()).unwrap();
    std::future::pending::<()>().await;
}

async fn accept(listener: TcpListener, port: u16) {
    let tls = tls();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (here, tls) = (stream.local_addr().unwrap().ip(), tls.clone());
        tokio::spawn(async move {
            // Whoever goes away is gone.
            let _ = match port {
                80 => http(stream, here).await,
                _ if [SECURE.at(V4), SECURE.at(V6)].contains(&here) => http(tls.accept(stream).await?, here).await,
                _ => bytes(stream).await,
            };
            std::io::Result::Ok(())
        });
    }
}

/// With a certificate that nobody vouches for.
fn tls() -> TlsAcceptor {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed([SECURE.name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap()).into()
}

/// Says where it is, once it has heard something, then repeats what it hears.
async fn bytes(mut stream: TcpStream) -> std::io::Result<()> {
    let here = stream.local_addr()?.ip();
    if [GREETER.at(V4), GREETER.at(V6)].contains(&here) {
        stream.write_all(GREETING.as_bytes()).await?;
    }
    let mut heard = [0; 4096];
    if stream.read(&mut heard).await? > 0 {
        stream.write_all(format!("at {here}\n").as_bytes()).await?;
    }
    let (mut reading, mut writing) = stream.split();
    tokio::io::copy(&mut reading, &mut writing).await.map(drop)
}

/// Answers each request with where it is and the head that it got.
async fn http(stream: impl AsyncRead + AsyncWrite + Unpin, here: IpAddr) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let body = format!("at {here}\n{head}");
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.get_mut().write_all(answer.as_bytes()).await?;
    }
}
