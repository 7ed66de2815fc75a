//! Loading without end, by many connections or one.

use futures_util::future::join_all;

use super::Person;
use crate::tunnel::Want;
use crate::world::Server;

pub async fn load(person: &Person, connections: u32) {
    join_all((0..connections).map(|_| one(person))).await;
}

async fn one(person: &Person) {
    loop {
        let mut tunnel = person.open(Server::Video).await;
        while person.ask(&mut tunnel, Want { up: 300, think: 0, down: 4_000_000 }).await {}
    }
}
