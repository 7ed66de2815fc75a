//! A ClientHello is read alike however it arrives: no panic, and the first answer stands when more bytes come.

use clearway::sniff::Hello;
use clearway::sniff::tls::{MAX_PREFIX, hello};

/// Holds for any bytes.
pub fn holds(bytes: &[u8]) {
    let whole = hello(bytes);
    assert!(whole != Hello::NeedMore || bytes.len() < MAX_PREFIX, "wants more than it may");
    for cut in 0..bytes.len() {
        let answer = hello(&bytes[..cut]);
        assert!(answer == Hello::NeedMore || answer == whole, "{answer:?} at {cut}, {whole:?} of the whole");
    }
}
