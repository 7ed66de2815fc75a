//! A certificate authority of the test's own, and one leaf for every name the tests use.

use base64::Engine as _;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::setup::{BLOCKED, CLINICAL, NEWS, SOCIAL};

/// The files of an authority and a leaf.
pub struct Certs {
    /// The authority, in PEM.
    pub ca: PathBuf,
    /// The leaf, in PEM.
    pub leaf: PathBuf,
    /// The leaf's key, in PEM.
    pub key: PathBuf,
    /// A leaf of the same key whose time is over, in PEM.
    pub expired: PathBuf,
    /// SHA-256 of the leaf's public key, as browsers name it.
    pub spki: String,
    ca_der: Vec<u8>,
}

impl Certs {
    /// Makes them and writes them into a folder.
    pub fn write(dir: &Path) -> Certs {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.distinguished_name.push(rcgen::DnType::CommonName, "tests");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = ca.self_signed(&ca_key).unwrap();
        let names = [CLINICAL, SOCIAL, NEWS, BLOCKED, "localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let leaf_key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new(names).unwrap();
        let issuer = Issuer::from_params(&ca, &ca_key);
        let good = leaf.signed_by(&leaf_key, &issuer).unwrap();
        leaf.not_after = rcgen::date_time_ymd(2020, 1, 1);
        let expired = leaf.signed_by(&leaf_key, &issuer).unwrap();
        let spki = ring::digest::digest(&ring::digest::SHA256, &leaf_key.subject_public_key_info());
        let certs = Certs {
            ca: dir.join("ca.pem"),
            leaf: dir.join("leaf.pem"),
            key: dir.join("leaf.key"),
            expired: dir.join("expired.pem"),
            spki: base64::engine::general_purpose::STANDARD.encode(spki.as_ref()),
            ca_der: authority.der().to_vec(),
        };
        std::fs::write(&certs.ca, authority.pem()).unwrap();
        std::fs::write(&certs.leaf, good.pem()).unwrap();
        std::fs::write(&certs.expired, expired.pem()).unwrap();
        std::fs::write(&certs.key, leaf_key.serialize_pem()).unwrap();
        certs
    }

    /// What a TLS server needs that shows the leaf in this file.
    pub fn server(&self, leaf: &Path) -> Arc<rustls::ServerConfig> {
        let chain = CertificateDer::pem_file_iter(leaf).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(&self.key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap())
    }

    /// A TLS client that says it wants this name and trusts this authority.
    pub fn client(&self, name: &str) -> rustls::ClientConnection {
        rustls::ClientConnection::new(self.trust(&[]), name.to_owned().try_into().unwrap()).unwrap()
    }

    /// What a TLS client needs that trusts this authority and speaks these protocols.
    pub fn trust(&self, protocols: &[&str]) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.ca_der.clone().into()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}
