//! Sending photos, one after the other, each on a connection of its own.

use std::time::Duration;

use super::person::Person;
use crate::cli::demo::ask::Want;
use crate::cli::demo::chance::Chance;

pub async fn send(person: &Person, mut chance: Chance) {
    loop {
        let up = chance.bytes(1e6, 0.5, 3e5, 3e6);
        let mut connection = person.open(&person.origins().photos).await;
        person.ask(&mut connection, Want { up, think: 20_000, down: 500 }).await;
        drop(connection);
        tokio::time::sleep(Duration::from_secs_f64(chance.between(0.1, 0.5))).await;
    }
}
