//! TLS to https origins of absolute-form requests.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::Uri;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use tokio::net::TcpStream;
use tower_service::Service;

use super::dial::DialError;
use super::egresses::Dialled;
use crate::base::{Scheme, Target};

/// A stream to an origin or parent.
pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// How certificates are checked; the text is why none can be.
#[derive(Clone)]
pub(super) struct Tls(Result<Arc<ClientConfig>, String>);

impl Tls {
    /// By the system's roots; `SSL_CERT_FILE` names others.
    pub(super) fn of_system() -> Self {
        let config = verifier().and_then(|config| config.with_native_roots().map_err(|error| error.to_string()));
        if let Err(error) = &config {
            tracing::warn!(error, "no origin of an absolute-form request with an https URL can be trusted");
        }
        Self::new(config.map(|config| config.with_no_client_auth()))
    }

    /// By these roots.
    pub(super) fn with_roots(roots: RootCertStore) -> Self {
        Self::new(verifier().map(|config| config.with_root_certificates(roots).with_no_client_auth()))
    }

    fn new(config: Result<ClientConfig, String>) -> Self {
        Tls(config.map(|mut config| {
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Arc::new(config)
        }))
    }
}

/// TLS where the scheme asks for it. The name comes from the target; an address literal is checked as one.
pub(super) async fn wrap(dialled: Dialled, scheme: Scheme, target: &Target, tls: &Tls) -> Result<Stream, DialError> {
    let failed = |error: Box<dyn Error + Send + Sync>| DialError::Tls { target: target.clone(), error };
    if !dialled.early.is_empty() {
        return Err(failed("the origin spoke before the handshake".into()));
    }
    if scheme == Scheme::Http {
        return Ok(MaybeHttpsStream::Http(TokioIo::new(dialled.stream)));
    }
    let config = tls.0.as_ref().map_err(|why| failed(why.as_str().into()))?.clone();
    let uri: Uri = format!("https://{target}/").parse().map_err(|error| failed(Box::new(error)))?;
    HttpsConnector::from((Ready(Some(dialled.stream)), config)).call(uri).await.map_err(failed)
}

/// The way to a client configuration, up to the roots it trusts; ring is named because another library may bring a
/// second provider into the process.
fn verifier() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, String> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())
}

/// A connector that has connected already.
struct Ready(Option<TcpStream>);

impl Service<Uri> for Ready {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<TokioIo<TcpStream>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let stream = self.0.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected));
        std::future::ready(stream.map(TokioIo::new))
    }
}
