//! What a judgement costs: a host among 100,000 names, a question against 50 rules.
#![allow(clippy::unwrap_used)] // a bench stops where it cannot be set up

use clearway::base::{Calendar, CategoryId, Host, Name, Source};
use clearway::category::{Catalog, Category, Entry, Pattern, Seed, Spec};
use clearway::policy::{self, Action, Policy, Question, Rule, Text};
use divan::{Bencher, black_box};
use jiff::Timestamp;
use jiff::tz::TimeZone;

const NAMES: u64 = 100_000;
const CATEGORIES: u64 = 20;
const RULES: usize = 50;

fn main() {
    divan::main();
}

/// The same names on every run, spread by a multiplier that visits every 64-bit number once.
fn seeded(number: u64) -> Name {
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("n{:x}.d{:x}.example", spread >> 40, spread & 0xffff).parse().unwrap()
}

fn catalog() -> Catalog {
    let source = Source::new("list.txt", 1);
    let entry = |number| Entry { pattern: Pattern::Suffix(seeded(number)), source: source.clone() };
    let category = |place: u64| Category {
        id: CategoryId::from(format!("category-{place}").as_str()),
        tube: Some("internet".into()),
        about: None,
        protected: false,
        entries: (place..NAMES).step_by(20).map(entry).collect(),
        lists: Vec::new(),
        source: source.clone(),
    };
    Catalog::new(&Spec {
        categories: (0..CATEGORIES).map(category).collect(),
        other: "internet".into(),
        seed: Seed::of_process(),
    })
    .unwrap()
}

#[divan::bench]
fn classify_hit(bencher: Bencher<'_, '_>) {
    let catalog = catalog();
    let host: Host = format!("www.{}", seeded(77_777)).parse().unwrap();
    assert!(!catalog.classify(&host, None).as_slice().is_empty());
    bencher.bench(|| catalog.classify(black_box(&host), None));
}

#[divan::bench]
fn classify_miss(bencher: Bencher<'_, '_>) {
    let catalog = catalog();
    let host: Host = "referrals.hospital.wales.nhs.uk".parse().unwrap();
    assert!(catalog.classify(&host, None).as_slice().is_empty());
    bencher.bench(|| catalog.classify(black_box(&host), None));
}

#[divan::bench(sample_count = 5)]
fn build_catalog() -> Catalog {
    catalog()
}

/// A question that no rule matches, so that each of them is looked at.
#[divan::bench(args = [false, true])]
fn decide(bencher: Bencher<'_, '_>, windows: bool) {
    let rule = |place: usize| Rule {
        id: format!("rule-{place}").as_str().into(),
        to: vec![CategoryId::from(if windows { "web" } else { "elsewhere" })],
        from: Vec::new(),
        when: vec!["Sat 09:00-12:00".parse().unwrap()],
        action: Action::Block,
        tube: None,
        owner: None,
        reason: Text::default(),
        expires: None,
        watches: false,
        source: Source::new("policy.toml", 1),
    };
    let policy = Policy::new(&policy::Spec { default: Action::Allow, rules: (0..RULES).map(rule).collect() });
    let calendar = Calendar { zone: TimeZone::get("Europe/London").unwrap(), bank_holidays: [].into() };
    let (web, video) = (CategoryId::from("web"), CategoryId::from("video"));
    let categories = [&web, &video];
    let at: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
    bencher.bench(|| policy.decide(black_box(&Question { categories: &categories, groups: &[], at }), &calendar));
}
