//! By which way a flow leaves, as the wires see it.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::world::{CLINIC, Capture, Client, NEWS, SOCIAL, V4, V6, World, on_clients, tls};

/// Clinical flows leave by the first way, all others by the second, with its source and its mark for routers; whether their
/// client was told of a proxy or not. The mark for the machine's own routes is on no wire: that they leave by the second way,
/// against the main table, is what it does.
pub fn both_kinds_at_once(world: &World) {
    let captures = [Capture::begin(world, "isp1"), Capture::begin(world, "isp2")];
    let sites = [CLINIC, SOCIAL, NEWS];
    let records = world.records(3 * 2 * sites.len(), || {
        on_clients(move || async move {
            let mut flows = tokio::task::JoinSet::new();
            for family in [V4, V6] {
                for site in sites {
                    let (here, proxy) = (site.at(family), family.gateway.parse::<IpAddr>().unwrap());
                    for client in [family.ward, family.lab] {
                        flows.spawn(async move {
                            let mut client = Client::connect(client, SocketAddr::new(here, 443)).await.unwrap();
                            client.say(&tls(site.name)).await;
                            client.hear(&format!("at {here}\n")).await;
                        });
                    }
                    flows.spawn(async move {
                        let mut client = Client::connect(family.told, SocketAddr::new(proxy, 3128)).await.unwrap();
                        let connect = format!("CONNECT {0}:443 HTTP/1.1\r\nHost: {0}:443\r\n\r\n", site.name);
                        client.say(connect.as_bytes()).await;
                        assert!(client.hear("\r\n\r\n").await.starts_with("HTTP/1.1 200"));
                        client.say(&tls(site.name)).await;
                        client.hear("at ").await;
                    });
                }
            }
            flows.join_all().await;
        });
    });
    for record in &records {
        let expected = if record.text("tube") == "clinical" { "wan1" } else { "wan2" };
        assert_eq!(record.text("egress"), expected, "{record:?}");
    }
    let [first, second] = captures;
    // Each site by three clients of both families.
    let (first, second) = (first.end(3 * 2), second.end(2 * 3 * 2));
    for (packets, way, sites, class) in [(&first, 0, &[CLINIC][..], 0), (&second, 1, &[SOCIAL, NEWS], 1 << 2)] {
        assert!(!packets.is_empty());
        for packet in packets.iter().filter(|packet| packet.opens) {
            let family = if packet.to.is_ipv4() { V4 } else { V6 };
            assert!(sites.iter().any(|site| site.at(family) == packet.to), "{packet:?} by way {}", way + 1);
            assert_eq!(packet.from.to_string(), family.wans[way][0], "{packet:?}");
            assert_eq!(packet.class, class, "{packet:?}");
        }
        for (family, site) in [V4, V6].into_iter().flat_map(|family| sites.iter().map(move |site| (family, site))) {
            let opened = packets.iter().filter(|packet| packet.opens && packet.to == site.at(family)).count();
            assert!(opened >= 2, "{} was reached {opened} times by way {}", site.text(family), way + 1);
        }
    }
}

/// Without the second way what has its mark goes nowhere, whoever marked it: the main table leads into clinical's. What the
/// gateway sends is bound to the interface beside.
pub fn gone(world: &World) {
    let before = world.set_up();
    for family in [V4, V6] {
        let (flag, site) = (family.flag, NEWS.text(family));
        world.run(&format!("ip {flag} route get {site} mark 32 | grep -q 'dev wan2 table 49644'"));
        world.run(&format!("ip {flag} route del default dev wan2 table 49644"));
        world.run(&format!("! ip {flag} route get {site} mark 32 2>&1 | grep -q 'dev wan'"));
        world.run(&format!("ip {flag} route get {site} | grep -q 'dev wan1'"));
    }
    world.run(&world.script(&[]));
    assert_eq!(world.set_up(), before);
}

/// So that a browser does not wait for it.
pub fn quic(_world: &World) {
    for (client, family) in [(V4.ward, V4), (V6.ward, V6), (V4.lab, V4), (V6.lab, V6)] {
        let began = Instant::now();
        let refused = on_clients(move || async move {
            let socket = tokio::net::UdpSocket::bind(SocketAddr::new(client.parse().unwrap(), 0)).await.unwrap();
            socket.connect(SocketAddr::new(NEWS.at(family), 443)).await.unwrap();
            // The kernel sends one client no more than one such message a second (icmp(7), icmp_ratelimit).
            for _ in 0..50 {
                socket.send(b"quic").await?;
                if let Ok(heard) = tokio::time::timeout(Duration::from_millis(100), socket.recv(&mut [0; 8])).await {
                    return heard.map(drop);
                }
            }
            Ok(())
        });
        let refused = refused.expect_err("nobody refused it");
        // What "administratively prohibited" becomes in IPv4 (icmp.c, icmp_err_convert) and in IPv6 (icmpv6.c, tab_unreach).
        let kinds = [ErrorKind::HostUnreachable, ErrorKind::PermissionDenied];
        assert!(kinds.contains(&refused.kind()), "{refused}");
        assert!(began.elapsed() < Duration::from_secs(3), "after {:?}", began.elapsed());
    }
}
