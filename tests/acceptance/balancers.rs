//! Balancers before the gateway that say whose a connection is: haproxy and nginx, and those who only say that they are one.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::clients::curl;
use crate::world::setup::NEWS;
use crate::world::{Certs, Nginx, Origin, Setup, World, tool, until};

const LONG: Duration = Duration::from_secs(60);

/// Where balancers dial from.
const BALANCER: &str = "127.0.0.2";
/// Where a client of theirs dials from.
const CLIENT: &str = "127.0.0.3";

/// Balancers are believed, and no client's address is among those that may connect but this one and IPv6's.
fn setup() -> Setup {
    Setup {
        clients: vec![format!("{CLIENT}/32"), "::1/128".to_owned()],
        listener: format!("proxy_protocol = [\"{BALANCER}/32\"]\n"),
        ..Setup::default()
    }
}

/// A program that passes connections on to a gateway; killed when dropped.
struct Balancer {
    process: Child,
    address: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Balancer {
    /// Starts one. A port that was free a moment ago may be taken: then it tries again.
    fn start(program: &str, ip: &str, conf: impl Fn(SocketAddr) -> String) -> Balancer {
        for _ in 0..5 {
            let dir = tempfile::tempdir().unwrap();
            let address = std::net::TcpListener::bind((ip, 0)).unwrap().local_addr().unwrap();
            let file = dir.path().join("conf");
            std::fs::write(&file, conf(address)).unwrap();
            let mut command = Command::new(program);
            match program {
                "haproxy" => command.arg("-db").arg("-f").arg(&file),
                _ => command.arg("-p").arg(dir.path()).arg("-e").arg(dir.path().join("log")).arg("-c").arg(&file),
            };
            // Debian keeps them where only root's PATH leads.
            let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
            command.env("PATH", path).stdout(Stdio::null()).stderr(Stdio::null());
            let mut process =
                command.spawn().unwrap_or_else(|error| panic!("{program}: {error}; run deploy/test-deps"));
            let up = until(LONG, program, || match process.try_wait().unwrap() {
                Some(_) => Some(false),
                None => TcpStream::connect(address).ok().map(|_| true),
            });
            if up {
                return Balancer { process, address, _dir: dir };
            }
        }
        panic!("{program} did not start in five attempts");
    }

    /// haproxy, with a word of how it tells whose a connection is.
    fn haproxy(ip: &str, gateway: SocketAddr, how: &str) -> Balancer {
        Balancer::start("haproxy", ip, |address| {
            format!(
                "defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n\
                 listen gateway\n bind {address}\n server one {gateway} source {BALANCER} {how} check inter 50ms\n"
            )
        })
    }

    fn nginx(gateway: SocketAddr) -> Balancer {
        Balancer::start("nginx", "127.0.0.1", |address| {
            format!(
                "daemon off; master_process off; pid nginx.pid;\n\
                 load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n\
                 events {{}}\nstream {{ server {{ listen {address}; proxy_pass {gateway}; proxy_bind {BALANCER};\n\
                 proxy_protocol on; }} }}\n"
            )
        })
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn behind_a_balancer_each_client_is_itself_before_tls_and_without_it_and_its_checks_are_nobody() {
    let nginx = Nginx::start();
    let url = format!("https://{NEWS}:{}/hello.txt", nginx.tls);
    for tls in [false, true] {
        let setup = if tls { setup().with_tls(&nginx.certs.leaf, &nginx.certs.key) } else { setup() };
        let world = World::start(&setup);
        let scheme = if tls { "https" } else { "http" };
        let fetch = |balancer: &Balancer, from: &str| {
            let mut curl = curl(&world, &nginx.certs.ca);
            let family = if balancer.address.is_ipv6() { "-6" } else { "-4" };
            let proxy = format!("{scheme}://localhost:{}", balancer.address.port());
            curl.args([family, "-x", &proxy, "--interface", from, &url]);
            tool::run(curl.arg("--proxy-cacert").arg(&nginx.certs.ca), LONG)
        };
        let mut clients = Vec::new();
        for (balancer, from) in [
            (Balancer::haproxy("127.0.0.1", world.proxy(), "send-proxy"), CLIENT),
            (Balancer::haproxy("127.0.0.1", world.proxy(), "send-proxy-v2"), CLIENT),
            (Balancer::haproxy("::1", world.proxy(), "send-proxy"), "::1"),
            (Balancer::haproxy("::1", world.proxy(), "send-proxy-v2-ssl"), "::1"),
            (Balancer::nginx(world.proxy()), CLIENT),
        ] {
            assert_eq!(fetch(&balancer, from).ok().text(), "hello\n");
            clients.push(from);
            if from == CLIENT {
                // Who is none of the listener's clients is none behind a balancer either.
                let refused = fetch(&balancer, "127.0.0.4");
                assert!(refused.stderr.contains("403"), "{}", refused.stderr);
                clients.push("127.0.0.4");
            }
        }
        let records = world.finish();
        let seen: Vec<&str> = records.iter().map(|r| r.text("client")).collect();
        assert_eq!(seen, clients, "tls: {tls}: {records:#?}");
        let refused = records.iter().filter(|r| r.text("reason") == "client-not-allowed").count();
        assert_eq!((refused, records.len()), (3, 8));
    }
}

/// A connection from there that says this; what it is told.
fn say(from: &str, proxy: SocketAddr, bytes: &[u8]) -> String {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&format!("{from}:0").parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.connect(&proxy.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // It may have closed already: what it was told is still to be read.
    let _ = stream.write_all(bytes);
    let mut told = Vec::new();
    let _ = stream.read_to_end(&mut told);
    String::from_utf8_lossy(&told).into_owned()
}

#[test]
fn only_a_balancer_is_believed_and_only_what_is_a_header() {
    let origin = Origin::http(|_| crate::world::Answer::ok("hello").closing());
    let world = World::start(&setup());
    let request = format!("GET http://{NEWS}:{0}/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", origin.port());
    let line = format!("PROXY TCP4 {CLIENT} 192.0.2.1 4660 3128\r\n");
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";
    let huge = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff";
    let short = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x04\x7f\x00\x00\x03";
    let with = |header: &[u8]| [header, request.as_bytes()].concat();
    for (from, bytes, status, client, end) in [
        (BALANCER, with(line.as_bytes()), "200", CLIENT, "client: finished"),
        // The balancer's own connections, by its own address, which is none of the listener's clients.
        (BALANCER, with(local), "403", BALANCER, "policy: client-not-allowed"),
        (BALANCER, with(b"PROXY UNKNOWN\r\n"), "403", BALANCER, "policy: client-not-allowed"),
        // From anybody else it is part of what is asked, and no word of whose it is.
        ("127.0.0.9", with(line.as_bytes()), "400", "127.0.0.9", "client: bad-request"),
        (CLIENT, with(line.as_bytes()), "400", CLIENT, "client: bad-request"),
        (CLIENT, with(local), "400", CLIENT, "client: bad-request"),
        (CLIENT, with(b""), "200", CLIENT, "client: finished"),
        // What is none is not answered: whose it would be is not known.
        (BALANCER, with(b""), "", BALANCER, "client: bad-proxy-header"),
        (BALANCER, with(b"PROXY TCP4 127.0.0.3 192.0.2.1 1\r\n"), "", BALANCER, "client: bad-proxy-header"),
        (
            BALANCER,
            with(format!("PROXY UNKNOWN {}\r\n", "x".repeat(100)).as_bytes()),
            "",
            BALANCER,
            "client: bad-proxy-header",
        ),
        (BALANCER, with(huge), "", BALANCER, "client: bad-proxy-header"),
        (BALANCER, with(short), "", BALANCER, "client: bad-proxy-header"),
        // A header stops in the middle for longer than a balancer may take.
        (BALANCER, b"PROXY TCP4 127.0.0.3".to_vec(), "", BALANCER, "client: slow-head"),
    ] {
        let shown = bytes.escape_ascii().to_string();
        let before = world.records().len();
        let told = say(from, world.proxy(), &bytes);
        let status_line = told.lines().next().unwrap_or_default();
        assert_eq!(status_line.split(' ').nth(1).unwrap_or_default(), status, "{shown}: {told}");
        let record = until(LONG, "its record", || world.records().into_iter().nth(before));
        assert_eq!((record.text("client"), record.end().as_str()), (client, end), "{shown}");
    }
    // A balancer that only looks whether somebody listens asks for nothing.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&format!("{BALANCER}:0").parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.connect(&world.proxy().into()).unwrap();
    drop(socket);
    assert_eq!(world.finish().len(), 13);
}

#[test]
fn http_2_behind_a_balancer_is_the_clients_too() {
    let dir = tempfile::tempdir().unwrap();
    let certs = Certs::write(dir.path());
    let world = World::start(&setup().with_tls(&certs.leaf, &certs.key));
    let balancer = Balancer::haproxy("127.0.0.1", world.proxy(), "send-proxy-v2");
    let echo = Origin::echo();
    crate::world::load::runtime().block_on(async {
        // The loopback's own address, which is none of the listener's clients.
        let mut lanes = crate::world::Lanes::connect(balancer.address, &certs).await;
        assert_eq!(lanes.tunnel(&format!("{NEWS}:{}", echo.port())).await.err().unwrap(), 403);
    });
    drop(balancer);
    assert_eq!(world.only_record().text("client"), "127.0.0.1");
}
