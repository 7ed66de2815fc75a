//! The name in a TLS ClientHello, which may come in pieces and be spread over several records.

use std::borrow::Cow;

use crate::base::{Host, Name};

/// What the first bytes of a client are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Hello {
    /// A whole ClientHello.
    Client {
        /// The server name, where it has one. A client that goes to an address literal sends none.
        name: Option<Name>,
        /// Whether the encrypted_client_hello extension is there; the true name is then perhaps inside it. Browsers
        /// send a meaningless one on every connection (GREASE, RFC 9849 section 6.2), so alone it proves nothing.
        ech: bool,
    },
    /// A ClientHello so far; more bytes are needed.
    NeedMore,
    /// Not TLS: plain HTTP, SSH, anything that does not begin with a TLS handshake record.
    NotTls,
    /// Begins as TLS but cannot be judged: malformed, beyond a limit, or with a server name that is none. The origin
    /// might read it in another way than we would, so it must never win a flow anything.
    Unreadable,
}

/// The longest ClientHello that is read, without its record headers. Browsers send under 2 KiB with post-quantum key
/// shares; a resumed session with large tickets reaches some more. The field allows 16 MiB, which no origin accepts.
pub const MAX_HELLO: usize = 16 * 1024;

/// The most records one ClientHello may be spread over. Clients that dodge inspection cut it into a handful; the limit
/// bounds the work for each arriving piece, since every call walks the record headers again: 1024 steps take less time
/// than the system call that brought the piece.
pub const MAX_RECORDS: usize = 1024;

/// The most bytes that a caller ever has to keep before the answer is no longer [`Hello::NeedMore`].
pub const MAX_PREFIX: usize = HEADER + MAX_HELLO + MAX_RECORDS * RECORD_HEADER;

/// Content type and handshake type (RFC 8446 sections 5.1 and 4).
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// Octets of a record header, and of a handshake header.
const RECORD_HEADER: usize = 5;
const HEADER: usize = 4;
/// The longest plaintext fragment of a record (RFC 8446 section 5.1).
const MAX_FRAGMENT: usize = 1 << 14;
/// Extension types (RFC 6066 section 3, RFC 9849 section 5).
const SERVER_NAME: u16 = 0;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;

/// Reads the first bytes of a client. Ask again with all bytes so far when more have come; once the answer is another
/// than [`Hello::NeedMore`], more bytes do not change it.
pub fn hello(bytes: &[u8]) -> Hello {
    match message(bytes) {
        Ok(body) => client_hello(&body).unwrap_or(Hello::Unreadable),
        Err(other) => other,
    }
}

/// The body of the ClientHello, put together from its records; or why there is none. The bytes are copied only once
/// all of them are there.
fn message(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Hello> {
    let mut fragments: Vec<&[u8]> = Vec::new();
    let mut gathered = 0;
    let mut rest = bytes;
    for _ in 0..MAX_RECORDS {
        let (fragment, after) = record(rest, gathered == 0)?;
        fragments.push(fragment);
        gathered += fragment.len();
        if let Some(length) = body_length(&fragments)?
            && gathered >= HEADER + length
        {
            return Ok(join(&fragments, length));
        }
        match after {
            Some(after) => rest = after,
            None => return Err(Hello::NeedMore),
        }
    }
    Err(Hello::Unreadable)
}

/// The fragment of the record that begins here, as far as it has come, and what follows when it is whole.
fn record(bytes: &[u8], first: bool) -> Result<(&[u8], Option<&[u8]>), Hello> {
    // What does not begin as a TLS record is not TLS; what stops to look like it in the middle is broken TLS.
    let stranger = if first { Hello::NotTls } else { Hello::Unreadable };
    // Any minor version: RFC 8446 section 5.1 has it ignored for all purposes.
    match bytes {
        [] => return Err(Hello::NeedMore),
        [kind, ..] if *kind != HANDSHAKE => return Err(stranger),
        [_, major, ..] if *major != 3 => return Err(stranger),
        _ => {}
    }
    let Some((header, rest)) = bytes.split_at_checked(RECORD_HEADER) else { return Err(Hello::NeedMore) };
    let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
    // RFC 8446 section 5.1: no empty fragments of handshake types, none above 2^14.
    if length == 0 || length > MAX_FRAGMENT {
        return Err(Hello::Unreadable);
    }
    match rest.split_at_checked(length) {
        Some((fragment, after)) => Ok((fragment, Some(after))),
        None => Ok((rest, None)),
    }
}

/// The length that the handshake header gives, once it is there.
fn body_length(fragments: &[&[u8]]) -> Result<Option<usize>, Hello> {
    let mut header = [0; HEADER];
    let mut found = 0;
    // The header lies in the first four fragments at most, since none that is whole is empty.
    for (slot, byte) in header.iter_mut().zip(fragments.iter().take(HEADER).copied().flatten()) {
        *slot = *byte;
        found += 1;
    }
    if found > 0 && header[0] != CLIENT_HELLO {
        return Err(Hello::Unreadable);
    }
    if found < HEADER {
        return Ok(None);
    }
    let length = u32::from_be_bytes([0, header[1], header[2], header[3]]) as usize;
    if length > MAX_HELLO { Err(Hello::Unreadable) } else { Ok(Some(length)) }
}

/// The body without its header. What follows it in the last record is not ours to judge: a server refuses it.
fn join<'a>(fragments: &[&'a [u8]], length: usize) -> Cow<'a, [u8]> {
    match fragments {
        [whole] => Cow::Borrowed(&whole[HEADER..HEADER + length]),
        parts => Cow::Owned(parts.iter().copied().flatten().copied().skip(HEADER).take(length).collect()),
    }
}

/// The ClientHello of RFC 8446 section 4.1.2. `None` when it is malformed.
fn client_hello(body: &[u8]) -> Option<Hello> {
    let mut hello = Reader(body);
    hello.take(2 + 32)?; // legacy_version, random
    let session = hello.vector8()?;
    let suites = hello.vector16()?;
    let compressions = hello.vector8()?;
    if session.len() > 32 || suites.is_empty() || suites.len() % 2 != 0 || compressions.is_empty() {
        return None;
    }
    // Before TLS 1.3 a hello may end here, without extensions.
    if hello.is_empty() {
        return Some(Hello::Client { name: None, ech: false });
    }
    let mut extensions = Reader(hello.vector16()?);
    if !hello.is_empty() {
        return None;
    }
    let (mut name, mut ech) = (None, false);
    while !extensions.is_empty() {
        let kind = extensions.number16()?;
        let data = extensions.vector16()?;
        match kind {
            // RFC 8446 section 4.2: not more than one extension of a type. Which of two would the origin believe?
            SERVER_NAME if name.is_some() => return None,
            SERVER_NAME => name = Some(server_name(data)?),
            ENCRYPTED_CLIENT_HELLO => ech = true,
            _ => {}
        }
    }
    Some(Hello::Client { name, ech })
}

/// The one host_name of RFC 6066 section 3. `None` when there is another number of them, or it is not a name.
fn server_name(data: &[u8]) -> Option<Name> {
    let mut extension = Reader(data);
    let mut list = Reader(extension.vector16()?);
    // No other type than host_name was ever defined, and of each type one at most.
    if !extension.is_empty() || list.take(1)? != [0] {
        return None;
    }
    let text = list.vector16()?;
    if !list.is_empty() || !text.is_ascii() {
        return None;
    }
    match std::str::from_utf8(text).ok()?.parse() {
        Ok(Host::Name(name)) => Some(name),
        // RFC 6066: address literals are not permitted.
        Ok(Host::Addr(_)) | Err(_) => None,
    }
}

/// Takes bytes from the front; `None` when there are too few.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(front)
    }

    fn number16(&mut self) -> Option<u16> {
        let &[high, low] = self.take(2)? else { return None };
        Some(u16::from_be_bytes([high, low]))
    }

    /// A vector with its length in one octet.
    fn vector8(&mut self) -> Option<&'a [u8]> {
        let &[length] = self.take(1)? else { return None };
        self.take(usize::from(length))
    }

    /// A vector with its length in two octets.
    fn vector16(&mut self) -> Option<&'a [u8]> {
        let length = self.number16()?;
        self.take(usize::from(length))
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    use super::*;

    /// The first flight of a real client, as it goes over the wire.
    fn real(server: &str, versions: &[&'static rustls::SupportedProtocolVersion]) -> Vec<u8> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let server = ServerName::try_from(server.to_owned()).unwrap();
        let mut client = ClientConnection::new(Arc::new(config), server).unwrap();
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        wire
    }

    fn reals() -> Vec<(Vec<u8>, Hello)> {
        let named = |name: &str| Hello::Client { name: Some(name.parse().unwrap()), ech: false };
        vec![
            (real("referrals.wales.nhs.uk", rustls::ALL_VERSIONS), named("referrals.wales.nhs.uk")),
            (real("WWW.Example.UK", &[&rustls::version::TLS13]), named("www.example.uk")),
            (real("www.example.uk", &[&rustls::version::TLS12]), named("www.example.uk")),
            (real("192.0.2.1", rustls::ALL_VERSIONS), Hello::Client { name: None, ech: false }),
            (real("2001:db8::1", rustls::ALL_VERSIONS), Hello::Client { name: None, ech: false }),
        ]
    }

    /// The same handshake bytes in records of `size` octets.
    fn reframed(message: &[u8], size: usize) -> Vec<u8> {
        message.chunks(size).flat_map(record_of).collect()
    }

    fn record_of(fragment: &[u8]) -> Vec<u8> {
        let length = u16::try_from(fragment.len()).unwrap().to_be_bytes();
        [&[HANDSHAKE, 3, 1], length.as_slice(), fragment].concat()
    }

    /// `data` with its length in front, in `octets` octets.
    fn vector(octets: usize, data: &[u8]) -> Vec<u8> {
        [&data.len().to_be_bytes()[8 - octets..], data].concat()
    }

    fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
        [kind.to_be_bytes().as_slice(), &vector(2, data)].concat()
    }

    /// A server_name extension with these entries of (type, name).
    fn sni(entries: &[(u8, &[u8])]) -> Vec<u8> {
        let list: Vec<u8> =
            entries.iter().flat_map(|(kind, name)| [&[*kind], vector(2, name).as_slice()].concat()).collect();
        extension(SERVER_NAME, &vector(2, &list))
    }

    /// A handshake message with whatever comes after the compression methods.
    fn message_with(after: &[u8]) -> Vec<u8> {
        let body = [&[3, 3], [7; 32].as_slice(), &[0, 0, 2, 0x13, 1, 1, 0], after].concat();
        [&[CLIENT_HELLO], vector(3, &body).as_slice()].concat()
    }

    fn hello_with(extensions: &[Vec<u8>]) -> Vec<u8> {
        record_of(&message_with(&vector(2, &extensions.concat())))
    }

    #[test]
    fn a_real_hello_has_its_name_wherever_it_is_cut() {
        for (wire, whole) in reals() {
            for cut in 0..wire.len() {
                assert_eq!(hello(&wire[..cut]), Hello::NeedMore, "{cut} of {}", wire.len());
            }
            assert_eq!(hello(&wire), whole);
            assert_eq!(
                hello(&[wire.as_slice(), b"\x14\x03\x03\x00\x01\x01"].concat()),
                whole,
                "more does not change it"
            );
        }
    }

    #[test]
    fn a_real_hello_has_its_name_in_records_of_any_size() {
        for (wire, whole) in reals() {
            let message = &wire[RECORD_HEADER..];
            for size in 1..=message.len() {
                let wire = reframed(message, size);
                assert_eq!(hello(&wire), whole, "records of {size}");
                assert_eq!(hello(&wire[..wire.len() - 1]), Hello::NeedMore, "records of {size}");
            }
        }
    }

    #[test]
    fn what_is_not_tls_is_seen_at_once() {
        for bytes in ["G", "SSH-2.0-OpenSSH", "EHLO", "\0", "\u{80}", "\u{17}\u{3}\u{3}", "\u{16}\u{2}", "\u{16}G"] {
            assert_eq!(hello(bytes.as_bytes()), Hello::NotTls, "{bytes:?}");
        }
        assert_eq!(hello(b""), Hello::NeedMore);
        assert_eq!(hello(b"\x16"), Hello::NeedMore);
    }

    #[test]
    fn an_encrypted_client_hello_is_reported() {
        let outer = sni(&[(0, b"public.example")]);
        let name = Some("public.example".parse().unwrap());
        assert_eq!(hello(&hello_with(&[outer, extension(0xfe0d, &[0; 40])])), Hello::Client { name, ech: true });
        assert_eq!(hello(&hello_with(&[extension(0xfe0d, &[])])), Hello::Client { name: None, ech: true });
    }

    #[test]
    fn a_hello_without_extensions_has_no_name() {
        for wire in [record_of(&message_with(&[])), hello_with(&[])] {
            assert_eq!(hello(&wire), Hello::Client { name: None, ech: false });
        }
    }

    #[test]
    fn a_server_name_that_is_none_makes_the_hello_unreadable() {
        let long = [b'a'; 254];
        for (what, extensions) in [
            ("an IPv4 literal", vec![sni(&[(0, b"192.0.2.1")])]),
            ("an IPv6 literal", vec![sni(&[(0, b"2001:db8::1")])]),
            ("an IPv6 literal in brackets", vec![sni(&[(0, b"[2001:db8::1]")])]),
            ("a number", vec![sni(&[(0, b"3221225985")])]),
            ("an empty name", vec![sni(&[(0, b"")])]),
            ("a dot", vec![sni(&[(0, b".")])]),
            ("a space", vec![sni(&[(0, b"a b.uk")])]),
            ("a NUL", vec![sni(&[(0, b"nhs.uk\0.evil.example")])]),
            ("UTF-8", vec![sni(&[(0, "bücher.example".as_bytes())])]),
            ("no UTF-8", vec![sni(&[(0, b"\xff.example")])]),
            ("a name too long", vec![sni(&[(0, &long)])]),
            ("a port", vec![sni(&[(0, b"nhs.uk:443")])]),
            ("two names", vec![sni(&[(0, b"nhs.uk"), (0, b"evil.example")])]),
            ("a name twice", vec![sni(&[(0, b"nhs.uk"), (0, b"nhs.uk")])]),
            ("another type", vec![sni(&[(1, b"nhs.uk")])]),
            ("another type as well", vec![sni(&[(0, b"nhs.uk"), (1, b"nhs.uk")])]),
            ("no entry", vec![sni(&[])]),
            ("two extensions", vec![sni(&[(0, b"nhs.uk")]), sni(&[(0, b"nhs.uk")])]),
            ("an empty extension", vec![extension(SERVER_NAME, &[])]),
            ("a list shorter than its extension", vec![extension(SERVER_NAME, b"\0\x04\0\0\x01a!")]),
            ("a list longer than its extension", vec![extension(SERVER_NAME, b"\0\x05\0\0\x01a")]),
        ] {
            assert_eq!(hello(&hello_with(&extensions)), Hello::Unreadable, "{what}");
        }
    }

    #[test]
    fn a_malformed_hello_is_unreadable() {
        let good = message_with(&vector(2, &sni(&[(0, b"nhs.uk")])));
        let body_of = |body: &[u8]| record_of(&[&[CLIENT_HELLO], vector(3, body).as_slice()].concat());
        let front = [&[3, 3], [7; 32].as_slice()].concat();
        for (what, wire) in [
            ("an empty record", b"\x16\x03\x01\0\0".to_vec()),
            ("an empty record in the middle", [record_of(&good[..9]), b"\x16\x03\x01\0\0".to_vec()].concat()),
            ("a record beyond 2^14", b"\x16\x03\x01\x40\x01".to_vec()),
            ("an alert in the middle", [record_of(&good[..9]), b"\x15".to_vec()].concat()),
            ("another version in the middle", [record_of(&good[..9]), b"\x16\x02".to_vec()].concat()),
            ("a ServerHello", record_of(&[2, 0, 0, 0])),
            ("a hello beyond the limit", record_of(&[CLIENT_HELLO, 0, 0x40, 1])),
            ("a hello of 16 MiB", record_of(&[CLIENT_HELLO, 0xff, 0xff, 0xff])),
            ("an empty hello", body_of(&[])),
            ("only version and random", body_of(&front)),
            ("a session id of 33", body_of(&[&front, vector(1, &[0; 33]).as_slice(), &[0, 2, 1, 1, 1, 0]].concat())),
            ("no cipher suites", body_of(&[&front, [0, 0, 0, 1, 0].as_slice()].concat())),
            ("half a cipher suite", body_of(&[&front, [0, 0, 1, 1, 1, 0].as_slice()].concat())),
            ("no compression methods", body_of(&[&front, [0, 0, 2, 1, 1, 0].as_slice()].concat())),
            ("bytes after the extensions", record_of(&message_with(&[0, 0, 9]))),
            ("extensions longer than the hello", record_of(&message_with(&[0, 4, 0, 0]))),
            ("half an extension", record_of(&message_with(&[0, 3, 0, 0, 0]))),
        ] {
            assert_eq!(hello(&wire), Hello::Unreadable, "{what}");
        }
    }

    #[test]
    fn a_hello_is_bounded_in_bytes_and_in_records() {
        let padded = |length: usize| message_with(&vector(2, &extension(21, &vec![0; length])));
        let overhead = padded(0).len();
        let largest = padded(MAX_HELLO + HEADER - overhead);
        let none = Hello::Client { name: None, ech: false };
        assert_eq!(hello(&reframed(&largest, MAX_FRAGMENT)), none);
        assert_eq!(hello(&reframed(&padded(MAX_HELLO + HEADER - overhead + 1), MAX_FRAGMENT)), Hello::Unreadable);
        assert_eq!(hello(&reframed(&padded(MAX_RECORDS - overhead), 1)), none);
        assert_eq!(hello(&reframed(&padded(MAX_RECORDS - overhead + 1), 1)), Hello::Unreadable);
    }

    proptest! {
        /// Whatever comes, in whatever pieces: no panic, and the first answer stands.
        #[test]
        fn more_bytes_never_change_an_answer(front in 0usize..80, tail in proptest::collection::vec(any::<u8>(), 0..600)) {
            let wire = real("referrals.wales.nhs.uk", rustls::ALL_VERSIONS);
            let bytes = [&wire[..front.min(wire.len())], &tail].concat();
            let whole = hello(&bytes);
            for cut in 0..bytes.len() {
                let answer = hello(&bytes[..cut]);
                prop_assert!(answer == Hello::NeedMore || answer == whole, "at {cut}: {answer:?}, whole {whole:?}");
            }
        }

        /// One byte of a good hello overwritten: an answer, never a panic.
        #[test]
        fn a_damaged_hello_is_read_or_refused_without_panic(at in 0usize..220, byte: u8) {
            let mut wire = real("referrals.wales.nhs.uk", rustls::ALL_VERSIONS);
            let at = at % wire.len();
            wire[at] = byte;
            let answer = hello(&wire);
            prop_assert!(answer != Hello::NeedMore || wire.len() <= MAX_PREFIX);
        }
    }
}
