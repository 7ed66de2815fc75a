//! Reading pages: a document, then all that is on it, by as many connections at once as a browser opens to one host.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::person::Person;
use crate::cli::demo::ask::Want;
use crate::cli::demo::chance::{Chance, whole};

/// Of every browser for HTTP/1.1.
const CONNECTIONS: usize = 6;
/// What comes first and names the rest, in bytes.
const DOCUMENT: u64 = 30_000;

pub async fn read(person: &Person, mut chance: Chance) {
    loop {
        let began = person.diary().now();
        person.diary().notes().waiting[person.who()] = Some(began);
        let parts = whole(chance.between(12.0, 30.0));
        let sizes = Mutex::new((0..parts).map(|_| chance.bytes(12e3, 1.0, 2e3, 200e3)).collect());
        load(person, &Mutex::new(vec![DOCUMENT])).await;
        let browsing = (0..CONNECTIONS).map(|_| load(person, &sizes));
        all(browsing.collect()).await;
        {
            let took = person.diary().now() - began;
            let mut notes = person.diary().notes();
            notes.waiting[person.who()] = None;
            notes.pages.push(took);
        }
        tokio::time::sleep(Duration::from_secs_f64(chance.between(2.0, 5.0))).await;
    }
}

/// Loads one thing after the other by one connection, and by another when that breaks.
async fn load(person: &Person, sizes: &Mutex<Vec<u64>>) {
    let next = || sizes.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut size = next();
    while size.is_some() {
        let mut connection = person.open(&person.origins().pages).await;
        while let Some(down) = size
            && person.ask(&mut connection, Want { up: 700, think: 3_000, down }).await
        {
            size = next();
        }
    }
}

/// Waits for all of these, which go on together.
async fn all(doing: Vec<impl Future<Output = ()>>) {
    let mut doing: Vec<_> = doing.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|cx| {
        doing.retain_mut(|one| one.as_mut().poll(cx).is_pending());
        if doing.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
