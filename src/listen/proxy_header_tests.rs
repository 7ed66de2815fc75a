//! What balancers send, and what they never should.

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::*;

/// A header of version 2.
fn two(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [SIGNATURE.as_slice(), &[command, family], &length, rest].concat()
}

/// The addresses of version 2: from 10.1.2.3:4660 or 2001:db8::7:4660.
fn four() -> Vec<u8> {
    [[10, 1, 2, 3], [192, 0, 2, 1], [0x12, 0x34, 0x01, 0xbb]].concat()
}

fn six(source: &str) -> Vec<u8> {
    let ip = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().octets();
    [ip(source).as_slice(), &ip("2001:db8::1"), &[0x12, 0x34, 0x01, 0xbb]].concat()
}

#[test]
fn a_header_says_whose_connection_it_is_and_where_it_ends() {
    let tlvs = [&four()[..], &[0x04, 0, 3, 1, 2, 3]].concat();
    for (header, client) in [
        (b"PROXY TCP4 10.1.2.3 192.0.2.1 4660 443\r\n".to_vec(), Some("10.1.2.3:4660")),
        (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n".to_vec(), Some("255.255.255.255:65535")),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 4660 443\r\n".to_vec(), Some("[2001:db8::7]:4660")),
        (b"PROXY TCP6 ::ffff:10.1.2.3 ::1 0 443\r\n".to_vec(), Some("10.1.2.3:0")),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (b"PROXY UNKNOWN ffff:f...f:ffff whatever 65535 65535\r\n".to_vec(), None),
        (two(0x21, 0x11, &four()), Some("10.1.2.3:4660")),
        (two(0x21, 0x11, &tlvs), Some("10.1.2.3:4660")),
        (two(0x21, 0x21, &six("2001:db8::7")), Some("[2001:db8::7]:4660")),
        (two(0x21, 0x21, &six("::ffff:10.1.2.3")), Some("10.1.2.3:4660")),
        (two(0x21, 0x31, &[0; 216]), None),
        (two(0x21, 0x00, &[]), None),
        (two(0x20, 0x00, &[]), None),
        (two(0x20, 0x11, &four()), None),
        (two(0x20, 0xff, &[7; 40]), None),
        (two(0x21, 0x11, &[four(), vec![0; 2036]].concat()), Some("10.1.2.3:4660")),
    ] {
        let client = client.map(|text| text.parse::<SocketAddr>().unwrap());
        let whole = Head::Whole(header.len(), client);
        let shown = header.escape_ascii();
        assert_eq!(parse(&header).unwrap(), whole, "{shown}");
        // What follows is somebody else's, and however it is cut there is more to come.
        assert_eq!(parse(&[&header[..], b"CONNECT \r\n\n\x16\x03"].concat()).unwrap(), whole, "{shown}");
        for cut in 0..header.len() {
            assert_eq!(parse(&header[..cut]).unwrap(), Head::More, "{cut} bytes of {shown}");
        }
    }
}

#[test]
fn what_is_no_header_is_told_at_once_and_by_its_reason() {
    let long = |bytes: usize| format!("PROXY UNKNOWN {}", "x".repeat(bytes)).into_bytes();
    let cases: [(Vec<u8>, &str); 27] = [
        (b"CONNECT nhs.uk:443 HTTP/1.1\r\n\r\n".to_vec(), "no PROXY header"),
        (b"\x16\x03\x01".to_vec(), "no PROXY header"),
        (b"proxy TCP4 10.1.2.3 192.0.2.1 1 2\r\n".to_vec(), "no PROXY header"),
        (b"PROXY\tTCP4".to_vec(), "no PROXY header"),
        (b"\r\n\r\n\0\r\nQUIP".to_vec(), "no PROXY header"),
        (b"PROXY \r\n".to_vec(), "none of TCP4"),
        (b"PROXY TCP5 10.1.2.3 192.0.2.1 1 2\r\n".to_vec(), "none of TCP4"),
        (b"PROXY UNKNOWN\n".to_vec(), "CR LF"),
        (b"PROXY TCP4 10.1.2.3 192.0.2.1 1 2\n".to_vec(), "CR LF"),
        (b"PROXY TCP4 10.1.2.\xff 192.0.2.1 1 2\r\n".to_vec(), "not ASCII"),
        (b"PROXY TCP4  10.1.2.3 192.0.2.1 1 2\r\n".to_vec(), "an address"),
        (b"PROXY TCP4 10.1.2.3 192.0.2.1\r\n".to_vec(), "a port"),
        (b"PROXY TCP4 10.1.2.03 192.0.2.1 1 2\r\n".to_vec(), "an address"),
        (b"PROXY TCP4 2001:db8::7 192.0.2.1 1 2\r\n".to_vec(), "an address"),
        (b"PROXY TCP6 10.1.2.3 ::1 1 2\r\n".to_vec(), "an address"),
        (b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n".to_vec(), "an address"),
        (b"PROXY TCP4 10.1.2.3 192.0.2.1 65536 2\r\n".to_vec(), "a port"),
        (b"PROXY TCP4 10.1.2.3 192.0.2.1 01 2\r\n".to_vec(), "a port"),
        (b"PROXY TCP4 10.1.2.3 192.0.2.1 +1 2\r\n".to_vec(), "a port"),
        (b"PROXY TCP4 10.1.2.3 192.0.2.1 1 2 \r\n".to_vec(), "follows its ports"),
        (long(93), "longer than"),
        (two(0x11, 0x11, &four()), "version or command"),
        (two(0x22, 0x11, &four()), "version or command"),
        (two(0x21, 0x12, &four()), "datagrams"),
        (two(0x21, 0x41, &four()), "family or transport"),
        (two(0x21, 0x11, &four()[..11]), "shorter than its addresses"),
        (two(0x20, 0x00, &vec![0; 2049])[..16].to_vec(), "longer than"),
    ];
    for (bytes, why) in cases {
        let error = parse(&bytes).expect_err(&bytes.escape_ascii().to_string());
        assert!(error.to_string().contains(why), "{}: {error}", bytes.escape_ascii());
        assert!(error.fault().is_some());
    }
    // The longest line that may be.
    assert_eq!(parse(&[&long(91)[..], b"\r\n"].concat()).unwrap(), Head::Whole(LONGEST_LINE, None));
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

#[tokio::test]
async fn a_header_is_read_in_any_pieces_and_not_a_byte_beyond_it() {
    let header = two(0x21, 0x11, &four());
    for cut in [1, 5, 12, 13, 16, 27] {
        let (mut client, mut server) = pair().await;
        client.set_nodelay(true).unwrap();
        let (first, last) = header.split_at(cut);
        let (first, last) = (first.to_vec(), [last, b"rest"].concat());
        let sending = async move {
            client.write_all(&first).await.unwrap();
            // Until the reader has looked at the first piece, which it then takes.
            tokio::task::yield_now().await;
            client.write_all(&last).await.unwrap();
            client
        };
        let (_client, found) = tokio::join!(sending, read(&mut server));
        assert_eq!(found.unwrap(), Some("10.1.2.3:4660".parse().unwrap()));
        let mut rest = [0; 4];
        server.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"rest");
    }
}

#[tokio::test]
async fn who_closes_without_a_word_asked_for_nothing_and_who_stops_in_the_middle_broke_off() {
    for (sent, reason) in [(&b""[..], None), (b"PROXY TC", Some(Reason::Reset))] {
        let (mut client, mut server) = pair().await;
        client.write_all(sent).await.unwrap();
        drop(client);
        let error = read(&mut server).await.unwrap_err();
        assert_eq!(error.fault().map(|fault| fault.reason), reason, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_balancer_is_not_waited_for_longer_than_said() {
    let (mut client, mut server) = pair().await;
    client.write_all(b"PROXY TCP4 10.1").await.unwrap();
    let error = read(&mut server).await.unwrap_err();
    assert!(matches!(error, HeaderError::Slow), "{error}");
}
