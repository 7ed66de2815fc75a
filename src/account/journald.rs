//! The journal of systemd, by its own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): an entry is a datagram of fields.

use std::io;
use std::os::unix::net::UnixDatagram;

/// Where journald listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// A way to journald.
#[derive(Debug)]
pub struct Journald(UnixDatagram);

/// An entry. A field's name is made of capitals, digits and underscores; any other character becomes one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry(Vec<u8>);

impl Journald {
    /// Reaches it.
    ///
    /// # Errors
    /// Where no journald listens.
    pub fn open() -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(SOCKET)?;
        Ok(Journald(socket))
    }

    /// The same, but [`Journald::send`] never waits: what journald has no room for is an error.
    ///
    /// # Errors
    /// Where no journald listens.
    pub fn open_hasty() -> io::Result<Self> {
        let journald = Journald::open()?;
        journald.0.set_nonblocking(true)?;
        Ok(journald)
    }

    /// Hands an entry over.
    ///
    /// # Errors
    /// Where journald went away: it must be opened anew. An entry that is too large for the socket is one too.
    pub fn send(&self, entry: &Entry) -> io::Result<()> {
        self.0.send(&entry.0).map(|_| ())
    }
}

impl Entry {
    /// With this field too.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.add(name, value);
        self
    }

    /// Adds a field.
    pub fn add(&mut self, name: &str, value: &str) {
        let capital = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        // journald takes no name that begins with an underscore or a digit.
        let name: String = name.chars().map(capital).collect();
        let name = name.trim_start_matches(|c: char| !c.is_ascii_uppercase());
        self.0.extend(name.as_bytes());
        if value.contains('\n') {
            self.0.push(b'\n');
            self.0.extend(u64::try_from(value.len()).unwrap_or_default().to_le_bytes());
        } else {
            self.0.push(b'=');
        }
        self.0.extend(value.as_bytes());
        self.0.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_several_lines_tells_its_length_and_a_name_is_one_that_journald_takes() {
        let entry = Entry::default().with("MESSAGE", "a = b").with("_9patience-s", "30").with("said", "one\ntwo");
        let mut expected = b"MESSAGE=a = b\nPATIENCE_S=30\nSAID\n".to_vec();
        expected.extend(7_u64.to_le_bytes());
        expected.extend(b"one\ntwo\n");
        assert_eq!(entry.0, expected);
    }
}
