//! A client that knows of no proxy: where it wanted to go, and what its plain requests ask for.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use hyper::header::HOST;
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, PathAndQuery};
use hyper::{Method, Uri, Version};
use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::TcpStream;

use super::explicit::{Ask, AskError};
use super::spec::Via;
use crate::base::{Fault, Host, Reason, Scheme, Side, Target};

/// Why a connection goes nowhere.
#[derive(Debug, thiserror::Error)]
pub enum Nowhere {
    /// Nobody brought it: its client asked for the listener itself, or for another address of this machine.
    #[error("it was not on its way to another machine")]
    Here,
    /// This gateway's own connection was brought back to it: it would go round in a circle.
    #[error("it is this gateway's own connection, brought back by a rule or a route")]
    Own,
    /// Connection tracking does not know it, or the system cannot say whose an address is, as without a descriptor.
    #[error("where it was on its way to is not known: {0}")]
    Unknown(#[from] io::Error),
}

impl Nowhere {
    /// Whose doing, and why.
    pub fn fault(&self) -> Fault {
        Fault::new(Side::Client, Reason::NoDestination)
    }
}

/// Where the client of an accepted connection wanted to go. Never this machine: that would be an open door to what listens
/// on it, or a circle.
///
/// # Errors
/// When it was on its way nowhere else.
pub fn destination(stream: &TcpStream, via: Via, client: IpAddr) -> Result<SocketAddr, Nowhere> {
    let chosen = match via {
        Via::Tproxy => stream.local_addr()?,
        Via::Redirect => redirected(stream)?,
    };
    let chosen = SocketAddr::new(chosen.ip().to_canonical(), chosen.port());
    if is_here(chosen.ip())? {
        return Err(Nowhere::Here);
    }
    if is_here(client)? {
        return Err(Nowhere::Own);
    }
    Ok(chosen)
}

/// What connection tracking remembers (SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST).
fn redirected(stream: &TcpStream) -> io::Result<SocketAddr> {
    let socket = SockRef::from(stream);
    let v6 = stream.local_addr()?.is_ipv6();
    let original = if v6 { socket.original_dst_v6()? } else { socket.original_dst_v4()? };
    original.as_socket().ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Whether an address is this machine's. The kernel says so at once, without a packet, and as things are now: an address may
/// have come a second ago from the other gateway of a pair. To bind it would say so too, but for
/// net.ipv4.ip_nonlocal_bind; to ask for the route would by netlink, which a hardened unit has no family for.
fn is_here(address: IpAddr) -> io::Result<bool> {
    if address.is_unspecified() || address.is_loopback() {
        return Ok(true);
    }
    match address {
        IpAddr::V4(address) => is_own_v4(address),
        IpAddr::V6(address) => is_own_v6(address),
    }
}

/// Only an address of one's own says by which interface multicast leaves (ip(7), IP_MULTICAST_IF), which this socket never
/// sends. The route would not say: to a second address of one network one speaks from the first.
fn is_own_v4(address: Ipv4Addr) -> io::Result<bool> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    match socket.set_multicast_if_v4(&address) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => Ok(false),
        Err(error) => Err(error),
    }
}

/// What goes to an address of one's own leaves from that address (RFC 6724 section 5, rule 1).
fn is_own_v6(address: Ipv6Addr) -> io::Result<bool> {
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?;
    // The port is "discard"; nothing is sent to it. What has no route is not here.
    let routed = socket.connect((address, 9)).is_ok();
    Ok(routed && socket.local_addr()?.ip() == address)
}

/// What a plain request asks for, of a client that chose this address. The request gets the form that it would have had
/// from a client that knows of a proxy. Pure.
///
/// # Errors
/// When the request is not one for an origin server.
pub fn ask(request: &mut Parts, chosen: SocketAddr) -> Result<Ask, AskError> {
    if request.method == Method::CONNECT {
        return Err(AskError::NoProxyHere);
    }
    let hosts: Vec<_> = request.headers.get_all(HOST).iter().collect();
    if hosts.len() > 1 || (hosts.is_empty() && request.version >= Version::HTTP_11) {
        return Err(AskError::Host);
    }
    let host = hosts.first().map(|host| host.as_bytes()).filter(|host| !host.is_empty());
    let authority = match (request.uri.authority(), host) {
        // RFC 9112 section 3.2.2: a server takes the whole URL too, and it comes before Host.
        (Some(authority), _) => {
            let scheme = request.uri.scheme_str().and_then(Scheme::of_url);
            scheme.filter(|scheme| *scheme == Scheme::Http).ok_or(AskError::Scheme)?;
            authority.clone()
        }
        (None, Some(host)) => Authority::try_from(host).map_err(|_| AskError::Host)?,
        (None, None) => Authority::try_from(chosen.to_string()).map_err(|_| AskError::Host)?,
    };
    let Target { host, .. } = Target::with_default_port(authority.as_str(), chosen.port())?;
    // Whatever port Host says, the client has chosen one: a parent is asked for that, which is what was judged.
    let authority = match chosen.port() {
        80 => Authority::try_from(authority.host()),
        port => Authority::try_from(format!("{}:{port}", authority.host())),
    };
    let authority = authority.map_err(|_| AskError::Host)?;
    let path = request.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let whole = Uri::builder().scheme("http").authority(authority).path_and_query(path);
    request.uri = whole.build().map_err(|_| AskError::Host)?;
    Ok(Ask::Exchange(Scheme::Http, Target { host, port: chosen.port() }))
}

/// The same for what has no name.
pub fn bare(chosen: SocketAddr) -> Target {
    Target { host: Host::Addr(chosen.ip()), port: chosen.port() }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    const CHOSEN: &str = "198.51.100.7:8080";

    fn parts(method: &str, uri: &str, hosts: &[&str], version: Version) -> Parts {
        let mut builder = Request::builder().method(method).uri(uri).version(version);
        for host in hosts {
            builder = builder.header(HOST, *host);
        }
        builder.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_request_goes_to_the_port_that_was_chosen_by_the_name_that_it_says() {
        let chosen = CHOSEN.parse().unwrap();
        for (uri, hosts, target, whole) in [
            ("/a?b", &["NHS.uk"][..], "nhs.uk:8080", "http://NHS.uk:8080/a?b"),
            ("/", &["nhs.uk:99"], "nhs.uk:8080", "http://nhs.uk:8080/"),
            ("/", &["192.0.2.1"], "192.0.2.1:8080", "http://192.0.2.1:8080/"),
            ("/", &["[2001:db8::1]:80"], "[2001:db8::1]:8080", "http://[2001:db8::1]:8080/"),
            ("http://a.uk/x", &["b.uk"], "a.uk:8080", "http://a.uk:8080/x"),
            ("/", &[""], "198.51.100.7:8080", "http://198.51.100.7:8080/"),
        ] {
            let mut parts = parts("GET", uri, hosts, Version::HTTP_11);
            assert_eq!(ask(&mut parts, chosen), Ok(Ask::Exchange(Scheme::Http, target.parse().unwrap())), "{hosts:?}");
            assert_eq!(parts.uri.to_string(), whole);
        }
        let mut old = parts("GET", "/", &[], Version::HTTP_10);
        assert_eq!(ask(&mut old, chosen).unwrap().target(), &CHOSEN.parse::<Target>().unwrap());
        let mut all = parts("OPTIONS", "*", &["nhs.uk"], Version::HTTP_11);
        assert_eq!(ask(&mut all, chosen).unwrap().target().host, "nhs.uk".parse().unwrap());
        assert_eq!(all.uri.path_and_query().unwrap(), "*");
    }

    #[test]
    fn what_is_not_for_an_origin_server_has_its_reason() {
        for (method, uri, hosts, error) in [
            ("CONNECT", "nhs.uk:443", &["nhs.uk"][..], AskError::NoProxyHere),
            ("GET", "/", &[], AskError::Host),
            ("GET", "/", &["a.uk", "b.uk"], AskError::Host),
            ("GET", "/", &["a b"], AskError::Host),
            ("GET", "https://a.uk/", &["a.uk"], AskError::Scheme),
            ("GET", "ftp://a.uk/", &["a.uk"], AskError::Scheme),
            ("GET", "a.uk:80", &["a.uk"], AskError::Scheme),
        ] {
            let mut parts = parts(method, uri, hosts, Version::HTTP_11);
            assert_eq!(ask(&mut parts, CHOSEN.parse().unwrap()), Err(error), "{method} {uri} {hosts:?}");
        }
    }

    #[test]
    fn this_machine_knows_its_own_addresses() {
        for (address, here) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("::1", true),
            ("0.0.0.0", true),
            ("198.51.100.7", false),
            ("2001:db8::7", false),
        ] {
            assert_eq!(is_here(address.parse().unwrap()).unwrap(), here, "{address}");
        }
    }

    #[tokio::test]
    async fn who_connects_to_the_listener_itself_is_on_the_way_nowhere() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, client) = listener.accept().await.unwrap();
        for via in [Via::Tproxy, Via::Redirect] {
            let refused = destination(&accepted, via, client.ip()).unwrap_err();
            assert_eq!(refused.fault().reason, Reason::NoDestination);
        }
    }
}
