//! Standing in a crowd: many connections, most of them idle, the others short and followed by the next.

use std::time::Duration;

use futures_util::future::join_all;

use super::Person;
use crate::chance::Chance;
use crate::tunnel::Want;
use crate::world::Server;

/// Of a hundred connections so many are idle.
const IDLE: u64 = 85;
/// Everybody is there within so many seconds.
const GATHER: f64 = 10.0;

pub async fn stand(person: &Person, connections: u32, mut chance: Chance) {
    let places: Vec<(f64, bool, Chance)> = (0..connections)
        .map(|number| {
            let seed = chance.whole(0, u64::MAX - 1);
            (chance.between(0.0, GATHER), chance.whole(1, 100) <= IDLE, Chance::new(seed, u64::from(number)))
        })
        .collect();
    join_all(places.into_iter().map(|(after, idle, chance)| one(person, after, idle, chance))).await;
}

async fn one(person: &Person, after: f64, idle: bool, mut chance: Chance) {
    tokio::time::sleep(Duration::from_secs_f64(after)).await;
    loop {
        let mut tunnel = person.open(Server::Pages).await;
        let down = chance.between(1e3, 8e3) as u64;
        if person.ask(&mut tunnel, Want { up: 500, think: 2_000, down }).await && idle {
            // As a page that waits for news does.
            tunnel.hold().await;
        }
        tokio::time::sleep(Duration::from_secs_f64(chance.between(2.0, 6.0))).await;
    }
}
