//! Two sets of tubes with the same budgets, as two processes have them, and what both carry together.
#![allow(clippy::cast_possible_truncation)] // bytes and bits of a test's own

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::base::Calendar;
use crate::tube::spec::{Limit, Link, Peak, ShareBy, Spec, Tube};
use crate::tube::{Driver, Sharer};

/// Bits per second.
const CEILING: u32 = 20_000_000;
const TICK: Duration = Duration::from_millis(20);

fn spec() -> Spec {
    let rate = Rate::from_bits_per_second(CEILING.into());
    let ceiling = Limit { down: rate, up: rate };
    let tube = |id: &str, priority: u8, ceiling: Limit| Tube {
        id: id.into(),
        within: None,
        priority,
        ceiling,
        floor: Limit::default(),
        flows: Some(100),
        share_by: ShareBy::Client,
        egress: None,
        peak: Vec::new(),
    };
    let tubes = vec![tube("clinical", 0, Limit::default()), tube("internet", 1, ceiling)];
    Spec { link: Link { rate: Limit::default(), ..Link::default() }, tubes }
}

struct Side {
    tubes: Tubes,
    carried: Arc<AtomicU64>,
    _driver: Driver,
}

impl Side {
    fn new() -> Side {
        let calendar = Calendar { zone: jiff::tz::TimeZone::UTC, bank_holidays: [].into() };
        let tubes = Tubes::new(&spec(), &calendar, clock::wall());
        let _driver = tubes.drive(|| None).unwrap();
        Side { tubes, carried: Arc::default(), _driver }
    }

    /// People who take all they can.
    fn crowd(&self, people: u8, runtime: &tokio::runtime::Runtime) -> Vec<tokio::task::JoinHandle<()>> {
        let take = |person: u8| {
            let who = Sharer { client: IpAddr::from([10, 0, 0, person]), user: None };
            let pass = self.tubes.admit(&"internet".into(), who).unwrap();
            let carried = Arc::clone(&self.carried);
            runtime.spawn(async move {
                loop {
                    let grant = pass.take(Direction::Down, 64 << 10).await;
                    carried.fetch_add(grant.bytes as u64, Ordering::Relaxed);
                }
            })
        };
        (0..people).map(take).collect()
    }

    fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }
}

/// Splits for a while, and gives what each side carried of the ceiling meanwhile.
fn share(new: &Side, old: &Side, lead: &mut Lead, time: Duration) -> [f64; 2] {
    let began = (clock::now(), new.carried(), old.carried());
    while clock::now() - began.0 < time {
        let lots = lead.next(&new.tubes, &old.tubes.told());
        old.tubes.follow(&lots);
        lead.settled(&new.tubes);
        std::thread::sleep(TICK);
    }
    let could = f64::from(CEILING) / 8.0 * (clock::now() - began.0).as_secs_f64();
    [(new.carried() - began.1) as f64 / could, (old.carried() - began.2) as f64 / could]
}

#[test]
fn two_processes_together_carry_the_ceiling_and_no_more_and_people_have_the_same_in_both() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (new, old, mut lead) = (Side::new(), Side::new(), Lead::default());
    let second = Duration::from_secs(1);
    old.tubes.keep(0.5);
    new.tubes.keep(0.5);
    let late = old.crowd(30, &runtime);
    share(&new, &old, &mut lead, second / 2);
    let [_, alone] = share(&new, &old, &mut lead, second);
    assert!((0.93..1.03).contains(&alone), "{alone}");
    let _others = new.crowd(10, &runtime);
    share(&new, &old, &mut lead, second / 2);
    let [mine, theirs] = share(&new, &old, &mut lead, second);
    assert!((0.93..1.03).contains(&(mine + theirs)), "{mine} and {theirs}");
    assert!((0.2..0.3).contains(&mine), "{mine} and {theirs}");
    late.iter().for_each(tokio::task::JoinHandle::abort);
    share(&new, &old, &mut lead, second / 2);
    let [mine, theirs] = share(&new, &old, &mut lead, second / 2);
    assert!(mine > 0.93 && theirs == 0.0, "{mine} and {theirs}");
    // The whole is what is told of, wherever it is used.
    let reading =
        new.tubes.readings(clock::now()).into_iter().find(|reading| reading.tube == "internet".into()).unwrap();
    assert_eq!(reading.down.limit, Some(CEILING.into()));
    new.tubes.alone();
}

#[test]
fn a_peak_that_begins_while_two_processes_share_a_tube_holds_for_both_together() {
    let calendar = Calendar { zone: jiff::tz::TimeZone::UTC, bank_holidays: [].into() };
    let mut peaked = spec();
    let rate = Rate::from_bits_per_second(CEILING as u64 / 2);
    peaked.tubes[1].peak = vec![Peak { when: "12:00-14:00".parse().unwrap(), ceiling: Limit { down: rate, up: rate } }];
    let at = |time: &str| format!("2026-11-24T{time}:00Z").parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (new, old, mut lead) = (Side::new(), Side::new(), Lead::default());
    new.tubes.apply(&peaked, &calendar, at("11:59"));
    old.tubes.apply(&peaked, &calendar, at("11:59"));
    let _crowds = [new.crowd(5, &runtime), old.crowd(5, &runtime)];
    let second = Duration::from_secs(1);
    share(&new, &old, &mut lead, second / 2);
    // Each process sees the edge by its own clock; whoever is first must not leave more to the other.
    new.tubes.apply(&peaked, &calendar, at("12:00"));
    old.tubes.apply(&peaked, &calendar, at("12:00"));
    share(&new, &old, &mut lead, second / 5);
    let [mine, theirs] = share(&new, &old, &mut lead, second);
    assert!((0.45..0.515).contains(&(mine + theirs)), "{mine} and {theirs}");
    assert!((mine / theirs).clamp(0.8, 1.25) == mine / theirs, "{mine} and {theirs}");
}

#[test]
fn flows_of_both_count_against_a_tubes_limit() {
    let (new, old, mut lead) = (Side::new(), Side::new(), Lead::default());
    let who = || Sharer { client: IpAddr::from([10, 0, 0, 1]), user: None };
    let passes: Vec<_> = (0..60).map(|_| old.tubes.admit(&"internet".into(), who()).unwrap()).collect();
    lead.next(&new.tubes, &old.tubes.told());
    let admitted: Vec<_> = (0..60).map_while(|_| new.tubes.admit(&"internet".into(), who()).ok()).collect();
    assert_eq!((passes.len(), admitted.len()), (60, 40));
    lead.next(&new.tubes, &Told::default());
    assert!(new.tubes.admit(&"internet".into(), who()).is_ok());
}

#[test]
fn a_part_is_let_go_before_the_other_takes_it() {
    let (new, old, mut lead) = (Side::new(), Side::new(), Lead::default());
    let internet = TubeId::from("internet");
    let mine = || new.tubes.pacer(Direction::Down).look(|tree| tree.limit(&internet)).unwrap().bits_per_second();
    let theirs = |lots: &[Lot; 2]| lots[0].tubes.iter().find(|(id, _)| *id == internet).unwrap().1.unwrap();
    let whole = u64::from(CEILING);
    // Nobody wants anything: halves.
    let lots = lead.next(&new.tubes, &old.tubes.told());
    assert_eq!(mine() + theirs(&lots).bits_per_second(), whole);
    lead.settled(&new.tubes);
    // The other wants all: ours falls at once, before it is told.
    let mut told = old.tubes.told();
    let mut lots = lots;
    for _ in 0..30 {
        told.at += TICK;
        let part = theirs(&lots).bytes_per_second() * TICK.as_secs_f64();
        for tube in told.usage.iter_mut().flat_map(|usage| &mut usage.tubes).filter(|tube| tube.id == internet) {
            (tube.flows, tube.sharers, tube.carried) = (10, 10, tube.carried + part as u64);
        }
        lots = lead.next(&new.tubes, &told);
        assert!(mine() <= whole - theirs(&lots).bits_per_second());
        lead.settled(&new.tubes);
    }
    assert!(theirs(&lots).bits_per_second() > whole * 9 / 10 && mine() <= whole - theirs(&lots).bits_per_second());
    // It wants nothing any more: ours rises when it has said that it obeys.
    let before = mine();
    while theirs(&lots).bits_per_second() > whole * 8 / 10 {
        told.at += TICK;
        told.usage.iter_mut().flat_map(|usage| &mut usage.tubes).for_each(|tube| tube.sharers = 0);
        lead.settled(&new.tubes);
        lots = lead.next(&new.tubes, &told);
    }
    assert!(before < whole / 10 && mine() < whole * 3 / 10);
    lead.settled(&new.tubes);
    assert_eq!(mine() + theirs(&lots).bits_per_second(), whole);
}
