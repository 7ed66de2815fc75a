//! Reading pages: a document, then all that is on it at once, each on a short connection of its own.

use std::time::Duration;

use futures_util::future::join_all;

use super::Person;
use crate::chance::Chance;
use crate::script::Load;
use crate::tunnel::Want;
use crate::world::Server;

pub async fn read(person: &Person, mut chance: Chance) {
    loop {
        let at = person.now();
        person.turn_page(Some(at));
        let parts = chance.whole(20, 60);
        let sizes: Vec<u64> = (0..parts).map(|_| chance.log_normal(12e3, 1.0, 2e3, 200e3) as u64).collect();
        load(person, 30_000).await;
        join_all(sizes.into_iter().map(|size| load(person, size))).await;
        let took = person.now() - at;
        person.turn_page(None);
        person.note(|notes| notes.pages.push(Load { who: person.who(), at, took, whole: true }));
        tokio::time::sleep(Duration::from_secs_f64(chance.between(3.0, 9.0))).await;
    }
}

/// Loads one thing, by as many connections as it needs.
async fn load(person: &Person, size: u64) {
    loop {
        let mut tunnel = person.open(Server::Pages).await;
        if person.ask(&mut tunnel, Want { up: 700, think: 3_000, down: size }).await {
            return;
        }
    }
}
