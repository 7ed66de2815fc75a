//! Clients that people use: curl, pip, a browser, WebSockets; big bodies both ways.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use ring::digest::{Context, SHA256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Message, Role};

use crate::world::pattern::hex;
use crate::world::setup::{CLINICAL, NEWS, SOCIAL};
use crate::world::tool::{self, Input};
use crate::world::{Nginx, Pattern, Setup, World, load, nginx};

const BIG: u64 = 200_000_000;
const LONG: Duration = Duration::from_secs(120);

/// curl as people call it, for this world and this authority.
pub fn curl(world: &World, ca: &Path) -> Command {
    let mut curl = Command::new("curl");
    curl.args(["-q", "-sS", "--max-time", "110", "-x", &world.proxy_url()]).arg("--cacert").arg(ca);
    for variable in ["http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "no_proxy", "NO_PROXY", "CURL_CA_BUNDLE"]
    {
        curl.env_remove(variable);
    }
    curl
}

#[test]
fn curl_fetches_over_tls_with_http_1_and_http_2_inside_the_tunnel() {
    let nginx = Nginx::start();
    let world = World::start(&Setup::default());
    for (flag, version, name, tube) in [
        ("--http1.1", "1.1", NEWS, "internet"),
        ("--http2", "2", NEWS, "internet"),
        ("--http2", "2", CLINICAL, "clinical"),
        ("--http1.1", "1.1", SOCIAL, "social"),
    ] {
        let url = format!("https://{name}:{}/hello.txt", nginx.tls);
        let ran = tool::run(curl(&world, &nginx.certs.ca).args([flag, "-w", "%{http_version}", &url]), LONG).ok();
        assert_eq!(ran.text(), format!("hello\n{version}"), "{flag} {name}");
        let record = world.record(name, |r| r.text("host") == name);
        assert_eq!((record.text("tube"), record.text("method")), (tube, "CONNECT"));
    }
    assert_eq!(world.finish().len(), 4);
}

#[test]
fn two_hundred_megabytes_come_down_whole_with_either_http() {
    let nginx = Nginx::start();
    let world = World::alone(&Setup::default());
    for (seed, flag) in [(1, "--http1.1"), (2, "--http2")] {
        let mut hash = Context::new(&SHA256);
        let url = format!("https://{NEWS}:{}/streams/{BIG}/{seed}", nginx.tls);
        let ran = tool::stream(curl(&world, &nginx.certs.ca).args([flag, &url]), LONG, |piece| hash.update(piece));
        ran.ok();
        assert_eq!(hex(hash.finish().as_ref()), Pattern::sha256(seed, BIG), "{flag}");
    }
    let records = world.finish();
    assert_eq!(records.len(), 2);
    assert!(records.iter().all(|r| r.number("bytes_down") > BIG), "{records:#?}");
}

#[test]
fn two_hundred_megabytes_go_up_whole_with_either_http() {
    let nginx = Nginx::start();
    let world = World::alone(&Setup::default());
    for (seed, flag) in [(3, "--http1.1"), (4, "--http2")] {
        let url = format!("https://{NEWS}:{}/streams/", nginx.tls);
        let mut curl = curl(&world, &nginx.certs.ca);
        curl.args([flag, "-X", "PUT", "-T", "-", &url]);
        let ran = tool::run_with(&mut curl, LONG, Input::Pattern(Pattern::new(seed), BIG)).ok();
        let told: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
        assert_eq!(told["bytes"], BIG, "{flag}");
        assert_eq!(told["sha256"], Pattern::sha256(seed, BIG).as_str(), "{flag}");
    }
    let records = world.finish();
    assert_eq!(records.len(), 2);
    assert!(records.iter().all(|r| r.number("bytes_up") > BIG), "{records:#?}");
}

#[test]
fn plain_http_uploads_and_downloads_arrive_whole_too() {
    let nginx = Nginx::start();
    let world = World::start(&Setup::default());
    let bytes = 20_000_000;
    let mut hash = Context::new(&SHA256);
    let url = format!("http://{NEWS}:{}/streams/{bytes}/5", nginx.plain);
    tool::stream(curl(&world, &nginx.certs.ca).arg(&url), LONG, |piece| hash.update(piece)).ok();
    assert_eq!(hex(hash.finish().as_ref()), Pattern::sha256(5, bytes));
    // From standard input curl sends chunks, and asks with Expect: 100-continue first.
    let mut curl = curl(&world, &nginx.certs.ca);
    curl.args(["-T", "-", "-H", "Expect: 100-continue", &format!("http://{NEWS}:{}/streams/", nginx.plain)]);
    let ran = tool::run_with(&mut curl, LONG, Input::Pattern(Pattern::new(6), bytes)).ok();
    let told: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(told["sha256"], Pattern::sha256(6, bytes).as_str());
}

#[test]
fn a_websocket_echoes_through_a_tunnel() {
    load::runtime().block_on(async {
        let port = echo_server().await;
        let world = World::start(&Setup::default());
        let stream = load::connect(world.proxy(), &format!("{NEWS}:{port}")).await.unwrap();
        let (socket, _) = tokio_tungstenite::client_async(format!("ws://{NEWS}:{port}/"), stream).await.unwrap();
        echo(socket).await;
        assert_eq!(world.only_record().text("method"), "CONNECT");
    });
}

#[test]
fn a_websocket_echoes_through_a_plain_upgrade() {
    load::runtime().block_on(async {
        let port = echo_server().await;
        let world = World::start(&Setup::default());
        let mut stream = tokio::net::TcpStream::connect(world.proxy()).await.unwrap();
        let request = format!(
            "GET http://{NEWS}:{port}/chat HTTP/1.1\r\nhost: {NEWS}:{port}\r\nconnection: upgrade\r\n\
             upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        for field in ["\r\nupgrade: websocket\r\n", "\r\nconnection: upgrade\r\n", "s3pplmbitxaq9kygzzhzrbk+xoo="] {
            assert!(head.contains(field), "{field} is not in {head}");
        }
        echo(WebSocketStream::from_raw_socket(stream, Role::Client, None).await).await;
        let record = world.only_record();
        assert_eq!((record.text("method"), record.number("status")), ("GET", 101));
        assert!(record.number("bytes_down") > 100_000 && record.number("bytes_up") > 100_000, "{record:?}");
    });
}

async fn echo_server() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(socket) = tokio_tungstenite::accept_async(stream).await else { return };
                let (mut to, mut from) = socket.split();
                while let Some(Ok(message)) = from.next().await {
                    if (message.is_binary() || message.is_text()) && to.send(message).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

async fn echo(mut socket: WebSocketStream<tokio::net::TcpStream>) {
    let big = Message::binary(vec![7; 100_000]);
    for message in [Message::text("bore da"), big, Message::text("hwyl")] {
        socket.send(message.clone()).await.unwrap();
        let back = tokio::time::timeout(Duration::from_secs(20), socket.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(back, message);
    }
    socket.close(None).await.unwrap();
    while let Ok(Some(Ok(_))) = tokio::time::timeout(Duration::from_secs(20), socket.next()).await {}
}

#[test]
fn a_browser_loads_a_page_of_forty_objects_from_three_names() {
    let nginx = Nginx::start();
    let world = World::start(&Setup::default());
    let profile = tempfile::tempdir().unwrap();
    let mut chromium = Command::new("chromium");
    chromium
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--proxy-server={}", world.proxy_url()))
        .arg(format!("--ignore-certificate-errors-spki-list={}", nginx.certs.spki))
        .args(["--dump-dom", &format!("https://{CLINICAL}:{}/page.html", nginx.tls)])
        .env("HOME", profile.path());
    let ran = tool::run(&mut chromium, LONG);
    let loaded = format!("data-loaded=\"{}\"", nginx::PICTURES);
    assert!(ran.text().contains(&loaded), "{}\n{}", ran.text(), ran.stderr);
    let records = world.finish();
    for (name, tube) in [(CLINICAL, "clinical"), (SOCIAL, "social"), (NEWS, "internet")] {
        let tubes: Vec<&str> = records.iter().filter(|r| r.text("host") == name).map(|r| r.text("tube")).collect();
        assert!(!tubes.is_empty() && tubes.iter().all(|found| *found == tube), "{name} in {tubes:?}");
    }
}

/// Needs the network. A machine that has none says so with `CLEARWAY_OFFLINE=1`; otherwise no network is a failure,
/// so that nobody takes a test that did not run for one that passed.
#[test]
fn pip_downloads_from_the_public_registry() {
    if std::env::var_os("CLEARWAY_OFFLINE").is_some() {
        println!("not run: CLEARWAY_OFFLINE is set, and the public registry is on the network");
        return;
    }
    let setup = Setup { ports: "[443]".to_owned(), hosts: Vec::new(), ..Setup::default() };
    let world = World::start(&setup);
    let download = |proxy: Option<String>| {
        let into = tempfile::tempdir().unwrap();
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--disable-pip-version-check"])
            .args(["--retries", "1", "six==1.16.0", "-d"])
            .arg(into.path())
            .current_dir(into.path());
        for variable in
            ["PIP_FIND_LINKS", "PIP_NO_INDEX", "HTTP_PROXY", "http_proxy", "https_proxy", "NO_PROXY", "no_proxy"]
        {
            pip.env_remove(variable);
        }
        match proxy {
            Some(proxy) => pip.env("HTTPS_PROXY", proxy),
            None => pip.env_remove("HTTPS_PROXY"),
        };
        let ran = tool::run(&mut pip, Duration::from_secs(180));
        (ran, into.path().join("six-1.16.0-py2.py3-none-any.whl").exists())
    };
    let began = Instant::now();
    let (ran, there) = download(Some(world.proxy_url()));
    if !there {
        let (direct, there) = download(None);
        let direct = if there { "works".to_owned() } else { format!("fails too: {}", direct.stderr) };
        panic!(
            "pip through the gateway ({:?}): {}{}\npip without it {direct}\n(set CLEARWAY_OFFLINE=1 on a machine without network)",
            began.elapsed(),
            ran.text(),
            ran.stderr
        );
    }
    let records = world.finish();
    let hosts: Vec<&str> = records.iter().map(|r| r.text("host")).collect();
    assert!(hosts.contains(&"pypi.org") && hosts.contains(&"files.pythonhosted.org"), "{hosts:?}");
    assert!(records.iter().all(|r| r.text("tube") == "internet" && r.number("bytes_down") > 1_000), "{records:#?}");
}
