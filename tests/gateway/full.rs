//! Who makes room when the process is full, and who has a record of it.

use std::io::Read as _;
use std::net::TcpStream;

use crate::world::{CARE, MIXED, NEWS, ROOM, Site, Small, V4, World, reach, tls, until};

/// A name that only a name server would know.
const UNKNOWN: &str = "slow.example";

fn say(site: Site, port: u16, bytes: &[u8]) -> TcpStream {
    reach(V4.stranger, site.at(V4), port, bytes, 1).remove(0)
}

/// More silent clients than there is room for, one after another.
fn crowd() -> Vec<TcpStream> {
    reach(V4.stranger, MIXED.at(V4), 443, b"", ROOM + 8)
}

/// Who has said a whole word is no longer asked to make room, though nothing of it is carried yet; and who has said half a
/// word makes room, but not without a record.
pub fn heard(world: &World) {
    let small = Small::begin(world);
    // Its name is looked up for two seconds.
    let hello = tls(UNKNOWN);
    let mut client = say(NEWS, 443, &hello);
    let halves = [(CARE, 443, &hello[..9]), (CARE, 80, b"GET / HTTP/1.1\r\nHo")];
    let halves = halves.map(|(site, port, half)| (say(site, port, half), site, port, half.len()));
    world.has_read(NEWS, 443, hello.len());
    halves.iter().for_each(|(_, site, port, bytes)| world.has_read(*site, *port, *bytes));
    let silent = crowd();
    let expected = format!("at {}\n", NEWS.text(V4));
    let mut heard = vec![0; expected.len()];
    client.read_exact(&mut heard).unwrap();
    assert_eq!(heard, expected.as_bytes());
    drop(client);
    let records = || small.records().into_iter().filter(|record| record.text("address") != MIXED.text(V4));
    until("three records are written", || records().count() >= 3);
    let ends: Vec<_> = records().map(|record| (record.text("sni"), record.end())).collect();
    let full = ("-".to_owned(), "proxy: process-full".to_owned());
    assert_eq!(ends, [full.clone(), full, (UNKNOWN.to_owned(), "client: finished".to_owned())]);
    drop(silent);
}

/// A server that never says a word keeps no place from others for a client that never does.
pub fn mute(world: &World) {
    let small = Small::begin(world);
    let mut client = say(NEWS, 443, b"");
    until("its address is asked what it has to say", || {
        world.sockets(&format!("state established dst {} and dport = :443", NEWS.text(V4))).contains(V4.wans[0][0])
    });
    // It stands behind those who waited before it.
    let silent = [crowd(), crowd()];
    let its = || small.records().into_iter().find(|record| record.text("address") == NEWS.text(V4));
    until("its record is written", || its().is_some());
    assert_eq!(its().unwrap().end(), "proxy: process-full");
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    drop(silent);
}
