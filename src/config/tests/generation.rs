//! The files of the last generations: what is kept, how long, and that it reads as it did.

use std::fs;

use super::store::Place;
use super::world::{POLICY, change, lines, now};
use crate::base::Host;
use crate::category::Catalog;
use crate::config::{Config, Generation, Generations, Keep, read_past};

impl Place {
    fn generations(&self) -> Generations {
        Generations::of(&self.path("state"))
    }

    /// Puts what the disk says in force as a generation.
    fn apply(&self, number: u64) -> Generation {
        let config = self.read(Keep::Write).config.unwrap();
        self.generations().keep(number, &self.path("clearway.toml"), &config, now()).unwrap()
    }

    /// The category of a name by a kept generation.
    fn then(&self, number: u64, name: &str) -> String {
        let generation = self.generations().find(number).unwrap().unwrap();
        category(&read_past(&self.generations(), &generation, now()).config.unwrap(), name)
    }

    /// How many texts are kept.
    fn texts(&self) -> usize {
        fs::read_dir(self.path("state/generations/files")).unwrap().count()
    }
}

fn category(config: &Config, name: &str) -> String {
    let host: Host = name.parse().unwrap();
    Catalog::new(&config.categories).unwrap().classify(&host, None).category().to_string()
}

#[test]
fn the_last_ten_are_kept_and_each_text_once() {
    let place = Place::new("");
    for number in 1..=12 {
        place.write("list.txt", &format!("only{number}.example\n"));
        place.apply(number);
    }
    let numbers: Vec<u64> = place.generations().kept().unwrap().iter().map(|kept| kept.number).collect();
    assert_eq!(numbers, (3..=12).collect::<Vec<_>>());
    assert_eq!(place.texts(), 2 + 10, "the two files that never changed, and ten lists");
    assert!(place.generations().find(2).unwrap().is_none());
    assert_eq!((&*place.then(3, "only3.example"), &*place.then(4, "only3.example")), ("social", "other"));
}

#[test]
fn a_reload_without_a_change_takes_no_place() {
    let place = Place::new("");
    place.list(3);
    for number in 1..=30 {
        place.apply(number);
    }
    let kept = place.generations().kept().unwrap();
    assert_eq!(kept.iter().map(|kept| (kept.since, kept.number)).collect::<Vec<_>>(), [(1, 30)]);
    assert_eq!(place.generations().find(17).unwrap().as_ref(), kept.first());
}

#[test]
fn a_list_that_is_refused_is_kept_as_it_is_in_force() {
    let place = Place::new("");
    place.list(300);
    place.apply(1);
    place.write("list.txt", "");
    let second = place.apply(2);
    assert_eq!(second.files.len(), 3);
    assert_eq!(place.then(2, "n7.example"), "social");
}

#[test]
fn a_folder_of_lists_reads_as_it_did() {
    let place = Place::new("");
    fs::create_dir(place.path("social")).unwrap();
    place.write("social/domains", "one.example\n");
    place.write("social/urls", "two.example/page\n");
    let lists = "lists = [{ path = \"social\", format = \"ut1\" }]";
    place.write("policy.toml", &change(POLICY, "domains = [\"facebook.com\"]", lists));
    let paths: Vec<_> = place.apply(1).files.into_iter().map(|kept| kept.path).collect();
    let all = ["clearway.toml", "policy.toml", "social/domains", "social/urls"];
    assert_eq!(paths, all.map(|name| place.path(name)));
    fs::remove_dir_all(place.path("social")).unwrap();
    assert_eq!(place.then(1, "www.one.example"), "social");
}

#[test]
fn what_was_kept_and_then_changed_is_not_believed() {
    let place = Place::new("");
    place.list(3);
    let generation = place.apply(1);
    let policy = generation.files.iter().find(|kept| kept.path.ends_with("policy.toml")).unwrap();
    let file = place.path("state/generations/files").join(&policy.sha256);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(file, text.replace("team", "mate")).unwrap();
    let outcome = read_past(&place.generations(), &generation, now());
    assert!(outcome.config.is_none());
    assert!(
        lines(&outcome.problems).iter().any(|line| line.contains("what was kept of it was changed")),
        "{outcome:?}"
    );
}

#[test]
fn what_changed_while_it_was_read_is_not_kept_as_if_it_had_been_in_force() {
    let place = Place::new("");
    place.list(3);
    let config = place.read(Keep::Write).config.unwrap();
    place.list(4);
    let error = place.generations().keep(1, &place.path("clearway.toml"), &config, now()).unwrap_err();
    assert!(error.to_string().ends_with("list.txt was changed while it was read"), "{error}");
    assert_eq!(place.generations().kept().unwrap(), []);
}
