//! The contract's example files.

use std::path::Path;

use super::world::{lines, now};
use crate::config::{Keep, read};
use crate::egress::Guard;
use crate::policy::Action;

fn example() -> &'static Path {
    Path::new("tests/fixtures/example/clearway.toml")
}

#[test]
fn the_example_has_no_error_and_only_true_warnings() {
    let outcome = read(example(), now(), Keep::Look);
    assert_eq!(
        lines(&outcome.problems),
        [
            "warning tests/fixtures/example/clearway.toml:18:47 `intranet.example.wales.nhs.uk` is at 127.0.0.1, which `[guard] deny` refuses",
            "warning tests/fixtures/example/policy.toml:4:46 the bank holidays run out on 2027-01-01: then `Mon-Fri 12:00-14:00 except bank-holidays` leaves no day out",
            "warning tests/fixtures/example/policy.toml:26:11 the users of group `communications` never match: no listener asks for a login",
        ]
    );
    assert_eq!(outcome.count(), (0, 3));
}

#[test]
fn the_day_after_its_last_the_examples_exception_has_expired() {
    let outcome = read(example(), "2027-03-31T22:59:59Z".parse().unwrap(), Keep::Look);
    assert_eq!(outcome.count(), (0, 3), "23:59:59 on the last day, in summer time");
    let outcome = read(example(), "2027-03-31T23:00:00Z".parse().unwrap(), Keep::Look);
    assert_eq!(
        lines(&outcome.problems)[3],
        "warning tests/fixtures/example/policy.toml:47:11 rule `communications-team` expired on 2027-03-31 and no longer does anything"
    );
    assert_eq!(
        outcome.problems[3].hint,
        "ask Head of Communications whether it is still needed: take it away, or set a new day"
    );
}

#[test]
fn every_key_of_the_example_means_what_its_comment_says() {
    let config = read(example(), now(), Keep::Look).config.unwrap();
    assert_eq!(config.name, "gw1");
    assert_eq!(config.calendar.zone.iana_name(), Some("Europe/London"));
    assert_eq!(config.calendar.bank_holidays.len(), 3);
    assert_eq!(config.state_dir, Path::new("tests/fixtures/example/state"));
    assert_eq!(config.admin.to_string(), "127.0.0.1:9128");
    assert_eq!(config.listeners[0].clients.len(), 2);
    let names: Vec<_> = config.tubes.tubes.iter().map(|tube| tube.id.as_str()).collect();
    assert_eq!(names, ["clinical", "internet", "social"]);
    let social = &config.tubes.tubes[2];
    assert_eq!(social.within.as_ref().unwrap().as_str(), "internet");
    assert_eq!(social.ceiling.up.unwrap().to_string(), "10 Mbit/s");
    assert_eq!(social.peak[0].when.to_string(), "Mon-Fri 12:00-14:00 except bank-holidays");
    assert_eq!(config.tubes.link.rate.down.unwrap().to_string(), "100 Mbit/s");
    assert_eq!(config.egress.egresses[0].dscp, Some(1));
    assert_eq!(config.egress.egresses[0].source_v4, Some([127, 0, 0, 1].into()));
    let deny = ["127.0.0.0/8", "::1/128", "169.254.0.0/16", "fe80::/10"].map(|net| net.parse().unwrap());
    assert_eq!(config.egress.guard, Guard { deny: deny.to_vec(), ports: vec![80..=80, 443..=443] });
    let categories: Vec<_> = config.categories.categories.iter().map(|category| category.id.as_str()).collect();
    assert_eq!(categories, ["clinical", "social-media", "malware", "trust-pages"], "in the order of the file");
    assert_eq!(config.categories.other.as_str(), "internet");
    let malware = &config.categories.categories[2];
    assert!(malware.lists[0].modified.is_some());
    assert_eq!(malware.lists[0].places.source(0).to_string(), "tests/fixtures/example/lists/malware.txt:2");
    assert_eq!(config.policy.default, Action::Allow);
    assert_eq!(config.policy.rules[3].reason.cy.as_deref(), Some("Mae'r cyfryngau cymdeithasol yn agor am 12:00."));
    assert_eq!(config.policy.rules[2].reason.en.as_deref(), Some("Publishes the board's own pages"));
    assert_eq!(config.policy.rules[3].source.line, 49);
    assert_eq!(config.tests[1].at.unwrap().to_string(), "2026-11-24T10:00:00Z");
    assert_eq!(config.files.len(), 3);
}
