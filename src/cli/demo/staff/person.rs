//! A member of staff: a habit, patience, and what they do when something breaks.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{page, photo, video};
use crate::cli::demo::ask::{Asker, Connection, Route, Want};
use crate::cli::demo::cast::{CAST, Habit};
use crate::cli::demo::chance::Chance;
use crate::cli::demo::diary::Diary;
use crate::cli::demo::origin::{Origin, Origins};

/// The staff's streams of chance are numbered from here on.
const STREAMS: u64 = 10_000;
/// Before somebody tries again.
const AGAIN: Duration = Duration::from_secs(1);

/// A member of staff.
#[derive(Debug)]
pub struct Person {
    asker: Asker,
    origins: Arc<Origins>,
}

/// Sets everybody to work; all have begun within `within`. They stop when what this gives is dropped.
pub fn begin(seed: u64, route: Route, origins: &Arc<Origins>, diary: &Arc<Diary>, within: Duration) -> JoinSet<()> {
    let mut working = JoinSet::new();
    for who in 0..CAST.people() {
        let mut chance = Chance::new(seed, STREAMS + who as u64);
        let after = Duration::from_secs_f64(chance.between(0.0, within.as_secs_f64()));
        let asker = Asker { who, seat: CAST.seat(who), route, diary: Arc::clone(diary) };
        let person = Person { asker, origins: Arc::clone(origins) };
        working.spawn(async move {
            tokio::time::sleep(after).await;
            match CAST.habit(who) {
                Some(Habit::Video) => video::watch(&person).await,
                Some(Habit::Pages) => page::read(&person, chance).await,
                Some(Habit::Photos) => photo::send(&person, chance).await,
                None => {}
            }
        });
    }
    working
}

impl Person {
    /// Their number.
    pub fn who(&self) -> usize {
        self.asker.who
    }

    /// Where everything is.
    pub fn origins(&self) -> &Origins {
        &self.origins
    }

    /// What everybody writes in.
    pub fn diary(&self) -> &Diary {
        &self.asker.diary
    }

    /// Connects; tries until it works.
    pub async fn open(&self, origin: &Origin) -> Connection<'_> {
        loop {
            match self.asker.open(origin).await {
                Ok(connection) => return connection,
                Err(_) => self.trouble().await,
            }
        }
    }

    /// Asks on an open connection, and says whether it may be used again.
    pub async fn ask(&self, connection: &mut Connection<'_>, want: Want) -> bool {
        let answered = connection.ask(want).await.is_ok();
        if !answered {
            self.trouble().await;
        }
        answered
    }

    async fn trouble(&self) {
        self.diary().notes().trouble += 1;
        tokio::time::sleep(AGAIN).await;
    }
}
