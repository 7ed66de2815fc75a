//! Plain HTTP of clients that know of no proxy.

use std::net::SocketAddr;

use crate::world::{BLOCKED, CLINIC, Client, NEWS, SECURE, SOCIAL, V4, V6, World, ask, on_clients, reach};

fn request(host: &str) -> String {
    format!("GET /page?x HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

/// Host differs between requests of one connection; each is checked against the address.
pub fn one_connection(world: &World) {
    let hosts = [CLINIC, SOCIAL, NEWS, BLOCKED, CLINIC].map(|site| site.name);
    let records = world.records(hosts.len(), || {
        on_clients(move || async move {
            let here = SocketAddr::new(CLINIC.at(V4), 80);
            let mut client = Client::connect(V4.ward, here).await.unwrap();
            for host in hosts {
                client.say(request(host).as_bytes()).await;
                let heard = client.hear(if host == BLOCKED.name { "</html>" } else { "via: 1.1 gw1\r\n\r\n" }).await;
                let expected = if host == BLOCKED.name { "HTTP/1.1 403" } else { "HTTP/1.1 200" };
                assert!(heard.starts_with(expected), "{host}: {heard}");
            }
        });
    });
    let found: Vec<_> = records
        .iter()
        .map(|record| ["method", "host", "sni", "tube", "action", "status"].map(|field| record.text(field)))
        .collect();
    let address = CLINIC.text(V4);
    let expected = [
        ["GET", CLINIC.name, "-", "clinical", "allow", "200"],
        ["GET", address, SOCIAL.name, "social", "allow", "200"],
        ["GET", address, NEWS.name, "internet", "allow", "200"],
        ["GET", address, BLOCKED.name, "internet", "block", "403"],
        ["GET", CLINIC.name, "-", "clinical", "allow", "200"],
    ];
    assert_eq!(found, expected.map(|row| row.map(str::to_owned)), "{records:?}");
}

/// Origin-form, its own Host whatever name that says, with the port that was chosen, and Via.
pub fn form(world: &World) {
    for (host, passed) in [
        (NEWS.name, NEWS.name),
        ("news.example:8080", "news.example"),
        (CLINIC.name, CLINIC.name),
        ("203.0.113.20", "203.0.113.20"),
    ] {
        let mut heard = String::new();
        world.record(|| {
            heard = on_clients(move || async move {
                let mut client = Client::connect(V4.ward, SocketAddr::new(NEWS.at(V4), 80)).await.unwrap();
                client.say(request(host).as_bytes()).await;
                client.hear("via: 1.1 gw1\r\n\r\n").await
            });
        });
        let head = format!("at {}\nGET /page?x HTTP/1.1\r\nhost: {passed}\r\nvia: 1.1 gw1\r\n\r\n", NEWS.text(V4));
        assert!(heard.ends_with(&head), "{heard}");
    }
}

/// A client that everybody has, with TLS of its own.
pub fn curl(world: &World) {
    for (client, family) in [(V4.ward, V4), (V6.ward, V6), (V4.lab, V4), (V6.lab, V6)] {
        for (scheme, port) in [("http", "80"), ("https", "443")] {
            let mut heard = String::new();
            let url = format!("{scheme}://{}/", SECURE.name);
            let record = world.record(|| heard = world.curl(client, SECURE, family, &url));
            assert!(heard.starts_with(&format!("at {}\nGET / HTTP/1.1\r\n", SECURE.text(family))), "{heard}");
            let found = ["host", "port", "client", "side", "reason"].map(|field| record.text(field));
            assert_eq!(found[..3], [SECURE.name, port, client], "{record:?}");
            assert_eq!(found[4], "finished", "{record:?}");
        }
    }
}

/// Refused before anything is judged.
pub fn refused(world: &World) {
    for bytes in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "CONNECT news.example:443 HTTP/1.1\r\nHost: news.example:443\r\n\r\n",
        "GET https://news.example/ HTTP/1.1\r\nHost: news.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    ] {
        let mut heard = String::new();
        let bytes = bytes.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        let record = world.record(|| heard = ask(V4.ward, NEWS.at(V4), 80, bytes.clone().into_bytes()));
        assert!(heard.starts_with("HTTP/1.1 400"), "{bytes}: {heard}");
        assert_eq!(record.end(), "client: bad-request", "{bytes}: {record:?}");
    }
    // Who goes away within a head has said something too.
    let record = world.record(|| drop(reach(V4.ward, NEWS.at(V4), 80, b"GET / HTTP/1.1\r\nHo", 1)));
    assert_eq!(record.end(), "client: reset", "{record:?}");
}
