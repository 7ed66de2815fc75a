//! How connections leave: a source address, a parent, either family.

use std::time::Duration;

use crate::world::setup::{CLINICAL, NEWS};
use crate::world::{Answer, Origin, Setup, Wire, World, until};

#[test]
fn each_tube_leaves_by_its_own_egress() {
    let origin = Origin::http(|request| Answer::ok(&request.from.ip().to_string()));
    let world = World::start(&Setup { egress: "source = \"127.0.0.77\"\n".to_owned(), ..Setup::default() });
    for (name, from, egress) in [(NEWS, "127.0.0.77", "internet"), (CLINICAL, "127.0.0.1", "system")] {
        let answer = Wire::connect(world.proxy()).get(&format!("http://{name}:{}/", origin.port()));
        assert_eq!(answer.text(), from, "{name}");
        assert_eq!(world.record(name, |r| r.text("host") == name).text("egress"), egress);
    }
}

#[test]
fn a_source_that_is_not_on_this_machine_is_told_of_once_when_it_begins_and_once_when_it_is_over() {
    let origin = Origin::http(|request| Answer::ok(&request.from.ip().to_string()));
    let source = |address: &str| Setup { egress: format!("source = \"{address}\"\n"), ..Setup::default() };
    let world = World::start(&source("192.0.2.77"));
    let ask = || Wire::connect(world.proxy()).get(&format!("http://{NEWS}:{}/", origin.port()));
    let warned = |text: &str| world.said().lines().filter(|line| line.contains(text)).count();
    assert_eq!(warned("this machine has no address 192.0.2.77, from which egress `internet` is to leave"), 1);
    let [begins, over] = ["connections cannot leave by this egress", "connections can leave by this egress again"];
    assert_eq!((warned(begins), warned(over)), (0, 0), "nobody was sent that way yet");
    for _ in 0..3 {
        assert_eq!(ask().status, 500);
    }
    let told = || (warned(begins), warned(over));
    until(Duration::from_secs(10), "the log to tell of it", || (told() != (0, 0)).then_some(()));
    assert_eq!(told(), (1, 0), "{}", world.said());
    let scrape = world.scrape();
    assert_eq!(scrape.value("clearway_egress_failing_hosts", &[("egress", "internet")]), 1.0);
    let results = [("egress", "internet"), ("result", "internal")];
    assert_eq!(scrape.value("clearway_egress_connects_total", &results), 3.0);

    world.reload(&source("127.0.0.77"));
    for _ in 0..3 {
        assert_eq!(ask().text(), "127.0.0.77");
    }
    until(Duration::from_secs(10), "the log to tell that it is over", || (told() != (1, 0)).then_some(()));
    assert_eq!(told(), (1, 1), "{}", world.said());
}

#[test]
fn a_parent_carries_tunnels_and_requests() {
    let origin = Origin::http(|request| Answer::ok(&request.head.all("via").join(", ")));
    let parent = World::start(&Setup::default());
    let egress = format!("parent = \"{}\"\n", parent.proxy_url());
    // The child cannot resolve the name: the parent is the one who does.
    let child = World::start(&Setup { egress, hosts: Vec::new(), ..Setup::default() });
    let authority = format!("{NEWS}:{}", origin.port());
    let answer = Wire::connect(child.proxy()).get(&format!("http://{authority}/"));
    assert_eq!((answer.status, answer.text().as_str()), (200, "1.1 gw-test, 1.1 gw-test"));
    let mut wire = Wire::tunnel(child.proxy(), &authority);
    wire.send(format!("GET / HTTP/1.1\r\nhost: {authority}\r\n\r\n"));
    assert_eq!(wire.answer("GET").status, 200);
    drop(wire);
    assert_eq!(child.finish().len(), 2);
    assert_eq!(parent.finish().len(), 2);
}

#[test]
fn a_parent_gets_its_credentials_and_its_refusal_is_named() {
    let parent = Origin::raw(|mut stream| {
        use std::io::Write as _;
        let mut reader = crate::world::wire::Reader::new(stream.try_clone()?);
        let head = reader.head()?.unwrap_or_default();
        // user:pass
        let known = head.field("proxy-authorization") == Some("Basic dXNlcjpwYXNz");
        stream.write_all(if known {
            b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n"
        } else {
            b"HTTP/1.1 407 Who\r\n\r\n"
        })
    });
    let egress = format!("parent = \"http://user:pass@127.0.0.1:{}\"\n", parent.port());
    let world = World::start(&Setup { egress, ..Setup::default() });
    let answer = Wire::connect(world.proxy()).connect_to(&format!("{NEWS}:443"));
    assert_eq!(answer.status, 502, "{answer:?}");
    assert_eq!(world.only_record().end(), "parent: parent-refused");
}

#[test]
fn a_name_of_either_family_is_reached() {
    let six = Origin::http_on("[::1]:0", |_| Answer::ok("six"));
    let four = Origin::http(|_| Answer::ok("four"));
    let mut setup = Setup::default();
    setup.hosts.push(("six.example.org".to_owned(), "::1".to_owned()));
    let world = World::start(&setup);
    for (name, port, body) in [("six.example.org", six.port(), "six"), (NEWS, four.port(), "four")] {
        assert_eq!(Wire::connect(world.proxy()).get(&format!("http://{name}:{port}/")).text(), body);
    }
}
