//! What of an egress this machine has: the addresses that it leaves from, and its interface. They may come later, as an
//! address does that two gateways share, and they may go.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::io::Errno;
use rustix::net::netdevice;

use super::dial::DialError;
use super::spec::Egress;

/// Settings of an egress, as the configuration names them.
pub(super) const SOURCE: &str = "source";
pub(super) const INTERFACE: &str = "interface (it must exist; it may need CAP_NET_RAW)";
pub(super) const MARK: &str = "fwmark (it needs CAP_NET_ADMIN)";

/// Whether connections may leave from this address: only what the system says plainly is a no.
pub fn has_address(address: IpAddr) -> bool {
    let bound = UdpSocket::bind(SocketAddr::new(address, 0));
    !bound.is_err_and(|error| error.kind() == std::io::ErrorKind::AddrNotAvailable)
}

/// Whether there is an interface of this name.
pub fn has_interface(name: &str) -> bool {
    // Any socket will do to ask by (netdevice(7)).
    let Ok(socket) = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)) else { return true };
    netdevice::name_to_index(&socket, name) != Err(Errno::NODEV)
}

/// What sockets of an egress want for, a bit each. A name that fails is one flow's misfortune; this is everybody's, so the
/// journal has it once, when it begins, and once when it is over.
#[derive(Debug, Default)]
pub(super) struct Wants(AtomicU8);

/// The interface, or the mark.
const WAYS: u8 = 1;
/// The source of a family.
const SOURCE_V4: u8 = 2;
const SOURCE_V6: u8 = 4;

impl Wants {
    /// What became of a socket of this egress towards one family.
    pub(super) fn made<T>(&self, egress: &Egress, v6: bool, socket: &Result<T, DialError>) {
        let source = if v6 { SOURCE_V6 } else { SOURCE_V4 };
        match socket {
            Ok(_) => self.over(egress, WAYS | source),
            Err(DialError::Local { what: INTERFACE | MARK, .. }) => self.begins(egress, WAYS, socket),
            // A source with no port left is there all the same.
            Err(DialError::Local { what: SOURCE, error }) if error.kind() == std::io::ErrorKind::AddrNotAvailable => {
                // The source is set last.
                self.over(egress, WAYS);
                self.begins(egress, source, socket);
            }
            Err(_) => {}
        }
    }

    fn begins<T>(&self, egress: &Egress, bit: u8, socket: &Result<T, DialError>) {
        let Err(error) = socket else { return };
        if self.0.load(Ordering::Relaxed) & bit == 0 && self.0.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
            tracing::warn!(
                egress = %egress.id,
                %error,
                "connections cannot leave by this egress as the configuration has it; until they can, whoever is sent this way is refused"
            );
        }
    }

    fn over(&self, egress: &Egress, bits: u8) {
        // Asked for each connection, and nearly always no.
        if self.0.load(Ordering::Relaxed) & bits != 0 && self.0.fetch_and(!bits, Ordering::Relaxed) & bits != 0 {
            tracing::warn!(egress = %egress.id, "connections can leave by this egress again");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::egress::lab::egress;

    #[test]
    fn what_this_machine_has_is_told_from_what_it_has_not() {
        for (address, here) in
            [("127.0.0.1", true), ("127.0.0.77", true), ("192.0.2.77", false), ("2001:db8::77", false)]
        {
            assert_eq!(has_address(address.parse().unwrap()), here, "{address}");
        }
        assert!(has_interface("lo"));
        assert!(!has_interface("nowhere0"));
    }

    #[test]
    fn an_egress_wants_for_something_from_its_first_failure_until_a_socket_is_made() {
        let (wants, out) = (Wants::default(), egress("out"));
        let failed = |what, kind: io::ErrorKind| Err::<(), _>(DialError::Local { what, error: kind.into() });
        let (gone, full) = (io::ErrorKind::AddrNotAvailable, io::ErrorKind::AddrInUse);
        for (v6, socket, expected) in [
            (false, Ok(()), 0),
            (false, failed(SOURCE, full), 0),
            (false, failed("a socket", io::ErrorKind::Other), 0),
            (false, failed(INTERFACE, io::ErrorKind::NotFound), WAYS),
            // The interface is back, and the source is not.
            (false, failed(SOURCE, gone), SOURCE_V4),
            // That the other family fares well says nothing of this one.
            (true, Ok(()), SOURCE_V4),
            (true, failed(SOURCE, gone), SOURCE_V4 | SOURCE_V6),
            (false, Ok(()), SOURCE_V6),
            (true, Ok(()), 0),
        ] {
            let told = format!("{v6} {socket:?}");
            wants.made(&out, v6, &socket);
            assert_eq!(wants.0.load(Ordering::Relaxed), expected, "{told}");
        }
    }
}
