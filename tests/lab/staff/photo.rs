//! Sending photos, one after the other, each on a connection of its own.

use std::time::Duration;

use super::Person;
use crate::chance::Chance;
use crate::tunnel::Want;
use crate::world::Server;

pub async fn send(person: &Person, mut chance: Chance) {
    loop {
        let size = chance.between(1e6, 4e6) as u64;
        let mut tunnel = person.open(Server::Photos).await;
        person.ask(&mut tunnel, Want { up: size, think: 20_000, down: 500 }).await;
        drop(tunnel);
        tokio::time::sleep(Duration::from_secs_f64(chance.between(0.1, 0.5))).await;
    }
}
