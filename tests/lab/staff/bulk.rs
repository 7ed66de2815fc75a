//! Loading without end, by many connections or one.

use futures_util::future::join_all;

use super::Person;
use crate::tunnel::Want;
use crate::world::Server;

/// More than any link here carries within a scene, so that nothing is ever between two files.
const FILE: u64 = 10_000_000_000;

pub async fn load(person: &Person, connections: u32) {
    join_all((0..connections).map(|_| one(person))).await;
}

async fn one(person: &Person) {
    loop {
        let mut tunnel = person.open(Server::Video).await;
        while person.ask(&mut tunnel, Want { up: 300, think: 0, down: FILE }).await {}
    }
}
