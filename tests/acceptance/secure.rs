//! A listener that speaks TLS: browsers and tools through it, HTTP/2 with many flows over one connection, its certificate.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Method;

use crate::clients::curl;
use crate::world::load::runtime;
use crate::world::setup::{BLOCKED, CLINICAL, NEWS, NO_SOCIAL, SOCIAL};
use crate::world::{Certs, Lanes, Nginx, Origin, Setup, World, nginx, tool, until};

const LONG: Duration = Duration::from_secs(120);

/// The default estate, with the origin's certificate shown by the proxy too: it is for both families' loopback.
fn setup(certs: &Certs) -> Setup {
    Setup::default().with_tls(&certs.leaf, &certs.key)
}

/// curl that speaks to the proxy by TLS. It looks for the proxy's name in a certificate even where that is an IPv6 address.
fn secure_curl(world: &World, ca: &Path) -> Command {
    let mut curl = curl(world, ca);
    let family = if world.proxy().is_ipv6() { "-6" } else { "-4" };
    let proxy = format!("https://localhost:{}", world.proxy().port());
    curl.args([family, "-x", &proxy]).arg("--proxy-cacert").arg(ca);
    curl
}

/// An endless origin, and one that counts what comes.
fn endless() -> Origin {
    Origin::raw(|mut stream| {
        loop {
            stream.write_all(&[7; 16 << 10])?;
        }
    })
}

fn counting() -> (Origin, Arc<AtomicU64>) {
    let counted = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&counted);
    let origin = Origin::raw(move |mut stream| {
        let mut room = vec![0; 64 << 10];
        loop {
            match stream.read(&mut room)? {
                0 => return Ok(()),
                bytes => count.fetch_add(bytes as u64, Ordering::SeqCst),
            };
        }
    });
    (origin, counted)
}

#[test]
fn curl_speaks_to_the_proxy_by_tls_over_both_families_for_tunnels_and_plain_requests() {
    let nginx = Nginx::start();
    for listen in ["127.0.0.1:0", "[::1]:0"] {
        let world = World::start(&Setup { listen: listen.to_owned(), ..setup(&nginx.certs) });
        for (url, name, method, tube) in [
            (format!("https://{NEWS}:{}/hello.txt", nginx.tls), NEWS, "CONNECT", "internet"),
            (format!("https://{CLINICAL}:{}/hello.txt", nginx.tls), CLINICAL, "CONNECT", "clinical"),
            (format!("http://{SOCIAL}:{}/hello.txt", nginx.plain), SOCIAL, "GET", "social"),
        ] {
            let ran = tool::run(secure_curl(&world, &nginx.certs.ca).arg(&url), LONG).ok();
            assert_eq!(ran.text(), "hello\n", "{url}");
            let record = world.record(name, |r| r.text("host") == name);
            assert_eq!((record.text("tube"), record.text("method"), record.number("status")), (tube, method, 200));
            assert_eq!(record.end(), "client: finished", "{record:?}");
        }
        assert_eq!(world.finish().len(), 3);
    }
}

#[test]
fn a_browser_speaks_http_2_to_the_proxy_and_each_of_its_streams_is_a_flow() {
    let nginx = Nginx::start();
    let world = World::start(&setup(&nginx.certs));
    let profile = tempfile::tempdir().unwrap();
    let told = profile.path().join("net.json");
    let mut chromium = Command::new("chromium");
    chromium
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--proxy-server=https://{}", world.proxy()))
        .arg(format!("--ignore-certificate-errors-spki-list={}", nginx.certs.spki))
        .args([&format!("--log-net-log={}", told.display()), "--net-log-capture-mode=Everything"])
        .args(["--dump-dom", &format!("https://{CLINICAL}:{}/page.html", nginx.tls)])
        .env("HOME", profile.path());
    let ran = tool::run(&mut chromium, LONG);
    let loaded = format!("data-loaded=\"{}\"", nginx::PICTURES);
    assert!(ran.text().contains(&loaded), "{}\n{}", ran.text(), ran.stderr);
    // What the browser itself says of the frames that it sent: the pseudo-fields of section 8.5.
    let said = std::fs::read_to_string(&told).unwrap();
    for name in [CLINICAL, SOCIAL, NEWS] {
        let frame = format!("[\":method: CONNECT\",\":authority: {name}:{}\"", nginx.tls);
        assert!(said.contains(&frame), "no frame {frame}");
    }
    let records = world.finish();
    for (name, tube) in [(CLINICAL, "clinical"), (SOCIAL, "social"), (NEWS, "internet")] {
        let flows: Vec<_> = records.iter().filter(|r| r.text("host") == name).collect();
        assert!(!flows.is_empty() && flows.iter().all(|r| r.text("tube") == tube), "{name}: {flows:#?}");
        assert!(flows.iter().any(|r| r.number("bytes_down") > 1_000), "{name}: {flows:#?}");
    }
}

#[test]
fn a_clinical_stream_is_not_held_back_by_others_of_its_connection_that_wait_for_their_tube() {
    const UPLOADS: usize = 60;
    const WHOLE: usize = 20_000_000;
    let dir = tempfile::tempdir().unwrap();
    let certs = Certs::write(dir.path());
    let social = Some(("2 Mbit/s".to_owned(), "2 Mbit/s".to_owned()));
    let world = World::alone(&Setup { social, ..setup(&certs) });
    let (down, (up, went_up), (letter, letters)) = (endless(), counting(), counting());
    runtime().block_on(async {
        let mut lanes = Lanes::connect(world.proxy(), &certs).await;
        let began = Instant::now();
        let (came, sent) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let mut film = lanes.tunnel(&format!("{SOCIAL}:{}", down.port())).await.unwrap();
        let count = Arc::clone(&came);
        tokio::spawn(async move {
            while let Ok(bytes) = film.read().await {
                count.fetch_add(bytes.len() as u64, Ordering::SeqCst);
            }
        });
        for _ in 0..UPLOADS {
            let mut upload = lanes.tunnel(&format!("{SOCIAL}:{}", up.port())).await.unwrap();
            let count = Arc::clone(&sent);
            tokio::spawn(async move {
                while upload.write(Bytes::from_static(&[1; 8 << 10])).await.is_ok() {
                    count.fetch_add(8 << 10, Ordering::SeqCst);
                }
            });
        }
        // Each has its window full, and the ceiling lets through what it lets through.
        until_async("the uploads to be held back", || sent.load(Ordering::SeqCst) > UPLOADS as u64 * (56 << 10)).await;
        let mut picture = lanes.tunnel(&format!("{CLINICAL}:{}", down.port())).await.unwrap();
        let mut referral = lanes.tunnel(&format!("{CLINICAL}:{}", letter.port())).await.unwrap();
        let (read, written) = tokio::join!(
            tokio::time::timeout(LONG, picture.read_some(WHOLE)),
            tokio::time::timeout(LONG, referral.write(vec![2; WHOLE].into())),
        );
        assert!(read.unwrap().len() >= WHOLE);
        written.unwrap().unwrap();
        until_async("the referral to arrive", || letters.load(Ordering::SeqCst) == WHOLE as u64).await;
        let most = |windows: u64| windows + (began.elapsed().as_secs_f64() * 2.2e6 / 8.0) as u64 + 300_000;
        let (came, went) = (came.load(Ordering::SeqCst), went_up.load(Ordering::SeqCst));
        assert!(came < most(0) && went < most(0), "{came} down and {went} up in {:?}", began.elapsed());
        // What is not granted is not taken from the client either: no more than each stream's window.
        let sent = sent.load(Ordering::SeqCst);
        assert!(sent < most(UPLOADS as u64 * (88 << 10)), "{sent} bytes were taken");
        // Both moved all the while.
        assert!(came > 20_000 && went > 20_000, "{came} down and {went} up in {:?}", began.elapsed());
        println!("clinical: {WHOLE} bytes each way in {:?}; social: {came} down, {went} up", began.elapsed());
    });
}

async fn until_async(what: &str, mut is: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn a_stream_that_a_reload_ends_is_reset_and_the_others_of_its_connection_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let certs = Certs::write(dir.path());
    let world = World::start(&setup(&certs));
    let (film, echo) = (endless(), Origin::echo());
    let page = Origin::raw(|mut stream| {
        let _ = stream.read(&mut [0; 4096])?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        loop {
            stream.write_all(b"400\r\n")?;
            stream.write_all(&[b'x'; 1024])?;
            stream.write_all(b"\r\n")?;
        }
    });
    runtime().block_on(async {
        let mut lanes = Lanes::connect(world.proxy(), &certs).await;
        let mut tunnel = lanes.tunnel(&format!("{SOCIAL}:{}", film.port())).await.unwrap();
        let mut news = lanes.tunnel(&format!("{NEWS}:{}", echo.port())).await.unwrap();
        let answer = lanes.ask(Method::GET, &format!("http://{SOCIAL}:{}/", page.port())).await.unwrap();
        assert_eq!(answer.status(), 200);
        // Nobody reads this one any more: it is ended all the same.
        let stalled = lanes.ask(Method::GET, &format!("http://{SOCIAL}:{}/stalled", page.port())).await.unwrap();
        tunnel.read_some(100_000).await;
        news.write(Bytes::from_static(b"before")).await.unwrap();
        assert_eq!(news.read_some(6).await, b"before");

        let policy = format!("{}{NO_SOCIAL}", Setup::default().policy);
        tokio::task::block_in_place(|| world.reload(&Setup { policy, ..setup(&certs) }));
        let mut ended = Vec::new();
        for mut body in [tunnel.down, answer.into_body(), stalled.into_body()] {
            ended.push(loop {
                match tokio::time::timeout(Duration::from_secs(20), body.data()).await.expect("it ends") {
                    Some(Ok(bytes)) => drop(body.flow_control().release_capacity(bytes.len())),
                    Some(Err(error)) => break error.is_reset().then(|| error.reason()).flatten(),
                    None => break None,
                }
            });
        }
        assert_eq!(ended, [Some(h2::Reason::CANCEL); 3], "a part that looks like the whole");
        news.write(Bytes::from_static(b"after")).await.unwrap();
        assert_eq!(news.read_some(5).await, b"after");
        assert_eq!(lanes.tunnel(&format!("{SOCIAL}:{}", film.port())).await.err().unwrap(), 403);
        news.up.send_data(Bytes::new(), true).unwrap();
        assert!(news.read().await.unwrap().is_empty());
    });
    let records = world.finish();
    let ends: Vec<String> = records.iter().filter(|r| r.text("host") == SOCIAL).map(|r| r.end()).collect();
    assert_eq!(ends, ["policy: blocked"; 4], "{records:#?}");
    let news = records.iter().find(|r| r.text("host") == NEWS).unwrap();
    assert_eq!((news.end().as_str(), news.number("bytes_up")), ("client: finished", 11));
}

#[test]
fn what_is_asked_by_http_2_is_answered_refused_and_recorded_like_by_http_1() {
    let dir = tempfile::tempdir().unwrap();
    let certs = Certs::write(dir.path());
    let world = World::start(&setup(&certs));
    let origin = Origin::http(|request| {
        let field = |name: &str| request.head.field(name).unwrap_or("none").to_owned();
        crate::world::Answer::ok(&format!("{} {}", field("via"), field("host")))
    });
    let (echo, dead) = (Origin::echo(), crate::world::origin::Dead::new());
    runtime().block_on(async {
        let mut lanes = Lanes::connect(world.proxy(), &certs).await;
        let plain = format!("http://{NEWS}:{}/a?b", origin.port());
        for (method, uri, status) in [
            (Method::GET, plain.as_str(), 200),
            (Method::GET, &format!("http://{BLOCKED}:{}/", origin.port()), 403),
            (Method::GET, &format!("http://{NEWS}:{}/", dead.port()), 502),
            (Method::GET, &format!("ftp://{NEWS}/"), 400),
        ] {
            let answer = lanes.ask(method, uri).await.unwrap();
            assert_eq!(answer.status(), status, "{uri}");
            let mut body = answer.into_body();
            while let Some(bytes) = body.data().await {
                bytes.unwrap();
            }
        }
        let answer = lanes.ask(Method::GET, &plain).await.unwrap();
        assert_eq!(answer.headers()["via"], "1.1 gw-test");
        let mut body = answer.into_body();
        assert_eq!(body.data().await.unwrap().unwrap(), format!("2 gw-test {NEWS}:{}", origin.port()));
        assert!(body.data().await.is_none());
        // The script is the gateway's own, and leads to it by TLS.
        let script = lanes.ask(Method::GET, &format!("https://{}/proxy.pac", world.proxy())).await.unwrap();
        let script = script.into_body().data().await.unwrap().unwrap();
        let way = format!("\"HTTPS {}\"", world.proxy());
        assert!(String::from_utf8_lossy(&script).contains(&way), "{script:?}");
        for (authority, status) in [(format!("{BLOCKED}:443"), 403), (format!("{NEWS}:{}", dead.port()), 502)] {
            assert_eq!(lanes.tunnel(&authority).await.err().unwrap(), status, "{authority}");
        }
        // A half that is closed leaves the other open.
        let mut half = lanes.tunnel(&format!("{NEWS}:{}", echo.port())).await.unwrap();
        half.up.send_data(Bytes::from_static(b"all of it"), true).unwrap();
        assert_eq!(half.read_some(9).await, b"all of it");
        assert!(half.read().await.unwrap().is_empty());
        // A stream that its client takes back is over at once, and for its origin too.
        let mut taken_back = lanes.tunnel(&format!("{CLINICAL}:{}", echo.port())).await.unwrap();
        taken_back.up.send_reset(h2::Reason::CANCEL);
        until_async("its record", || world.records().iter().any(|r| r.text("host") == CLINICAL)).await;
    });
    let ends: Vec<String> = world.finish().iter().map(|r| format!("{} {}", r.text("method"), r.end())).collect();
    assert_eq!(
        ends,
        [
            "GET client: finished",
            "GET policy: blocked",
            "GET origin: connect-refused",
            "GET client: bad-request",
            "GET client: finished",
            "CONNECT policy: blocked",
            "CONNECT origin: connect-refused",
            "CONNECT client: finished",
            "CONNECT client: finished",
        ]
    );
}

#[test]
fn streams_of_one_connection_take_as_much_room_as_connections_and_the_last_places_are_clinicals() {
    let dir = tempfile::tempdir().unwrap();
    let certs = Certs::write(dir.path());
    // Room for forty.
    let world = World::start(&Setup { descriptors: Some(107), ..setup(&certs) });
    let echo = Origin::echo();
    runtime().block_on(async {
        let mut lanes = Lanes::connect(world.proxy(), &certs).await;
        let mut open = Vec::new();
        // Beside the connection itself: to 80, 90 and 100 percent.
        for (name, places) in [(SOCIAL, 31), (NEWS, 35), (CLINICAL, 39)] {
            let refused = loop {
                match lanes.tunnel(&format!("{name}:{}", echo.port())).await {
                    Ok(lane) => open.push(lane),
                    Err(status) => break status,
                }
                assert!(open.len() < 50, "there is no end to the room");
            };
            assert_eq!((refused.as_u16(), open.len()), (503, places), "{name}");
        }
        // One that is over leaves its place to the next.
        open.pop().unwrap().up.send_reset(h2::Reason::CANCEL);
        until_async("a place", || world.records().iter().any(|r| r.end() == "client: finished")).await;
        let mut last = lanes.tunnel(&format!("{CLINICAL}:{}", echo.port())).await.unwrap();
        last.write(Bytes::from_static(b"letter")).await.unwrap();
        assert_eq!(last.read_some(6).await, b"letter");
    });
}

#[test]
fn a_connection_that_never_comes_to_speak_http_has_its_record() {
    let dir = tempfile::tempdir().unwrap();
    let certs = Certs::write(dir.path());
    let world = World::start(&setup(&certs));
    let say = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(world.proxy()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(bytes).unwrap();
        let mut told = Vec::new();
        let _ = stream.read_to_end(&mut told);
        String::from_utf8_lossy(&told).into_owned()
    };
    let plain = say(format!("CONNECT {NEWS}:443 HTTP/1.1\r\nhost: {NEWS}\r\n\r\n").as_bytes());
    assert!(plain.starts_with("HTTP/1.1 400 ") && plain.contains("use https:// in its address"), "{plain}");
    say(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00");
    let old = ["s_client", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0", "-connect", &world.proxy().to_string()];
    assert_ne!(tool::run(Command::new("openssl").args(old), LONG).code, Some(0));
    // A client that does not trust the certificate.
    let distrusts = ["-q", "-sS", "-x", &format!("https://{}", world.proxy()), &format!("http://{NEWS}/")];
    assert_eq!(tool::run(Command::new("curl").args(distrusts), LONG).code, Some(60));
    // Who says that he speaks HTTP/2, and does not.
    runtime().block_on(async {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let stream = tokio::net::TcpStream::connect(world.proxy()).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(certs.trust(&["h2"]));
        let mut stream = connector.connect(world.proxy().ip().into(), stream).await.unwrap();
        stream.write_all(b"GET http://news.example.org/ HTTP/1.1\r\n\r\n").await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    // Who only connects asked for nothing.
    drop(TcpStream::connect(world.proxy()).unwrap());
    let records = world.finish();
    let ends: Vec<(String, bool)> = records.iter().map(|r| (r.end(), r.text("host").is_empty())).collect();
    let tls = || ("client: tls-failed".to_owned(), true);
    let bad = || ("client: bad-request".to_owned(), true);
    assert_eq!(ends, [bad(), tls(), tls(), tls(), bad()], "{records:#?}");
}

#[test]
fn a_certificate_is_taken_anew_when_its_file_changes_and_kept_when_the_new_one_is_no_use() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (certs, renewed) = (Certs::write(dir.path()), Certs::write(other.path()));
    let world = World::start(&setup(&certs));
    let echo = Origin::echo();
    let gauge = |name: &str| world.scrape().value(name, &[("listener", "staff")]);
    let put = |from: &Path, to: &Path| {
        std::fs::copy(from, to.with_extension("new")).unwrap();
        std::fs::rename(to.with_extension("new"), to).unwrap();
    };
    runtime().block_on(async {
        let mut first = Lanes::connect(world.proxy(), &certs).await;
        let mut tunnel = first.tunnel(&format!("{CLINICAL}:{}", echo.port())).await.unwrap();
        let expires = gauge("clearway_certificate_expires_timestamp_seconds");
        // A key that is not the certificate's: the one before is still shown, and somebody is told.
        put(&renewed.key, &certs.key);
        until_async("the change to be seen", || gauge("clearway_certificate_refused") == 1.0).await;
        let second = Lanes::connect(world.proxy(), &certs).await;
        assert_eq!(second.shown, first.shown);
        assert!(world.said().contains("leaf.key\" is no use"), "{}", world.said());
        let status = tokio::task::block_in_place(|| world.command("status").ok().text());
        assert!(status.contains("by TLS, certificate until") && status.contains("a newer one is no use"), "{status}");
        // Both: no command was given, and what is open goes on.
        put(&renewed.leaf, &certs.leaf);
        until_async("the new certificate", || gauge("clearway_certificate_refused") == 0.0).await;
        let third = Lanes::connect(world.proxy(), &renewed).await;
        assert_ne!(third.shown, first.shown);
        assert_eq!(gauge("clearway_certificate_expires_timestamp_seconds"), expires);
        tunnel.write(Bytes::from_static(b"still here")).await.unwrap();
        assert_eq!(tunnel.read_some(10).await, b"still here");
    });
    until(LONG, "no listener to be closed", || TcpStream::connect(world.proxy()).ok());
    assert_eq!(world.finish().len(), 1);
}
