//! A client of HTTP/2 that asks, and takes back what it asked when work on it has begun, again and again (CVE-2023-44487).

use std::time::Duration;

use crate::refusals::descriptors;
use crate::world::load::runtime;
use crate::world::origin::SomeNames;
use crate::world::setup::SOCIAL;
use crate::world::{Certs, Lanes, Setup, World, until};

/// Streams that are open at once, and how often all of them are taken back.
const AT_ONCE: usize = 50;
const TIMES: usize = 40;

/// A name that is looked up has a socket for each family.
const SOCKETS: usize = 2 * AT_ONCE;

/// For what is no flow: the connection, the scrapes of the test, what the program opens by and by.
const OTHERS: usize = 40;

#[test]
fn a_stream_that_is_taken_back_has_its_record_and_leaves_no_work_behind() {
    let dir = tempfile::tempdir().unwrap();
    let certs = Certs::write(dir.path());
    let names = SomeNames::start("wales.nhs.uk");
    let setup = Setup { hosts: Vec::new(), servers: vec![names.address], ..Setup::default() };
    let world = World::start(&setup.with_tls(&certs.leaf, &certs.key));
    let are_open = |flows: usize| {
        until(Duration::from_secs(10), &format!("{flows} flows to be open"), || {
            let open = world.scrape().value("clearway_flows_open", &[("tube", "social")]);
            (open == flows as f64).then_some(())
        });
    };
    let before = descriptors(world.pid());
    let rt = runtime();
    let mut lanes = rt.block_on(Lanes::connect(world.proxy(), &certs));
    for time in 0..TIMES {
        let asked = rt.block_on(async {
            let mut asked = Vec::new();
            for number in 0..AT_ONCE {
                // The name servers never say a word about it.
                asked.push(lanes.ask_for_tunnel(&format!("a{number}.b{time}.{SOCIAL}:443")).await.unwrap());
            }
            asked
        });
        are_open(AT_ONCE);
        drop(asked);
        are_open(0);
        let files = descriptors(world.pid());
        assert!(files <= before + SOCKETS + OTHERS, "{files} descriptors, of {before}, after {time} times");
    }
    let places = world.scrape().value("clearway_connections_open", &[]);
    assert!(places <= 1.0, "{places} places are taken");
    drop(lanes);
    let records = world.finish();
    assert_eq!(records.len(), TIMES * AT_ONCE);
    assert!(records.iter().all(|record| record.end() == "client: reset"), "{records:#?}");
}
