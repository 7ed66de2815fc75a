//! Staff: what each of them does, by a script and a seed.

mod bulk;
mod crowd;
mod page;
mod person;
mod photo;
mod video;

pub use person::Person;

use std::sync::{Arc, Mutex};

use tokio::task::JoinSet;

use crate::chance::Chance;
use crate::clock;
use crate::script::{Diary, Habit, Script, Wanting};
use crate::tally::Tally;

/// Sets everybody to work. They stop when what this gives is dropped.
pub fn begin(script: &Script) -> (JoinSet<()>, Vec<Arc<Person>>) {
    let tally = Arc::new(Mutex::new(Tally::new()));
    let notes = Arc::new(Mutex::new(person::Notes::default()));
    let (mut working, mut people) = (JoinSet::new(), Vec::new());
    for crew in &script.crews {
        for who in crew.first..crew.first + crew.people {
            let mut chance = Chance::new(script.seed, 10_000 + u64::from(who));
            let begins = script.zero + clock::nanos(chance.between(crew.from, crew.to));
            let person = Arc::new(Person::new(who, crew.habit, script, &tally, &notes));
            people.push(Arc::clone(&person));
            working.spawn(async move {
                tokio::time::sleep(clock::until(begins)).await;
                match person.habit {
                    Habit::Video => video::watch(&person).await,
                    Habit::Pages => page::read(&person, chance).await,
                    Habit::Photos => photo::send(&person, chance).await,
                    Habit::Bulk(connections) => bulk::load(&person, connections).await,
                    Habit::Crowd(connections) => crowd::stand(&person, connections, chance).await,
                }
            });
        }
    }
    (working, people)
}

/// What all of them wrote down.
pub fn diary(people: &[Arc<Person>]) -> Diary {
    let wanting = |person: &Arc<Person>| Wanting { who: person.who(), habit: person.habit, part: person.wanting() };
    let wanting = people.iter().map(wanting).collect();
    let (down, notes) = match people.first() {
        Some(person) => person.written(),
        None => (Tally::new(), person::Notes::default()),
    };
    let mut pages = notes.pages;
    pages.extend(people.iter().filter_map(|person| person.unfinished()));
    Diary { clinical: Vec::new(), pages, segments: notes.segments, down, wanting, trouble: notes.trouble }
}
