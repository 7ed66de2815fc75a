//! The last good copies of lists: what is kept, when one is used, and when a new one is refused.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::world::{GATEWAY, POLICY, change, lines, now};
use crate::base::Host;
use crate::category::Catalog;
use crate::config::{Config, Keep, Outcome, read};

/// A configuration on disk with one list.
pub(super) struct Place(TempDir);

impl Place {
    pub(super) fn new(item: &str) -> Self {
        let place = Place(tempfile::tempdir().unwrap());
        let lists = format!("lists = [{{ path = \"list.txt\", format = \"plain\"{item} }}]");
        place.write("clearway.toml", GATEWAY);
        place.write("policy.toml", &change(POLICY, "domains = [\"facebook.com\"]", &lists));
        place
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// A list of so many names.
    pub(super) fn list(&self, count: usize) {
        self.write("list.txt", &(0..count).map(|number| format!("n{number}.example\n")).collect::<String>());
    }

    pub(super) fn read(&self, keep: Keep) -> Outcome {
        read(&self.path("clearway.toml"), now(), keep)
    }

    /// The copies that are kept, by their numbers.
    fn copies(&self) -> Vec<String> {
        let Ok(lists) = fs::read_dir(self.path("state/lists")) else { return Vec::new() };
        let folders = lists.map(|folder| folder.unwrap().path()).filter(|folder| folder.is_dir());
        let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap());
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }
}

/// How many names the list has that is in force, why a newer one was refused, and where `n7` stands.
fn in_force(config: &Config) -> (usize, Option<String>, String) {
    let list = &config.categories.categories[1].lists[0];
    let catalog = Catalog::new(&config.categories).unwrap();
    let host: Host = "www.n7.example".parse().unwrap();
    let matches = catalog.classify(&host, None);
    let place = matches.named().map(|found| found.source().to_string()).unwrap_or_default();
    let name = Path::new(&place).file_name().unwrap_or_default().to_string_lossy().into_owned();
    (list.counts.entries(), list.refused.clone(), name)
}

#[test]
fn a_list_that_shrank_too_much_is_not_taken_and_says_so() {
    let place = Place::new("");
    place.list(200);
    let outcome = place.read(Keep::Write);
    assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
    assert_eq!(place.copies(), ["1.list"]);
    place.list(50);
    for keep in [Keep::Look, Keep::Write] {
        let outcome = place.read(keep);
        let expected = ":10:19 the list is not taken: it shrank from 200 to 50 entries, by more than 50%; the last good copy stays";
        let lines = lines(&outcome.problems);
        assert!(lines.len() == 1 && lines[0].ends_with(expected), "{lines:?}");
        let refused = Some("it shrank from 200 to 50 entries, by more than 50%".to_owned());
        assert_eq!(in_force(&outcome.config.unwrap()), (200, refused, "list.txt:8".to_owned()));
    }
    assert_eq!(place.copies(), ["1.list"]);
}

#[test]
fn what_is_allowed_to_change_more_is_taken_and_old_copies_go() {
    let place = Place::new(", max_change = \"1000%\", keep = 2");
    for count in [200, 50, 400, 300] {
        place.list(count);
        let outcome = place.read(Keep::Write);
        assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
        assert_eq!(in_force(&outcome.config.unwrap()), (count, None, "list.txt:8".to_owned()));
    }
    assert_eq!(place.copies(), ["3.list", "4.list"]);
}

#[test]
fn a_list_that_is_gone_or_empty_leaves_the_last_good_one_in_force() {
    let place = Place::new("");
    place.list(20);
    place.read(Keep::Write);
    place.write("list.txt", "# nothing\n");
    let (count, refused, _) = in_force(&place.read(Keep::Write).config.unwrap());
    assert_eq!((count, refused.as_deref()), (20, Some("it is empty, and the last good one has 20 entries")));
    fs::remove_file(place.path("list.txt")).unwrap();
    let (count, refused, _) = in_force(&place.read(Keep::Write).config.unwrap());
    assert_eq!((count, refused.as_deref()), (20, Some("it does not exist")));
    // Where nothing good is known, it is a mistake.
    let other = Place::new("");
    assert!(other.read(Keep::Write).config.is_none());
}

#[test]
fn an_unchanged_list_comes_from_its_copy_and_a_broken_copy_is_passed_over() {
    let place = Place::new("");
    place.list(20);
    place.read(Keep::Write);
    for _ in 0..2 {
        assert_eq!(in_force(&place.read(Keep::Write).config.unwrap()), (20, None, "list.txt:8".to_owned()));
        assert_eq!(place.copies(), ["1.list"]);
    }
    let folder =
        fs::read_dir(place.path("state/lists")).unwrap().map(|file| file.unwrap().path()).find(|path| path.is_dir());
    fs::write(folder.unwrap().join("1.list"), "cwlist01 but not really").unwrap();
    assert_eq!(in_force(&place.read(Keep::Write).config.unwrap()), (20, None, "list.txt:8".to_owned()));
    assert_eq!(place.copies(), ["1.list", "2.list"]);
}

#[test]
fn who_only_looks_writes_nothing() {
    let place = Place::new("");
    place.list(20);
    place.read(Keep::Look);
    assert!(!place.path("state").exists());
}

#[test]
fn a_new_protected_name_has_the_list_looked_at_again() {
    let place = Place::new("");
    place.list(20);
    place.read(Keep::Write);
    let policy = fs::read_to_string(place.path("policy.toml")).unwrap();
    place.write("policy.toml", &change(&policy, "\"wales.nhs.uk\"", "\"wales.nhs.uk\", \"n7.example\""));
    let outcome = place.read(Keep::Write);
    assert_eq!(lines(&outcome.problems).len(), 1, "{:?}", outcome.problems);
    assert!(
        outcome.problems[0].message.contains("`n7.example` would take into `social` a name of the protected category")
    );
}

#[test]
fn a_list_is_the_same_however_the_configuration_is_named() {
    let place = Place::new("");
    place.list(200);
    assert!(place.read(Keep::Write).config.is_some());
    let other = place.path("state/../clearway.toml");
    let outcome = read(&other, now(), Keep::Write);
    assert_eq!(in_force(&outcome.config.unwrap()).0, 200);
    place.write("list.txt", "");
    let (count, refused, _) = in_force(&read(&other, now(), Keep::Write).config.unwrap());
    assert_eq!((count, refused.is_some()), (200, true), "it has the same last good copies");
}

#[test]
fn what_is_refused_whole_leaves_the_last_good_copies_as_they_are() {
    let place = Place::new("");
    place.list(200);
    place.read(Keep::Write);
    let before = place.copies();
    place.list(220);
    place.write("policy.toml", "broken");
    assert!(place.read(Keep::Write).config.is_none());
    assert_eq!(place.copies(), before);
}

#[test]
fn who_goes_back_gets_the_list_as_it_is() {
    let place = Place::new("");
    place.list(200);
    place.read(Keep::Write);
    place.list(10);
    assert_eq!(in_force(&place.read(Keep::Write).config.unwrap()).0, 200);
    assert_eq!(in_force(&place.read(Keep::Back).config.unwrap()).0, 10);
}
