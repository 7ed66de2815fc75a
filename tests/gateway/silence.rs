//! Clients that speak second, late or never, and clients that ask for what is not for them.

use std::io::Read as _;
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use crate::world::{CLINIC, Client, GREETER, GREETING, NEWS, V4, V6, World, ask, on_clients, reach, tls, until};

/// Longer than a client is waited for.
const LATE: Duration = Duration::from_millis(2500);

/// A server that greets is heard by who waits for it; a client that says nothing for a while and then shows a name is judged
/// by that name.
pub fn second_and_late(world: &World) {
    let record = world.record(|| {
        on_clients(|| async {
            let mut client = Client::connect(V4.ward, SocketAddr::new(GREETER.at(V4), 443)).await.unwrap();
            assert_eq!(client.hear(GREETING).await, GREETING);
            client.say(b"HELO ward\r\n").await;
            client.hear(&format!("at {}\n", GREETER.text(V4))).await;
        });
    });
    assert_eq!([record.text("host"), record.text("tube")], [GREETER.text(V4), "internet"]);
    let late = |port: u16, bytes: Vec<u8>| {
        world.records(2, || {
            on_clients(move || async move {
                let mut client = Client::connect(V6.ward, SocketAddr::new(CLINIC.at(V6), port)).await.unwrap();
                tokio::time::sleep(LATE).await;
                client.say(&bytes).await;
                client.hear(&format!("at {}\n", CLINIC.text(V6))).await;
            });
        })
    };
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", CLINIC.name);
    for (port, bytes) in [(443, tls(CLINIC.name)), (80, request.into_bytes())] {
        let records = late(port, bytes);
        let found: Vec<_> =
            records.iter().map(|record| ["host", "tube", "bytes_up"].map(|field| record.text(field))).collect();
        assert_eq!(found[0], [CLINIC.text(V6), "internet", "0"], "{records:?}");
        assert_eq!(found[1][..2], [CLINIC.name, "clinical"], "{records:?}");
    }
    // Who never says a word and goes leaves one record.
    let record = world.record(|| {
        on_clients(|| async {
            let _client = Client::connect(V4.ward, SocketAddr::new(NEWS.at(V4), 443)).await.unwrap();
            tokio::time::sleep(LATE).await;
        });
    });
    assert_eq!([record.text("host"), record.end()], [NEWS.text(V4).to_owned(), "client: finished".to_owned()]);
}

/// A client that goes while its flow waits for an address that does not answer is missed at once. One that has only ended its
/// half of a tunnel is still there.
pub fn gone(world: &World) {
    world.run(&format!(
        "nft 'add chain inet clearway own {{ type filter hook output priority 0; }}; \
         add rule inet clearway own ip daddr {} tcp dport 443 tcp flags syn drop'",
        NEWS.text(V4)
    ));
    let asked = || {
        until("the address is asked", || !world.sockets(&format!("state syn-sent dst {}", NEWS.text(V4))).is_empty());
    };
    let say = |bytes: &[u8]| reach(V4.ward, NEWS.at(V4), 443, bytes, 1).remove(0);
    for bytes in [&tls(NEWS.name)[..], b""] {
        let record = world.record(|| {
            let client = say(bytes);
            asked();
            drop(client);
        });
        let host = if bytes.is_empty() { NEWS.text(V4) } else { NEWS.name };
        assert_eq!([record.text("host"), record.end()], [host, "client: reset"], "{record:?}");
    }
    let record = world.record(|| {
        let mut client = say(b"SSH-2.0-OpenSSH_9.9\r\n");
        client.shutdown(Shutdown::Write).unwrap();
        asked();
        world.run(&world.script(&[]));
        let mut heard = String::new();
        client.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, format!("at {}\n", NEWS.text(V4)));
    });
    assert_eq!(record.end(), "client: finished", "{record:?}");
}

/// No door opens to the gateway itself, by whichever listener, and nothing goes round in circles.
pub fn straight(world: &World) {
    for (client, gateway, port, listener) in [
        (V4.ward, V4.gateway, 3129, "ward-4"),
        (V6.ward, V6.gateway, 3129, "ward-6"),
        (V4.lab, V4.gateway, 3130, "lab-4"),
        (V6.lab, V6.gateway, 3130, "lab-6"),
        // By whom it does not matter.
        (V4.told, V4.wans[0][0], 3130, "lab-4"),
    ] {
        let record = world.record(|| {
            on_clients(move || async move {
                let mut client =
                    Client::connect(client, SocketAddr::new(gateway.parse().unwrap(), port)).await.unwrap();
                assert_eq!(client.hear("anything").await, "");
            });
        });
        let found = [record.text("listener"), record.end(), record.text("host")];
        assert_eq!(found, [listener, "client: no-destination", "-"], "{record:?}");
    }
}

/// Neither by an address that came a moment ago, beside another one of its network from which the gateway itself speaks.
pub fn shared(world: &World) {
    for (family, ip) in [(V4, "ip"), (V6, "ip6")] {
        let at = |address: &str| if ip == "ip6" { format!("[{address}]") } else { address.to_owned() };
        // Rules of somebody else's: ours leave alone what is for the machine itself.
        world.run(&format!(
            "ip {} addr add {}/{} dev lan1 {}
             nft insert rule inet clearway on_their_way {ip} daddr {} tcp dport 443 tproxy {ip} to {}:3129 \
             meta mark set 0xc1ea accept",
            family.flag,
            family.shared,
            family.prefix,
            if ip == "ip6" { "nodad" } else { "" },
            family.shared,
            at(family.gateway)
        ));
        for (client, port) in [(family.ward, 443), (family.lab, 3130)] {
            let record = world.record(|| {
                let mut client = reach(client, family.shared.parse().unwrap(), port, b"", 1).remove(0);
                assert_eq!(client.read(&mut [0]).unwrap(), 0);
            });
            assert_eq!([record.end(), record.text("host")], ["client: no-destination", "-"], "{record:?}");
        }
    }
    world.run(&world.script(&[]));
}

/// Rules of the firewall's that somebody else wrote may bring in who is no client.
pub fn strangers(world: &World) {
    world.run(&format!(
        "nft add rule inet clearway on_their_way ip saddr {} tcp dport '{{ 80, 443 }}' tproxy ip to {}:3129 \
         meta mark set 0xc1ea accept",
        V4.stranger, V4.gateway
    ));
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", NEWS.name);
    for (port, bytes, answer) in [(443, tls(NEWS.name), ""), (80, request.into_bytes(), "HTTP/1.1 403")] {
        let mut heard = String::new();
        let record = world.record(|| heard = ask(V4.stranger, NEWS.at(V4), port, bytes));
        assert!(heard.starts_with(answer) && heard.is_empty() == answer.is_empty(), "{heard}");
        assert_eq!(record.end(), "policy: client-not-allowed", "{record:?}");
    }
    world.run(&world.script(&[]));
}

/// A rule that catches what the gateway itself opens.
pub fn circles(world: &World) {
    world.run(
        "nft 'add chain inet clearway own { type nat hook output priority -100; }; \
         add rule inet clearway own tcp dport 443 redirect to :3130'",
    );
    let records = world.records(2, || assert_eq!(ask(V4.ward, CLINIC.at(V4), 443, tls(CLINIC.name)), ""));
    world.run(&world.script(&[]));
    let mut ends: Vec<_> = records.iter().map(|record| (record.text("listener"), record.end())).collect();
    ends.sort();
    assert_eq!(ends[0], ("lab-4".to_owned(), "client: no-destination".to_owned()), "{records:?}");
    assert_eq!((ends.len(), ends[1].0.as_str()), (2, "ward-4"), "{records:?}");
}
