//! The PAC file: served to who may use the listener and to nobody else, and what real engines make of it.

use std::process::Command;
use std::time::Duration;

use crate::world::browser::Browser;
use crate::world::setup::NEWS;
use crate::world::{Answer, Origin, Setup, Wire, World, tool};

const LONG: Duration = Duration::from_secs(60);

/// A world with `[pac]`.
fn with(pac: &str) -> Setup {
    Setup { link: format!("[pac]\n{pac}\n"), ..Setup::default() }
}

#[test]
fn clients_get_the_pac_file_from_the_listener_and_it_leaves_no_record() {
    let world = World::start(&Setup::default());
    for path in ["/proxy.pac", "/wpad.dat", "/wpad.dat?x=y"] {
        for to in [world.proxy(), world.admin()] {
            let answer = Wire::page(to, path);
            assert_eq!(
                (answer.status, answer.head.field("content-type")),
                (200, Some("application/x-ns-proxy-autoconfig"))
            );
            assert!(
                answer.text().contains(&format!("var PROXIES = \"PROXY {}\";", world.proxy())),
                "{}",
                answer.text()
            );
        }
    }
    let mut kept = Wire::connect(world.proxy());
    kept.send("HEAD /proxy.pac HTTP/1.1\r\nhost: wpad.example\r\n\r\n");
    let head = kept.answer("HEAD");
    assert_eq!((head.status, head.head.field("cache-control")), (200, Some("max-age=300")));
    kept.send("GET /proxy.pac HTTP/1.1\r\nhost: wpad.example\r\n\r\n");
    assert_eq!(kept.answer("GET").status, 200, "the connection is kept");
    // What is no question for it is answered as ever: a request that only an origin could answer.
    for request in ["POST /proxy.pac", "GET /proxy.pac/", "GET /other"] {
        let mut wire = Wire::connect(world.proxy());
        wire.send(format!("{request} HTTP/1.1\r\nhost: wpad\r\ncontent-length: 0\r\n\r\n"));
        assert_eq!(wire.answer("GET").status, 400, "{request}");
    }
    let records = world.finish();
    assert_eq!(records.len(), 3, "{records:#?}");
    assert!(records.iter().all(|record| record.text("reason") == "bad-request"), "{records:#?}");
}

#[test]
fn who_may_not_use_the_gateway_is_told_what_everybody_else_is_told() {
    let world = World::start(&Setup { clients: vec!["192.0.2.0/24".to_owned()], ..Setup::default() });
    let answers = ["/proxy.pac", "/other"].map(|path| {
        let answer = Wire::page(world.proxy(), path);
        (answer.status, answer.head.field("proxy-status").map(str::to_owned))
    });
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].0, 403);
    assert_eq!(world.finish().len(), 2);
}

#[test]
fn a_pac_engine_sends_each_url_where_the_configuration_says() {
    let world = World::start(&with(
        "name = \"proxy.example.wales.nhs.uk:3128\"\nfallback = \"10.9.0.2\"\nif_down = \"direct\"\n\
         direct = [\".intranet.example\", \"pacs.example\", \"10.64.0.0/10\", \"2001:db8::/47\"]",
    ));
    let file = world.dir().join("proxy.pac");
    std::fs::write(&file, Wire::page(world.proxy(), "/proxy.pac").text()).unwrap();
    let port = world.proxy().port();
    let proxy = format!("PROXY proxy.example.wales.nhs.uk:3128; PROXY 10.9.0.2:{port}; DIRECT");
    for (url, goes) in [
        ("https://www.example.org/", "proxy"),
        ("http://WWW.Intranet.Example/", "DIRECT"),
        ("http://intranet.example/", "DIRECT"),
        ("http://notintranet.example/", "proxy"),
        ("http://intranet.example.evil.example/", "proxy"),
        ("http://a.pacs.example:8080/", "DIRECT"),
        ("http://server/", "DIRECT"),
        ("http://localhost/", "DIRECT"),
        ("http://app.localhost/", "DIRECT"),
        ("http://127.0.0.1/", "DIRECT"),
        ("http://169.254.1.1/", "DIRECT"),
        ("http://10.127.255.255/", "DIRECT"),
        ("http://10.128.0.1/", "proxy"),
        ("http://192.0.2.1/", "proxy"),
        ("http://proxy.example.wales.nhs.uk:9128/", "DIRECT"),
        ("http://10.9.0.2:9128/", "DIRECT"),
    ] {
        let host = url.split("//").nth(1).unwrap().split(['/', ':']).next().unwrap();
        let ran = tool::run(Command::new("pactester").arg("-p").arg(&file).args(["-u", url, "-h", host]), LONG).ok();
        assert_eq!(ran.text().trim(), if goes == "proxy" { &proxy } else { goes }, "{url}");
    }
    for (host, goes) in [
        ("::1", "DIRECT"),
        ("fe80::1", "DIRECT"),
        ("2001:db8:0:1::5", "DIRECT"),
        ("2001:db8:1:ffff::", "DIRECT"),
        ("2001:db8:2::1", "proxy"),
    ] {
        let url = format!("http://[{host}]/");
        let ran = tool::run(Command::new("pactester").arg("-p").arg(&file).args(["-u", &url, "-h", host]), LONG).ok();
        assert_eq!(ran.text().trim(), if goes == "proxy" { &proxy } else { goes }, "{url}");
    }
}

#[test]
fn a_browser_finds_the_gateway_by_the_pac_file_and_goes_past_it_only_where_that_is_configured() {
    for (if_down, reached) in [("fail", false), ("direct", true)] {
        let origin = Origin::http(|_| Answer::ok("<title>origin</title>"));
        let world = World::start(&with(&format!("direct = [\"intranet.example\"]\nif_down = \"{if_down}\"")));
        let rules = "--host-resolver-rules=MAP intranet.example 127.0.0.1, MAP news.example.org 127.0.0.1";
        let browser = Browser::start(&[format!("--proxy-pac-url={}/proxy.pac", world.proxy_url()), rules.to_owned()]);
        browser.open(&format!("http://{NEWS}:{}/through", origin.port()));
        assert_eq!(browser.text("return document.title"), "origin");
        browser.open(&format!("http://intranet.example:{}/past", origin.port()));
        assert_eq!(browser.text("return document.title"), "origin");
        let records = world.finish();
        // Chromium has errands of its own.
        assert!(records.iter().any(|record| record.text("host") == NEWS), "{records:#?}");
        assert!(records.iter().all(|record| record.text("host") != "intranet.example"), "{records:#?}");
        // The gateway is gone.
        browser.try_open(&format!("http://{NEWS}:{}/gone", origin.port()));
        assert_eq!(
            origin.requests().iter().any(|request| request.head.second().ends_with("/gone")),
            reached,
            "{if_down}"
        );
    }
}
