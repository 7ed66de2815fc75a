//! TLS towards clients: the handshake, and a certificate that is taken anew when its files change.

use std::fs::Metadata;
use std::future::poll_fn;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::ready;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::PollSemaphore;

use super::door::HEAD_TIMEOUT;
use super::identity::{Identity, IdentityError};
use super::spec::Tls as Spec;
use crate::base::{Fault, Reason, Side};

/// A larger file holds no certificate: a chain of five with keys of 4096 bits has 12 KiB.
pub const LARGEST: u64 = 1 << 20;

/// Handshakes that are worked on at once: an RSA signature takes a millisecond of a processor, and a bell brings
/// hundreds. The others stand in line, and between two of them everybody who has data has a turn.
pub const AT_ONCE: usize = 1;

/// What a listener with a certificate shows.
#[derive(Debug)]
pub struct Tls {
    spec: Spec,
    config: ArcSwap<ServerConfig>,
    seen: Mutex<Seen>,
    turns: Arc<Semaphore>,
}

/// What was found when the files were looked at last.
#[derive(Debug)]
struct Seen {
    stamps: [Stamp; 2],
    expires: Option<Timestamp>,
    problem: Option<String>,
}

/// By which a changed file is known: a copy put in its place has another inode, one that was written to another time.
type Stamp = Option<(u64, u64, i64, i64)>;

/// What there is to know of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The end of its time.
    pub expires: Option<Timestamp>,
    /// Why a newer one is not shown, where there is one.
    pub problem: Option<String>,
}

/// Why a listener has no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read \"{}\": {error}", .file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// What is in it is no use.
    #[error("\"{}\" is no use: {error}", .file.display())]
    Identity {
        /// Whose.
        file: PathBuf,
        /// Why.
        #[source]
        error: IdentityError,
    },
    /// The machine.
    #[error("cannot set up TLS: {0}")]
    Machine(#[from] rustls::Error),
}

/// Why a connection never came to speak HTTP.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// It closed, broke or said nothing.
    #[error("nothing came")]
    Nothing,
    /// It speaks HTTP without TLS.
    #[error("it began with HTTP, and this port speaks TLS")]
    Plain,
    /// It did not come to its end in time.
    #[error("the TLS handshake took longer than {} s", HEAD_TIMEOUT.as_secs())]
    Slow,
    /// It came to none: a client that does not trust the certificate, or speaks no TLS that is any good.
    #[error("the TLS handshake failed: {0}")]
    Failed(#[source] io::Error),
}

impl HandshakeError {
    /// Always the client's; `None` where nothing was asked for.
    pub fn fault(&self) -> Option<Fault> {
        let reason = match self {
            HandshakeError::Nothing => return None,
            HandshakeError::Plain => Reason::BadRequest,
            HandshakeError::Slow => Reason::SlowHead,
            HandshakeError::Failed(_) => Reason::TlsFailed,
        };
        Some(Fault::new(Side::Client, reason))
    }
}

impl Tls {
    /// Reads the files. `turns` is shared by all listeners.
    ///
    /// # Errors
    /// When there is no identity in them.
    pub fn new(spec: Spec, turns: Arc<Semaphore>) -> Result<Tls, TlsError> {
        let stamps = stamps(&spec);
        let (config, expires) = read(&spec)?;
        let seen = Mutex::new(Seen { stamps, expires, problem: None });
        Ok(Tls { spec, config: ArcSwap::new(config), seen, turns })
    }

    /// The files that it is of.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// What there is to know of the certificate that is shown.
    pub fn certificate(&self) -> Certificate {
        let seen = self.seen();
        Certificate { expires: seen.expires, problem: seen.problem.clone() }
    }

    /// Takes the certificate anew if its files have changed; says whether they had. Where the new one is no use the old
    /// one stays, and the log and [`Tls::certificate`] say why. Connections that are open go on. Blocks for two calls of
    /// stat(2) where nothing changed.
    pub fn look(&self, listener: &str) -> bool {
        let mut seen = self.seen();
        // Before the files are read: what is written meanwhile is found the next time.
        let stamps = stamps(&self.spec);
        if seen.stamps == stamps {
            return false;
        }
        seen.stamps = stamps;
        match read(&self.spec) {
            Ok((config, expires)) => {
                self.config.store(config);
                (seen.expires, seen.problem) = (expires, None);
                let until = expires.map(tracing::field::display);
                tracing::info!(listener, file = %self.spec.cert.display(), until, "the certificate was taken anew");
            }
            Err(error) => {
                tracing::error!(listener, "the new certificate is no use, the old one is still shown: {error}");
                seen.problem = Some(error.to_string());
            }
        }
        true
    }

    /// Waits for the first byte for so long, and comes to an understanding with the client.
    ///
    /// # Errors
    /// When there is none.
    pub async fn accept(&self, stream: TcpStream, patience: Duration) -> Result<TlsStream<TcpStream>, HandshakeError> {
        let mut first = [0];
        let looked = tokio::time::timeout(patience, stream.peek(&mut first)).await;
        match looked {
            Ok(Ok(1)) if first[0].is_ascii_alphabetic() => {
                // The socket's buffer is empty, so it takes this at once.
                let _ = stream.try_write(plain_answer().as_bytes());
                return Err(HandshakeError::Plain);
            }
            Ok(Ok(1)) => {}
            _ => return Err(HandshakeError::Nothing),
        }
        let acceptor = TlsAcceptor::from(self.config.load_full());
        let shaken = in_turns(Arc::clone(&self.turns), acceptor.accept(stream));
        match tokio::time::timeout(HEAD_TIMEOUT, shaken).await {
            Ok(shaken) => shaken.map_err(HandshakeError::Failed),
            Err(_) => Err(HandshakeError::Slow),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Works on something only when it has a turn, which it holds for a step and not while it waits for its client.
async fn in_turns<F: Future>(turns: Arc<Semaphore>, work: F) -> F::Output {
    let (mut turns, mut work) = (PollSemaphore::new(turns), pin!(work));
    poll_fn(|cx| {
        let _turn = ready!(turns.poll_acquire(cx));
        work.as_mut().poll(cx)
    })
    .await
}

/// What is told a client that speaks HTTP where TLS is spoken. It is plain, for it is the administrator who sees it.
fn plain_answer() -> String {
    let body = "this proxy is spoken to by TLS: use https:// in its address, or HTTPS in a PAC file\n";
    format!(
        "HTTP/1.1 400 Bad Request\r\nproxy-status: clearway; error=http_request_error; details=\"tls-expected\"\r\n\
         connection: close\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn read(spec: &Spec) -> Result<(Arc<ServerConfig>, Option<Timestamp>), TlsError> {
    let bytes = |file: &Path| bytes(file).map_err(|error| TlsError::File { file: file.to_owned(), error });
    let identity = Identity::read(&bytes(&spec.cert)?, &bytes(&spec.key)?).map_err(|error| {
        let file = if error.is_of_the_key() { &spec.key } else { &spec.cert };
        TlsError::Identity { file: file.clone(), error }
    })?;
    Ok((Arc::new(identity.config()?), identity.expires))
}

/// Nothing but a regular file is opened: a FIFO would wait for its other end.
fn bytes(file: &Path) -> io::Result<Vec<u8>> {
    let about = std::fs::metadata(file)?;
    if !about.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    if about.len() > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
    }
    std::fs::read(file)
}

fn stamps(spec: &Spec) -> [Stamp; 2] {
    let stamp = |about: Metadata| (about.ino(), about.len(), about.mtime(), about.mtime_nsec());
    [&spec.cert, &spec.key].map(|file| std::fs::metadata(file).ok().map(stamp))
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use hyper::rt::Write as _;
    use rcgen::{CertificateParams, KeyPair};
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::super::Stream;
    use super::super::door::{Door, KEEP_ALIVE, Phase, STALL};
    use super::*;

    fn write(dir: &Path, year: i32) -> Spec {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["proxy.example".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let spec = Spec { cert: dir.join("cert.pem"), key: dir.join("key.pem") };
        std::fs::write(&spec.cert, params.self_signed(&key).unwrap().pem()).unwrap();
        std::fs::write(&spec.key, key.serialize_pem()).unwrap();
        spec
    }

    #[test]
    fn a_changed_certificate_is_taken_and_a_broken_one_leaves_the_old_one_and_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let tls = Tls::new(write(dir.path(), 2030), Arc::new(Semaphore::new(AT_ONCE))).unwrap();
        let expires = |tls: &Tls| tls.certificate().expires.map(|at| at.to_string());
        let shown = tls.config.load_full();
        assert!(!tls.look("staff"), "nothing has changed");
        assert_eq!(tls.certificate().problem, None);

        // One file of two was replaced.
        let key = std::fs::read(&tls.spec.key).unwrap();
        write(dir.path(), 2031);
        std::fs::write(&tls.spec.key, key).unwrap();
        assert!(tls.look("staff"));
        assert!(Arc::ptr_eq(&shown, &tls.config.load_full()));
        let problem = tls.certificate().problem.unwrap();
        assert!(problem.contains("key.pem") && problem.contains("not that of the certificate"), "{problem}");
        assert_eq!(expires(&tls).as_deref(), Some("2030-01-01T00:00:00Z"));
        assert!(!tls.look("staff"), "it is said once");

        write(dir.path(), 2032);
        assert!(tls.look("staff"));
        assert!(!Arc::ptr_eq(&shown, &tls.config.load_full()));
        assert_eq!(tls.certificate().problem, None);
        assert_eq!(expires(&tls).as_deref(), Some("2032-01-01T00:00:00Z"));

        std::fs::remove_file(&tls.spec.cert).unwrap();
        assert!(tls.look("staff"));
        assert!(tls.certificate().problem.unwrap().contains("cert.pem"));
    }

    /// A connection on which all is said that its client's end takes, which is read from no more.
    async fn stuffed(dir: &Path) -> (Door, tokio_rustls::client::TlsStream<TcpStream>) {
        let tls = Tls::new(write(dir, 2030), Arc::new(Semaphore::new(AT_ONCE))).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&tls.spec.cert).unwrap()).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let (server, client) = tokio::join!(
            tls.accept(accepted, KEEP_ALIVE),
            connector.connect("proxy.example".try_into().unwrap(), stream)
        );
        let phase = Arc::<Phase>::default();
        phase.message();
        let mut door = Door::new(Stream::Tls(Box::new(server.unwrap())), Bytes::new(), phase, KEEP_ALIVE);
        let mut more = async || poll_fn(|cx| Pin::new(&mut door).poll_write(cx, &[7; 16 << 10])).await;
        while tokio::time::timeout(Duration::from_secs(1), more()).await.is_ok_and(|written| written.is_ok()) {}
        (door, client.unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_holds_nobody_up_who_flushes_or_closes() {
        let dir = tempfile::tempdir().unwrap();
        for closes in [false, true] {
            let (mut door, _client) = stuffed(dir.path()).await;
            let done = poll_fn(|cx| {
                let door = Pin::new(&mut door);
                if closes { door.poll_shutdown(cx) } else { door.poll_flush(cx) }
            });
            let done = tokio::time::timeout(2 * STALL, done).await.expect("it waits for ever");
            assert_eq!(done.unwrap_err().kind(), io::ErrorKind::TimedOut, "closes: {closes}");
        }
    }

    #[tokio::test]
    async fn only_so_many_are_worked_on_at_once_and_who_waits_for_a_client_holds_up_nobody() {
        let (turns, working) = (Arc::new(Semaphore::new(1)), Arc::new(AtomicUsize::new(0)));
        let tasks = tokio_util::task::TaskTracker::new();
        let waiting = tasks.spawn(in_turns(Arc::clone(&turns), std::future::pending::<()>()));
        let mut steps = Vec::new();
        for _ in 0..50 {
            let working = Arc::clone(&working);
            steps.push(tasks.spawn(in_turns(Arc::clone(&turns), async move {
                for _ in 0..3 {
                    assert_eq!(working.fetch_add(1, Ordering::SeqCst), 0);
                    working.fetch_sub(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                }
            })));
        }
        for step in steps {
            step.await.unwrap();
        }
        waiting.abort();
    }
}
