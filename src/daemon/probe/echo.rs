//! The echo messages of ICMP (RFC 792) and ICMPv6 (RFC 4443), as far as a prober needs them. Pure.

use std::net::IpAddr;

/// What tells our echoes from another's; the sender of an answer cannot make it up.
pub const COOKIE: usize = 16;
/// Type, code, checksum, identifier, sequence.
const HEAD: usize = 8;
/// A message, without the header of IP.
pub const LENGTH: usize = HEAD + COOKIE;

/// Types of ICMP and ICMPv6: request, answer.
const V4: [u8; 2] = [8, 0];
const V6: [u8; 2] = [128, 129];

/// The echoes of one prober.
#[derive(Clone, Copy, Debug)]
pub struct Echo {
    types: [u8; 2],
    id: u16,
    cookie: [u8; COOKIE],
}

impl Echo {
    /// Echoes to a target.
    pub fn new(target: IpAddr, id: u16, cookie: [u8; COOKIE]) -> Echo {
        Echo { types: if target.is_ipv4() { V4 } else { V6 }, id, cookie }
    }

    /// A request. Its checksum holds for ICMP; that of ICMPv6 covers addresses too, and is the kernel's to fill in.
    pub fn request(&self, sequence: u16) -> [u8; LENGTH] {
        let mut message = [0; LENGTH];
        message[0] = self.types[0];
        message[4..6].copy_from_slice(&self.id.to_be_bytes());
        message[6..HEAD].copy_from_slice(&sequence.to_be_bytes());
        message[HEAD..].copy_from_slice(&self.cookie);
        let sum = checksum(&message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        message
    }

    /// The sequence number of an answer to one of our requests; `None` for anything else. A message that was damaged on
    /// its way does not have the cookie.
    pub fn answered(&self, message: &[u8]) -> Option<u16> {
        let (head, rest) = message.split_first_chunk::<HEAD>()?;
        let [kind, code, _, _, id @ .., s0, s1] = *head;
        let ours = kind == self.types[1] && code == 0 && id == self.id.to_be_bytes() && rest == self.cookie;
        ours.then_some(u16::from_be_bytes([s0, s1]))
    }
}

/// What follows the header of IPv4 (RFC 791), with which raw sockets give it.
pub fn after_header(packet: &[u8]) -> Option<&[u8]> {
    let words = packet.first()? & 15;
    packet.get(usize::from(words) * 4..)
}

/// The ones' complement of the ones' complement sum of all 16-bit words (RFC 1071).
fn checksum(message: &[u8; LENGTH]) -> u16 {
    let (words, _) = message.as_chunks::<2>();
    let sum: u32 = words.iter().map(|word| u32::from(u16::from_be_bytes(*word))).sum();
    // The sum of so few words has one carry, and adding that brings no other.
    let [high, low] = [sum >> 16, sum & 0xffff];
    !u16::try_from((high + low) & 0xffff).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOKIES: [u8; COOKIE] = *b"0123456789abcdef";

    fn echo(target: &str) -> Echo {
        Echo::new(target.parse().unwrap(), 0x1234, COOKIES)
    }

    /// The answer to a request, as RFC 792 and RFC 4443 have it: the type changes, and with it the checksum.
    fn answer(echo: &Echo, sequence: u16) -> Vec<u8> {
        let mut message = echo.request(sequence);
        message[0] = echo.types[1];
        message.to_vec()
    }

    #[test]
    fn a_request_is_what_the_rfcs_say() {
        let v4 = echo("192.0.2.1").request(0x5678);
        assert_eq!(v4[..2], [8, 0]);
        assert_eq!(v4[4..8], [0x12, 0x34, 0x56, 0x78]);
        assert_eq!(v4[8..], COOKIES);
        // With its checksum in place the words add up to all ones.
        assert_eq!(checksum(&v4), 0);
        assert_eq!(echo("2001:db8::1").request(1)[..2], [128, 0]);
    }

    #[test]
    fn the_checksum_is_that_of_a_known_ping() {
        // By hand: 0x0800 + 0x0001 + 0x0002 + eight words of 0x0101 = 0x100b, and its complement is 0xeff4.
        let request = Echo::new("192.0.2.1".parse().unwrap(), 1, [1; COOKIE]).request(2);
        assert_eq!(request[2..4], [0xef, 0xf4]);
        // 0x0800 + 0xfffe + 0xffff + eight words of 0xffff carry nine times.
        let request = Echo::new("192.0.2.1".parse().unwrap(), 0xfffe, [0xff; COOKIE]).request(0xffff);
        assert_eq!(request[2..4], (!0x07ff_u16).to_be_bytes());
    }

    #[test]
    fn only_an_answer_to_our_own_request_counts() {
        let ours = echo("192.0.2.1");
        let good = answer(&ours, 7);
        let with = |at: usize, byte: u8| {
            let mut message = good.clone();
            message[at] = byte;
            message
        };
        for (what, message, expected) in [
            ("an answer", good.clone(), Some(7)),
            ("whatever its checksum", with(2, 99), Some(7)),
            ("another sequence number", with(6, 1), Some(263)),
            ("our own request, which the loopback shows", ours.request(7).to_vec(), None),
            ("unreachable", with(0, 3), None),
            ("a code", with(1, 1), None),
            ("another's identifier", with(5, 0), None),
            ("another's payload", with(HEAD, b'x'), None),
            ("the other family's answer", with(0, 129), None),
            ("a short one", good[..LENGTH - 1].to_vec(), None),
            ("a long one", [&good[..], b"x"].concat(), None),
            ("half a head", good[..5].to_vec(), None),
            ("nothing", Vec::new(), None),
        ] {
            assert_eq!(ours.answered(&message), expected, "{what}");
        }
        let six = echo("2001:db8::1");
        assert_eq!(six.answered(&answer(&six, 9)), Some(9));
        assert_eq!(six.answered(&good), None);
    }

    #[test]
    fn the_header_of_ip_is_as_long_as_it_says() {
        let packet = |words: u8| [vec![0x40 | words], vec![0; usize::from(words) * 4 - 1], vec![1, 2]].concat();
        assert_eq!(after_header(&packet(5)), Some(&[1, 2][..]));
        assert_eq!(after_header(&packet(15)), Some(&[1, 2][..]));
        assert_eq!(after_header(&packet(5)[..10]), None);
        assert_eq!(after_header(&[]), None);
    }
}
