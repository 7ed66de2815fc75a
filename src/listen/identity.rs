//! Who a listener says it is: a certificate, those that vouch for it, and its key. Pure.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ServerSessionMemoryCache;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, ServerConfig};

/// What a client may speak inside of TLS, the better one first.
pub const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Sessions of TLS 1.2 clients that know no tickets; the others keep theirs themselves. rustls's own number.
const SESSIONS: usize = 256;

/// A certificate with its chain and its key.
#[derive(Clone, Debug)]
pub struct Identity {
    certified: Arc<CertifiedKey>,
    /// The end of the certificate's time; `None` where it cannot be read, which nobody but a clock is told.
    pub expires: Option<Timestamp>,
}

/// Why two files are no identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// No certificate in the one.
    #[error("there is no certificate in it, in PEM")]
    NoCertificate,
    /// What is there cannot be read.
    #[error("its certificate cannot be read: {0}")]
    Certificate(String),
    /// No key in the other.
    #[error("there is no private key in it, in PEM")]
    NoKey,
    /// There is one behind a passphrase.
    #[error("its private key is locked by a passphrase")]
    Locked,
    /// A key of a kind that is not known.
    #[error("its private key cannot be used: {0}")]
    Key(String),
    /// Both are good, and not each other's.
    #[error("its private key is not that of the certificate")]
    Mismatch,
}

impl IdentityError {
    /// Whether the key's file is to blame.
    pub fn is_of_the_key(&self) -> bool {
        !matches!(self, IdentityError::NoCertificate | IdentityError::Certificate(_))
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            IdentityError::NoCertificate | IdentityError::Certificate(_) => {
                "it begins with `-----BEGIN CERTIFICATE-----`: the listener's own first, then those that vouch for it"
            }
            IdentityError::NoKey => {
                "it begins with `-----BEGIN PRIVATE KEY-----`; a .p12 or .pfx file must be converted"
            }
            IdentityError::Locked => {
                "the gateway starts without anybody to ask: `openssl pkey -in FILE -out FILE.open`"
            }
            IdentityError::Key(_) => "use an RSA key of 2048 bits or more, or an elliptic one on P-256 or P-384",
            IdentityError::Mismatch => {
                "name the key that the certificate was asked for with; were both files replaced?"
            }
        }
    }
}

impl Identity {
    /// From the texts of two files.
    ///
    /// # Errors
    /// When they are none.
    pub fn read(certificate: &[u8], key: &[u8]) -> Result<Identity, IdentityError> {
        let unreadable = |error: rustls::pki_types::pem::Error| IdentityError::Certificate(error.to_string());
        let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
        let own = chain.first().ok_or(IdentityError::NoCertificate)?;
        let expires = end_of_time(own);
        let locked = |key: &[u8]| key.windows(9).any(|word| word == b"ENCRYPTED");
        let none = |_| if locked(key) { IdentityError::Locked } else { IdentityError::NoKey };
        let key = PrivateKeyDer::from_pem_slice(key).map_err(none)?;
        let certified = CertifiedKey::from_der(chain, key, &default_provider()).map_err(|error| match error {
            Error::InconsistentKeys(_) => IdentityError::Mismatch,
            Error::InvalidCertificate(error) => IdentityError::Certificate(error.to_string()),
            Error::General(why) => IdentityError::Key(why),
            other => IdentityError::Key(other.to_string()),
        })?;
        Ok(Identity { certified: Arc::new(certified), expires })
    }

    /// What shows it to clients: TLS 1.2 and 1.3. Sessions are its own, so that who comes back after a change is shown
    /// the new certificate.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn config(&self) -> Result<ServerConfig, Error> {
        let resolver = Arc::new(SingleCertAndKey::from(Arc::clone(&self.certified)));
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        config.ticketer = Ticketer::new()?;
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
        Ok(config)
    }
}

/// Until when a certificate holds (RFC 5280 section 4.1.2.5). rustls has seen that it is a certificate before anybody
/// relies on this; no more of it is looked at.
fn end_of_time(certificate: &[u8]) -> Option<Timestamp> {
    let (_, certificate, _) = element(certificate)?;
    let (_, mut fields, _) = element(certificate)?;
    // A version, which alone has this tag, then number, algorithm and issuer.
    let skipped = if fields.first() == Some(&0xa0) { 4 } else { 3 };
    for _ in 0..skipped {
        fields = element(fields)?.2;
    }
    let (_, validity, _) = element(fields)?;
    let (_, _, after) = element(validity)?;
    let (kind, text, _) = element(after)?;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let text = match (kind, text.get(..2)?.parse::<u8>().ok()?) {
        (UTC_TIME, 0..50) => format!("20{text}"),
        (UTC_TIME, _) => format!("19{text}"),
        (GENERALIZED_TIME, _) => text.to_owned(),
        _ => return None,
    };
    DateTime::strptime("%Y%m%d%H%M%S", text).ok()?.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
}

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The first element of DER: its tag, what is in it, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        // Four bytes of length are more than any certificate has.
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (within, after) = rest.split_at_checked(length)?;
    Some((*tag, within, after))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn made(year: i32) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["proxy.example".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 3, 1);
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn a_certificate_says_until_when_it_holds() {
        // Years before 2050 are written in two digits.
        for year in [1999, 2026, 2049, 2050, 2099] {
            let (certificate, key) = made(year);
            let identity = Identity::read(certificate.as_bytes(), key.as_bytes()).unwrap();
            assert_eq!(identity.expires, Some(format!("{year}-03-01T00:00:00Z").parse().unwrap()));
            assert_eq!(identity.config().unwrap().alpn_protocols, [&b"h2"[..], b"http/1.1"]);
        }
    }

    #[test]
    fn what_is_not_der_has_no_end_and_is_not_read_beyond_its_own() {
        let (certificate, _) = made(2030);
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        for cut in 0..der.len() {
            assert_eq!(end_of_time(&der[..cut]), None);
        }
        assert_eq!(element(&[0x30, 0x85, 0, 0, 0, 0, 1, 7]), None);
        assert_eq!(element(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 7]), None);
        assert_eq!(element(&[0x30, 0x80, 7]), None);
        assert_eq!(element(&[0x30, 0x81, 1, 7, 8]), Some((0x30, &[7][..], &[8][..])));
    }

    #[test]
    fn files_that_are_no_identity_say_which_is_to_blame() {
        let ((certificate, key), (_, other)) = (made(2030), made(2030));
        let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let no_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let cases = [
            ("", &*key, "no certificate", false),
            (&*key, &*key, "no certificate", false),
            (nonsense, &*key, "certificate cannot be read", false),
            ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", &*key, "certificate cannot be read", false),
            (&*certificate, "", "no private key", true),
            (&*certificate, &*certificate, "no private key", true),
            (&*certificate, locked, "passphrase", true),
            (&*certificate, no_key, "cannot be used", true),
            (&*certificate, &*other, "not that of the certificate", true),
        ];
        for (certificate, key, why, of_the_key) in cases {
            let error = Identity::read(certificate.as_bytes(), key.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(why), "{error} is not {why}");
            assert_eq!(error.is_of_the_key(), of_the_key, "{error}");
        }
    }
}
