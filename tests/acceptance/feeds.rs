//! Lists that are fetched: what a good server brings is taken, and whatever a bad one sends is refused with its reason
//! while the last good list stays in force.

use std::io::{Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::world::poll::until;
use crate::world::setup::NEWS;
use crate::world::{Certs, Setup, Wire, World};

/// A server that answers by path, in words that are written out here.
struct Server {
    port: u16,
    /// The heads of the requests that came.
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(tls: Arc<rustls::ServerConfig>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (tls, seen) = (Arc::clone(&tls), Arc::clone(&seen));
                std::thread::spawn(move || serve(stream.unwrap(), tls, &seen));
            }
        });
        Server { port, heads }
    }
}

/// One answer. A client that has heard enough goes away, which is no mistake.
fn serve(stream: TcpStream, tls: Arc<rustls::ServerConfig>, seen: &Mutex<Vec<String>>) -> Option<()> {
    let mut stream = rustls::StreamOwned::new(rustls::ServerConnection::new(tls).ok()?, stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut one = [0];
        stream.read_exact(&mut one).ok()?;
        head.push(one[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let conditional = head.to_ascii_lowercase().contains("if-none-match: \"one\"");
    seen.lock().unwrap().push(head);
    let names = |count: usize| (0..count).map(|number| format!("n{number}.listed.example\n")).collect::<String>();
    let whole =
        |more: &str, body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{more}\r\n{body}", body.len());
    let answer = match path.as_str() {
        "/good" if conditional => "HTTP/1.1 304 Not Modified\r\nETag: \"one\"\r\n\r\n".to_owned(),
        "/good" => whole("ETag: \"one\"\r\n", &names(200)),
        "/moved" => format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", "/more"),
        "/more" => whole("", &names(250)),
        "/nothing" => whole("", ""),
        "/comments" => whole("", "# nothing today\n"),
        "/half" => whole("", &names(200))[..2000].to_owned(),
        "/shrunk" => whole("", &names(20)),
        "/page" => whole("Content-Type: text/plain\r\n", "\n<!DOCTYPE html><title>Sign in</title>"),
        "/bomb" => whole("Content-Encoding: gzip\r\n", "\u{1f}whatever"),
        "/packed" => whole("", "PK\u{3}\u{4}..."),
        "/huge" => "HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\nn1.listed.example\n".to_owned(),
        "/loop" => "HTTP/1.1 301 Moved Permanently\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "/plain" => {
            "HTTP/1.1 301 Moved Permanently\r\nLocation: http://127.0.0.1/x\r\nContent-Length: 0\r\n\r\n".to_owned()
        }
        "/drip" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n").ok()?;
            loop {
                stream.write_all(b"x").and_then(|()| stream.flush()).ok()?;
                // An octet a second is what this server is about.
                std::thread::sleep(Duration::from_secs(1));
            }
        }
        _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
    };
    stream.write_all(answer.as_bytes()).ok()?;
    stream.conn.send_close_notify();
    stream.flush().ok()
}

/// A gateway whose blocked category has a list from there.
fn setup(certs: &Certs, url: &str) -> Setup {
    let env = [("SSL_CERT_FILE", certs.ca.display().to_string()), ("SSL_CERT_DIR", "/nonexistent".to_owned())];
    let list = format!(
        "domains = [\"blocked.example\"]\nlists = [{{ path = \"theirs.txt\", format = \"plain\", url = \"{url}\" }}]"
    );
    let mut setup = Setup { env: env.map(|(name, value)| (name.to_owned(), value)).to_vec(), ..Setup::default() };
    setup.policy = setup.policy.replace("domains = [\"blocked.example\"]", &list);
    setup
}

const LIST: [(&str, &str); 1] = [("category", "never")];

fn entries(world: &World) -> usize {
    world.scrape().find("clearway_list_entries", &LIST).unwrap_or(-1.0) as usize
}

fn is_refused(world: &World) -> bool {
    world.scrape().value("clearway_list_refused", &LIST) > 0.0
}

/// Whether a name of the list is refused by the rule that names its category.
fn blocks(world: &World) -> bool {
    Wire::connect(world.proxy()).get("http://www.n7.listed.example/").status == 403
}

#[test]
fn a_list_is_fetched_at_the_start_asked_for_by_its_version_and_followed_where_it_moved() {
    let dir = tempfile::tempdir().unwrap();
    let certs = Certs::write(dir.path());
    let server = Server::start(certs.server(&certs.leaf));
    let url = |path: &str| format!("https://{NEWS}:{}{path}", server.port);
    let world = World::start(&setup(&certs, &url("/good")));
    until(Duration::from_secs(20), "the list to be fetched", || (entries(&world) == 200).then_some(()));
    assert!(blocks(&world) && !is_refused(&world));
    let head = server.heads.lock().unwrap()[0].to_ascii_lowercase();
    assert!(head.starts_with("get /good http/1.1") && head.contains("accept-encoding: identity"), "{head}");
    world.reload(&setup(&certs, &url("/moved")));
    until(Duration::from_secs(20), "the list to be fetched from where it moved", || {
        (entries(&world) == 250).then_some(())
    });
    assert!(blocks(&world) && !is_refused(&world));
}

#[test]
fn what_is_fetched_stands_before_the_file_at_its_path_until_the_url_is_taken_away() {
    let dir = tempfile::tempdir().unwrap();
    let certs = Certs::write(dir.path());
    let server = Server::start(certs.server(&certs.leaf));
    let mut setup = setup(&certs, &format!("https://{NEWS}:{}/good", server.port));
    let own = (0..150).map(|number| format!("own{number}.example\n")).collect();
    setup.beside = vec![("theirs.txt".to_owned(), own)];
    let world = World::start(&setup);
    until(Duration::from_secs(20), "the list to be fetched", || (entries(&world) == 200).then_some(()));
    assert!(blocks(&world) && !is_refused(&world));
    setup.policy = setup.policy.replace(&format!(", url = \"https://{NEWS}:{}/good\"", server.port), "");
    world.reload(&setup);
    assert_eq!(entries(&world), 150);
    assert!(!blocks(&world));
}

#[test]
fn whatever_a_list_server_sends_the_last_good_list_stays_in_force() {
    let dir = tempfile::tempdir().unwrap();
    let certs = Certs::write(dir.path());
    let (server, old) = (Server::start(certs.server(&certs.leaf)), Server::start(certs.server(&certs.expired)));
    let url = |server: &Server, path: &str| format!("https://{NEWS}:{}{path}", server.port);
    let world = World::start(&setup(&certs, &url(&server, "/good")));
    until(Duration::from_secs(20), "the list to be fetched", || (entries(&world) == 200).then_some(()));
    for (from, path, why) in [
        (&server, "/nothing", "the answer is empty"),
        (&server, "/comments", "it is empty, and the last good one has 200 entries"),
        (&server, "/half", "the answer broke off after"),
        (&server, "/shrunk", "it shrank from 200 to 20 entries, by more than 50%"),
        (&server, "/page", "the answer is a web page, not a list"),
        (&server, "/bomb", "the answer is compressed (gzip), which was not asked for"),
        (&server, "/packed", "the answer is a compressed file, not a list"),
        (&server, "/huge", "it is larger than 256 MiB"),
        (&server, "/loop", "it was redirected more than 5 times"),
        (&server, "/plain", "`http://127.0.0.1/x` is no https URL"),
        (&server, "/missing", "the server answered 404 Not Found"),
        (&server, "/drip", "the server sent less than 10 KiB in 10 s"),
        (&old, "/good", "certificate expired"),
    ] {
        world.reload(&setup(&certs, &url(from, path)));
        until(Duration::from_secs(30), why, || world.said().contains(why).then_some(()));
        until(Duration::from_secs(10), "the metric to say so", || is_refused(&world).then_some(()));
        assert!(entries(&world) == 200 && blocks(&world), "{path}");
    }
    // A start without network has it too, and a good one is taken again.
    world.reload(&setup(&certs, &url(&server, "/good")));
    until(Duration::from_secs(20), "the list to be good again", || (!is_refused(&world)).then_some(()));
    assert!(entries(&world) == 200 && blocks(&world));
}
