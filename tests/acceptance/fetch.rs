//! An absolute-form request with an https URL: the gateway makes the TLS connection.

use crate::world::setup::{NEWS, SOCIAL};
use crate::world::{Certs, Nginx, Setup, Wire, World};

/// A world whose gateway trusts this authority instead of the system's.
fn trusting(certs: &Certs) -> World {
    let env = vec![
        ("SSL_CERT_FILE".to_owned(), certs.ca.display().to_string()),
        ("SSL_CERT_DIR".to_owned(), "/nonexistent".to_owned()),
    ];
    World::start(&Setup { env, ..Setup::default() })
}

#[test]
fn an_https_url_is_fetched_over_tls() {
    let nginx = Nginx::start();
    let world = trusting(&nginx.certs);
    let mut wire = Wire::connect(world.proxy());
    for n in 0..3 {
        let answer = wire.get(&format!("https://{NEWS}:{}/hello.txt", nginx.tls));
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello\n"), "request {n}");
        assert_eq!(answer.head.field("x-name"), Some(NEWS));
    }
    for status in [204, 304] {
        let answer = wire.get(&format!("https://{NEWS}:{}/status/{status}", nginx.tls));
        assert_eq!((answer.status, answer.body.len()), (status, 0));
    }
}

#[test]
fn an_origin_whose_certificate_is_not_trusted_is_not_spoken_to() {
    let nginx = Nginx::start();
    let world = World::start(&Setup::default());
    let answer = Wire::connect(world.proxy()).get(&format!("https://{SOCIAL}:{}/hello.txt", nginx.tls));
    assert_eq!(answer.status, 502);
    assert_eq!(world.only_record().end(), "origin: tls-failed");
}

#[test]
fn a_certificate_for_another_name_is_not_trusted() {
    let nginx = Nginx::start();
    let mut setup =
        Setup { env: vec![("SSL_CERT_FILE".to_owned(), nginx.certs.ca.display().to_string())], ..Setup::default() };
    setup.hosts.push(("elsewhere.example.org".to_owned(), "127.0.0.1".to_owned()));
    let world = World::start(&setup);
    let answer = Wire::connect(world.proxy()).get(&format!("https://elsewhere.example.org:{}/", nginx.tls));
    assert_eq!(answer.status, 502);
    assert_eq!(world.only_record().end(), "origin: tls-failed");
}
