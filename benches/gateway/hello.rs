//! What a client says first in every tunnel: a TLS ClientHello of exactly 1 KiB. It names where CONNECT went, as a
//! browser's does, so that a gateway that looks has nothing to judge anew; and it tells the origin what is wanted.

use serde::{Deserialize, Serialize};

/// Bytes of a hello, and of the answer to it.
pub const SIZE: usize = 1024;

/// Where the wish stands: the first byte of the session id, after the headers of record and handshake, the version, the
/// random bytes and the id's length (RFC 8446 section 4.1.2).
pub const WISH: usize = 5 + 4 + 2 + 32 + 1;

/// What the origin is to do once it has answered the hello.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Wish {
    /// Give back what comes.
    Echo,
    /// Give 64 KiB for each byte that comes.
    Fill,
    /// Send for ever.
    Send,
    /// Swallow what comes.
    Sink,
}

impl Wish {
    const ALL: [Wish; 4] = [Wish::Echo, Wish::Fill, Wish::Send, Wish::Sink];

    fn byte(self) -> u8 {
        self as u8
    }

    /// Back from the byte in a hello.
    pub fn read(byte: u8) -> Option<Wish> {
        Wish::ALL.into_iter().find(|wish| wish.byte() == byte)
    }
}

/// A hello for a name.
pub fn hello(name: &str, wish: Wish) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([0x5c; 32]);
    body.push(32);
    body.push(wish.byte());
    body.extend([0xc1; 31]);
    body.extend(sized(&[0x13, 1, 0x13, 2, 0x13, 3])); // three suites of TLS 1.3
    body.extend([1, 0]); // no compression
    let mut extensions = extensions(name);
    // Two headers, the extensions' length, and the padding's own header (RFC 7685).
    let padding = SIZE - 5 - 4 - body.len() - 2 - extensions.len() - 4;
    extensions.extend(extension(21, &vec![0; padding]));
    body.extend(sized(&extensions));
    let mut message = vec![1, 0];
    message.extend(sized(&body));
    let mut record = vec![22, 3, 1];
    record.extend(sized(&message));
    assert_eq!(record.len(), SIZE, "a hello for {name}");
    record
}

fn extensions(name: &str) -> Vec<u8> {
    let server = [&[0][..], &sized(name.as_bytes())].concat();
    let share = [&[0, 29][..], &sized(&[0x2a; 32])].concat();
    [
        extension(0, &sized(&server)),
        extension(10, &sized(&[0, 29])),      // groups: x25519
        extension(13, &sized(&[4, 3, 8, 4])), // signatures: ECDSA with P-256, RSA-PSS
        extension(43, &[2, 3, 4]),            // versions: TLS 1.3
        extension(51, &sized(&share)),
    ]
    .concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &sized(body)].concat()
}

/// With two bytes of length before.
fn sized(body: &[u8]) -> Vec<u8> {
    let [.., high, low] = body.len().to_be_bytes();
    [&[high, low], body].concat()
}
